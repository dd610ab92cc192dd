"""Chooses which images to label next from combined ranks, with regard to those already chosen.

``N`` images, ``M`` classes, ``D`` features, ``L`` labeled images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

DUPLICATE = 0.05
"""Images whose features are nearer than this (0: the same, 2: the opposite) are one picture, such as frames of a film.
On aquarium's photographs JPEG copies, brighter, cropped and shifted ones are at 0.00 to 0.05, the nearest other image
at 0.17 in the median."""
FARTHEST = 2.0
SIGNALS = ('class', 'place', 'disagreement', 'rarity', 'novelty')


@dataclass(frozen=True)
class Signals:
    """Ranking signals of each image; a signal that is equal for all images has no effect.

    Args:
        doubt: Class uncertainty, the number of boxes whose class is open, shape (N,), >= 0.
        place: Likewise for locations.
        disagreement: Boxes by which two looks at the image differ, likewise.
        expected: Boxes of each class that are likely there, shape (N, M), >= 0.
        features: Features of the whole image, shape (N, D).
    """

    doubt: np.ndarray
    place: np.ndarray
    disagreement: np.ndarray
    expected: np.ndarray
    features: np.ndarray


@dataclass(frozen=True)
class Choice:
    """One image to label.

    Args:
        index: Index of the image among the N.
        ranks: By signal the share of images that it is ahead of when it is chosen, in (0, 1), ties by half.
        gains: For each class, the boxes it would add over those that are labeled by then, shape (M,).
        duplicates: Images left out since they are the same picture once more.
    """

    index: int
    ranks: dict[str, float]
    gains: np.ndarray
    duplicates: tuple[int, ...]


def choose(
    signals: Signals, labeled: Sequence[int], known: np.ndarray, number: int
) -> list[Choice]:
    """The images to label, the most instructive first.

    One by one the image with the greatest mean rank is taken. Two of the ranks look at what was taken before: rarity is
    the sum over classes of expected boxes over labeled ones plus 1, novelty the distance to the nearest labeled or
    chosen image (greedy k-center). Of near duplicates the first one stands for all.

    Args:
        signals: Signals of the N images.
        labeled: Boxes of each class (M) in the labeled images.
        known: Features of labeled images, shape (L, D); L may be 0.
        number: How many are wanted, >= 1; fewer come where there are fewer.
    """
    total = len(signals.doubt)
    features, others = directions(signals.features, known)
    counts = np.array(labeled, dtype=float) + 1
    fixed = [ranks(values) for values in (signals.doubt, signals.place, signals.disagreement)]
    distance = np.full(total, FARTHEST)
    if len(others):
        distance = np.minimum(distance, 1 - (features @ others.T).max(axis=1))
    left = np.ones(total, dtype=bool)
    chosen: list[Choice] = []
    while len(chosen) < number and left.any():
        gains = signals.expected / counts
        table = np.stack([*fixed, ranks(gains.sum(axis=1)), ranks(distance)])
        best = int(np.argmax(np.where(left, table.mean(axis=0), -1)))
        to_best = 1 - features @ features[best]
        left[best] = False
        same = np.flatnonzero(left & (to_best < DUPLICATE))
        left[same] = False
        found = dict(zip(SIGNALS, table[:, best].tolist(), strict=True))
        chosen.append(Choice(best, found, gains[best], tuple(same.tolist())))
        counts = counts + signals.expected[best]
        distance = np.minimum(distance, to_best)
    return chosen


def ranks(values: np.ndarray) -> np.ndarray:
    """For each value (N,), the share of all values below it, ties counted half, in (0, 1)."""
    found: np.ndarray = (rankdata(np.round(values, 9)) - 0.5) / max(len(values), 1)
    return found


def directions(features: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features of two sets with mean 0 and deviation 1 over both, and length 1: their products are cosines.

    Args:
        features, others: Shape (N, D) and (L, D).
    """
    both = np.concatenate([features, others.reshape(-1, features.shape[1])]).astype(float)
    if not len(both):
        return both, both
    both = (both - both.mean(axis=0)) / np.maximum(both.std(axis=0), 1e-9)
    both /= np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9)
    return both[: len(features)], both[len(features) :]
