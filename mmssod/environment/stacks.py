"""The two mm stacks that mmssod runs on, and the oldest versions it accepts.

Both stacks install the import names ``mmengine``, ``mmcv`` and ``mmdet`` and write the same files,
so one environment holds one of them. The same bounds stand in ``requirements/``, which setup.cfg
makes extras of; a test holds the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass

TORCH_AT_LEAST = '2.4'
#: The pair that mmssod is developed and tested with; the messages offer it as the way out.
TORCH_TESTED = {'torch': '2.11.0', 'torchvision': '0.26.0'}

#: Two distributions of one OpenCV: mmcv asks for the first, which needs libGL; the second does not.
OPENCV = ('opencv-python', 'opencv-python-headless')


@dataclass(frozen=True)
class Part:
    """One import name of a stack.

    Attributes:
        module: the import name.
        distributions: the distributions that provide it; the first is the one the extra installs.
        at_least: the oldest version accepted.
        below: the first version refused.
    """

    module: str
    distributions: tuple[str, ...]
    at_least: str
    below: str

    @property
    def requirement(self) -> str:
        """As pip is given it, e.g. ``mmdet>=3.3.0,<3.4``."""
        return f'{self.distributions[0]}>={self.at_least},<{self.below}'


@dataclass(frozen=True)
class Stack:
    """A set of parts that belong together; ``name`` is the name of the extra."""

    name: str
    parts: tuple[Part, ...]

    @property
    def distributions(self) -> frozenset[str]:
        """All that can provide a part of this stack."""
        return frozenset(name for part in self.parts for name in part.distributions)


STACKS = (
    Stack(
        'onedl',
        (
            Part('mmengine', ('onedl-mmengine',), '0.10.12', '0.11'),
            Part('mmcv', ('onedl-mmcv',), '2.3.6', '3'),
            Part('mmdet', ('onedl-mmdetection',), '3.5.1', '4'),
        ),
    ),
    Stack(
        'openmmlab',
        (
            Part('mmengine', ('mmengine', 'mmengine-lite'), '0.10.7', '0.11'),
            Part('mmcv', ('mmcv-lite', 'mmcv'), '2.1.0', '2.2'),
            Part('mmdet', ('mmdet',), '3.3.0', '3.4'),
        ),
    ),
)

MODULES = tuple(part.module for part in STACKS[0].parts)
