"""Let ``torch.load`` read mmengine's checkpoints as data, without running code from them.

From torch 2.6 on, ``torch.load`` refuses every type it does not know. A checkpoint of mmengine
holds its log (``HistoryBuffer``, of numpy arrays), so mmengine 0.10.7 cannot resume its own
training, and onedl-mmengine falls back to unpickling anything. Naming the types settles both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

# Of numpy's types those that a log of numbers can have: bool, integers and floats of any width.
_NUMBER_CODES = '?bBhHiIlLqQefd'
_STATISTICS = ('min', 'max', 'mean', 'current')


def allow_checkpoint_types() -> None:
    """Add what mmengine's checkpoints hold to the types that ``torch.load`` accepts. Idempotent."""
    if not hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint'):
        return  # torch before 2.6 loads everything by default
    pickled: Any = (np.zeros(1), np.float64(0))
    rebuilders = [value.__reduce__()[0] for value in pickled]
    # By name, as numpy 2 moved the functions that rebuild arrays and scalars.
    aliases: list[Any] = [
        (function, f'numpy.{core}.multiarray.{function.__name__}')
        for function in rebuilders
        for core in ('core', '_core')
    ]
    number_types = sorted({type(np.dtype(code)) for code in _NUMBER_CODES}, key=str)
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            *number_types,
            *aliases,
            (_statistic, 'builtins.getattr'),
        ]
    )


def _statistic(owner: Any, name: str) -> Any:
    """The one use of ``getattr`` in these checkpoints: the statistics of a ``HistoryBuffer``.

    Raises:
        ValueError: for any other use.
    """
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise ValueError(
            f'the checkpoint asks for {name!r} of {owner!r}, expected one of {_STATISTICS} of '
            'HistoryBuffer; it was not written by mmengine alone'
        )
    return getattr(owner, name)
