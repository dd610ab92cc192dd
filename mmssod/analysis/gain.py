"""Difference in AP between two detectors with its uncertainty: a paired bootstrap over images.

``I`` images, ``B`` draws of I images each, ``N`` detections and ``M`` classes, ``T`` IoU thresholds 0.50 .. 0.95.

A draw takes I images with replacement; both detectors are judged on the same ones. Detections are matched with true
boxes once. In a draw, each of them counts as often as its image was drawn, so AP is a few cumulative sums. (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: percentile interval.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmssod.analysis.image_matches import ClassMatches, match_images
from mmssod.datasets.annotation_files import read_json
from mmssod.environment.errors import InputError
from mmssod.evaluation.coco import category_ids

RECALLS = np.linspace(0.0, 1.0, 101)  # where COCO reads precision
LEVEL = 95.0  # percent of draws within an interval
CELLS = 200_000  # numbers of one array at a time: what fits caches


@dataclass(frozen=True)
class Gain:
    """AP of a detector minus that of another on the same images; all in percent, over IoU 0.50 to 0.95.

    Args:
        ap, other_ap: AP of both; NaN where no class has a true box.
        gain: Their difference.
        low, high: Its 95 % interval over draws of images.
        classes: Gain of each class that has true boxes.
        intervals: 95 % interval of each of these.
        images: How many there are.
        draws: How many times they were drawn.
        drawn: The gain in each draw, shape (B,); NaN where a draw has no true box.
    """

    ap: float
    other_ap: float
    gain: float
    low: float
    high: float
    classes: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    images: int
    draws: int
    drawn: np.ndarray = field(repr=False, compare=False)


def paired_gain(
    truth: dict | str | Path,
    ours: Sequence[dict],
    theirs: Sequence[dict],
    draws: int = 1000,
    seed: int = 0,
    classes: Sequence[str] = (),
) -> Gain:
    """Compare two detectors on the same images.

    Args:
        truth: COCO data set, or the path of its json.
        ours: Detections in COCO's result format: image_id, category_id, bbox ``[x, y, w, h]``, score.
        theirs: Matches of the other detector.
        draws: B. With 0 there is no interval: its ends are NaN.
        seed: Seed of the draws; equal seeds draw the same images for sets of equal size.
        classes: Names of the classes to judge; by default all categories.

    Raises:
        ValueError: For detections on images that ``truth`` lacks, classes that it lacks, or a negative number of draws.
    """
    truth = truth if isinstance(truth, dict) else read_json(truth)
    names = list(classes) or [category['name'] for category in truth['categories']]
    ids = category_ids(truth, names)
    if draws < 0:
        raise InputError(f'draws: expected 0 or more, got {draws}')
    _require_known_images(truth, ours, theirs)
    ours_matched, theirs_matched = (match_images(truth, found, ids) for found in (ours, theirs))
    return matched_gain(ours_matched, theirs_matched, names, len(truth['images']), draws, seed)


def matched_gain(
    ours: Sequence[ClassMatches],
    theirs: Sequence[ClassMatches],
    names: Sequence[str],
    images: int,
    draws: int = 1000,
    seed: int = 0,
) -> Gain:
    """The same of detections that are matched with true boxes.

    Args:
        ours, theirs: Of each class, see :func:`~mmssod.analysis.image_matches.match_images`.
        names: Names of the classes.
        images: How many there are.
        draws, seed: See :func:`paired_gain`.
    """
    both = [ours, theirs]
    whole = _ap(both, np.ones((1, images), dtype=np.int32))  # (2, 1, M)
    drawn = _ap(both, draw_images(images, draws, seed))  # (2, B, M)
    means, changes = _mean(whole), _mean(drawn[0]) - _mean(drawn[1])
    by_class = drawn[0] - drawn[1]
    low, high = interval(changes)
    known = [place for place in range(len(names)) if not np.isnan(whole[0, 0, place])]
    return Gain(
        ap=float(means[0, 0]),
        other_ap=float(means[1, 0]),
        gain=float(means[0, 0] - means[1, 0]),
        low=low,
        high=high,
        classes={names[i]: float(whole[0, 0, i] - whole[1, 0, i]) for i in known},
        intervals={names[i]: interval(by_class[:, i]) for i in known},
        images=images,
        draws=draws,
        drawn=changes,
    )


def draw_images(images: int, draws: int, seed: int) -> np.ndarray:
    """How often each image is in each draw, shape (B, I), int32; each row sums to I."""
    generator = np.random.default_rng(seed)
    weights = np.zeros((draws, images), dtype=np.int32)
    for row in weights:
        row += np.bincount(generator.integers(images, size=images), minlength=images).astype(
            np.int32
        )
    return weights


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Percentiles between which ``level`` percent of the values lie, those that are NaN left out; NaN for none."""
    known = values[~np.isnan(values)]
    if not known.size:
        return float('nan'), float('nan')
    rest = (100 - level) / 2
    low, high = np.percentile(known, [rest, 100 - rest])
    return float(low), float(high)


