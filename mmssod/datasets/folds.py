"""Divides a COCO json into folds for cross-validation: each image in exactly one fold, classes spread evenly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmssod.datasets.split import Coco, take_images
from mmssod.environment.errors import InputError

ImageId = int | str


@dataclass(frozen=True)
class Fold:
    """One fold.

    Args:
        train: The images of all other folds, with their boxes.
        held_out: Images of the fold, with their annotations.
    """

    train: Coco
    held_out: Coco


def draw_folds(
    coco: Coco, number: int, seed: int, groups: Sequence[Sequence[ImageId]] = ()
) -> list[set[ImageId]]:
    """Image ids of each fold; none is empty, and each image is in exactly one.

    Images of the rarest class that is left go one by one to the fold that lacks most of the class, of equal ones to the
    smallest: so a class in at least ``number`` images comes to each fold, unless its images go together with those of
    rarer classes. (Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-Label Data, ECML 2011.)

    Args:
        coco: With ``images`` and ``annotations``; crowds do not count.
        number: Number of folds, >= 2.
        seed: Seed of the order of images, >= 0.
        groups: Ids of all images, those together that must be in one fold, such as copies; by default each alone.

    Raises:
        ValueError: Fewer than two folds, or more than there are groups.
    """
    groups = groups or [[image['id']] for image in coco['images']]
    if not 2 <= number <= len(groups):
        raise InputError(
            f'folds: expected 2 to {len(groups)}, as many as there are labeled images (copies of one count once), got '
            f'{number}; fix: name fewer folds, or label more images'
        )
    classes = _classes(coco)
    inside = [set[ImageId]().union(*(classes[i] for i in group)) for group in groups]
    total = Counter(name for names in inside for name in names)
    folds: list[set[ImageId]] = [set() for _ in range(number)]
    there: list[Counter[ImageId | None]] = [Counter() for _ in folds]
    rest = [int(place) for place in np.random.RandomState(seed).permutation(len(groups))]
    while rest:
        left = Counter(name for place in rest for name in inside[place])
        rarest = min(left, key=lambda name: (left[name], total[name], str(name)), default=None)
        chosen = [place for place in rest if rarest is None or rarest in inside[place]]
        for place in chosen:
            fold = min(range(number), key=lambda fold: (there[fold][rarest], len(folds[fold])))
            folds[fold].update(groups[place])
            there[fold].update(inside[place])
        rest = [place for place in rest if rarest is not None and rarest not in inside[place]]
    return folds


def take_apart(coco: Coco, folds: Sequence[set[ImageId]]) -> Iterator[Fold]:
    """Training and held-out parts of each fold; images and boxes keep their order."""
    ids = {image['id'] for image in coco['images']}
    for held_out in folds:
        yield Fold(take_images(coco, ids - held_out), take_images(coco, held_out))


def thin_classes(coco: Coco, number: int) -> dict[str, int]:
    """Classes in fewer images than there are folds, and in how many: some folds hold none of them."""
    images = Counter(name for names in _classes(coco).values() for name in names)
    names = {category['id']: category['name'] for category in coco['categories']}
    return {names[i]: images[i] for i in names if 0 < images[i] < number}


def _classes(coco: Coco) -> dict[ImageId, set[ImageId]]:
    """Category ids on each image, crowds left out."""
    found: dict[ImageId, set[ImageId]] = {image['id']: set() for image in coco['images']}
    for box in coco['annotations']:
        if not box.get('iscrowd'):
            found[box['image_id']].add(box['category_id'])
    return found
