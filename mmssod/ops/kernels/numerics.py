"""Precision of the replacement operators, and their behavior in torch's deterministic mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def compute_dtype(*tensors: Tensor) -> torch.dtype:
    """float64 if any of the tensors is, else float32."""
    any_double = any(tensor.dtype is torch.float64 for tensor in tensors)
    return torch.float64 if any_double else torch.float32


@contextmanager
def tolerate_nondeterminism() -> Iterator[None]:
    """Let ``torch.use_deterministic_algorithms`` warn, not raise: a GPU sums in no fixed order.

    mmcv's compiled kernels have no fixed order either and say nothing; raising would end every
    training that asks for determinism on a GPU.
    """
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    if not strict or warn_only:
        yield
        return
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(True, warn_only=False)
