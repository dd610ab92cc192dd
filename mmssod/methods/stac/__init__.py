"""STAC (Sohn et al., 2020): labels of a frozen teacher, and a strong view with geometric augmentation.

What differs from the core: one threshold on p, plain regression, a student that starts anew, and two transforms of the
strong view, ``StrongAffine`` and ``StrongSquares``. Details: ``configs/stac/README.md``.
"""

from mmssod.methods.stac.affine import StrongAffine
from mmssod.methods.stac.squares import StrongSquares

__all__ = [
    'StrongAffine',
    'StrongSquares',
]
