"""The key of a training sample, and random numbers that depend on this key alone."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class SampleKey:
    """Identifies an image and one random augmentation of it.

    Attributes:
        index: Index into the data set that the sampler was built for.
        seed: Seed of the sample's augmentation, in [0, 2**32).
    """

    index: int
    seed: int


def derive_seed(*parts: object) -> int:
    """A seed in [0, 2**32) from the text of ``parts``, the same on every machine and version."""
    text = '/'.join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), 'little')


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Starts python's, numpy's and torch's CPU generators from ``seed``, and puts them back after.

    The generators of accelerators are left alone: ``torch.manual_seed`` would reset them in the
    training process.
    """
    before = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.random.set_rng_state(before[2])