def average_precision(matches: ClassMatches, weights: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """AP of one class in each draw, in [0, 1], the mean over IoU thresholds; shape (B,).

    Precision is greatest at a right detection among all up to the next one, so only right ones are looked at. What
    each adds is its interpolated precision times the number of recall points that it reaches first.

    Args:
        matches: Detections of the class.
        weights: Number of times that each image was drawn, shape (B, I).
        levels: How many of the 101 recall points are reached by so many true boxes, shape (B, most true boxes + 1);
            see :func:`recall_levels`.
    """
    total = np.zeros(len(weights))
    last = np.flatnonzero(matches.right.any(axis=0))
    if not last.size:
        return total
    end = last[-1] + 1
    seen = np.cumsum(weights[:, matches.image[:end]], axis=1, dtype=np.int32)
    for right, ignored in zip(matches.right, matches.ignored, strict=True):
        places = np.flatnonzero(right)
        if not places.size:
            continue
        found = np.cumsum(weights[:, matches.image[places]], axis=1, dtype=np.int32)
        counted = seen[:, places]
        if ignored[:end].any():
            counted = counted - _before(np.flatnonzero(ignored[:end]), places, matches, weights)
        precision = found / np.maximum(counted, 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        reached = np.take_along_axis(levels, found, axis=1)
        total += reached[:, 0] * best[:, 0]
        total += np.einsum('bn,bn->b', np.diff(reached, axis=1), best[:, 1:])
    return total / len(RECALLS) / len(matches.right)


def recall_levels(true: np.ndarray) -> np.ndarray:
    """How many of COCO's 101 recall points 0, 1, 2, ... found boxes reach of so many true ones.

    Args:
        true: True boxes in each draw, shape (B,).

    Returns:
        Shape (B, most of them + 1), int32. Recall is divided as COCO does it, so that both round alike.
    """
    most = int(true.max(initial=0))
    levels = np.zeros((len(true), most + 1), dtype=np.int32)
    for row, number in zip(levels, true, strict=True):
        recall = np.arange(most + 1) / max(int(number), 1)
        row += np.searchsorted(RECALLS, recall, side='right').astype(np.int32)
    return levels


def _before(
    ignored: np.ndarray, places: np.ndarray, matches: ClassMatches, weights: np.ndarray
) -> np.ndarray:
    """How much weight of ignored detections lies before each place, shape (B, places)."""
    sums = np.cumsum(weights[:, matches.image[ignored]], axis=1, dtype=np.int32)
    sums = np.concatenate([np.zeros((len(weights), 1), np.int32), sums], axis=1)
    return sums[:, np.searchsorted(ignored, places)]


def _ap(both: Sequence[Sequence[ClassMatches]], weights: np.ndarray) -> np.ndarray:
    """AP in percent of both detectors in each draw, of each class; NaN where it has no true box; shape (2, B, M)."""
    result = np.full((2, len(weights), len(both[0])), np.nan)
    for place, pair in enumerate(zip(*both, strict=True)):
        true = pair[0].truth  # both have the same
        widest = max(len(true) + 1, *(len(one.image) for one in pair))
        step = max(1, CELLS // widest)
        for start in range(0, len(weights), step):
            part = weights[start : start + step]
            number = part[:, true].sum(axis=1)
            levels = recall_levels(number)
            for detector, one in enumerate(pair):
                ap = 100 * average_precision(one, part, levels)
                result[detector, start : start + step, place] = np.where(number > 0, ap, np.nan)
    return result


def _mean(ap: np.ndarray) -> np.ndarray:
    """Mean over the classes that have true boxes, the last axis; NaN where none has."""
    known = ~np.isnan(ap)
    count = known.sum(axis=-1)
    mean: np.ndarray = np.where(
        count > 0, np.where(known, ap, 0.0).sum(axis=-1) / np.maximum(count, 1), np.nan
    )
    return mean


def _require_known_images(truth: dict, *both: Sequence[dict]) -> None:
    known = {image['id'] for image in truth['images']}
    for name, found in zip(('ours', 'theirs'), both, strict=True):
        strange = sorted({box['image_id'] for box in found} - known)
        if strange:
            raise InputError(
                f'{name}: expected detections on the {len(known)} images of truth, got {len(strange)} other image ids, '
                f'the first is {strange[0]!r}; fix: give the data set that was predicted on'
            )
