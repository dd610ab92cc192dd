"""Scenes of the demo data: which objects an image holds and where they lie.

M = number of classes, S = image side in pixels. Boxes are (x1, y1, x2, y2) in absolute pixels,
continuous: pixel i covers [i, i + 1]. A box is that of the whole object, hidden parts included,
clipped to the image. Objects of which less than `MIN_VISIBLE` would show are left out of the
picture, so every object in a picture has a box.

Image i of a stream depends on the seed, the stream and i alone, never on how many images are made.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from demo_drawings import shapes
from demo_drawings.patches import Mask, Patch, crossing, rasterize

MIN_VISIBLE = 0.4
"""Smallest share of an object's area that must be inside the image and not behind others."""

_DECK = 100
_OBJECTS = (12, 20, 25, 21, 14, 8)
"""Images of a deck with 1, 2, ... objects; they sum to `_DECK`."""

_SIDES = (0.24, 0.58)
"""Longer side of an object as a share of the image's; less in a crowd."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Thing:
    """An object of a scene.

    Attributes:
        label: class index in [0, M).
        patch: its mask, hidden parts included.
        box: x1, y1, x2, y2, clipped to the image.
        area: visible and hidden pixels inside the image.
        visible: share of the whole object that shows, in [MIN_VISIBLE, 1].
    """

    label: int
    patch: Patch
    box: Box
    area: float
    visible: float


@dataclass(frozen=True)
class Scene:
    """What an image shows; `things` are sorted from front to back."""

    size: int
    things: tuple[Thing, ...]
    paint_seed: tuple[int, ...]


def class_shares(num_classes: int, tail_ratio: float) -> NDArray[np.float64]:
    """Geometric class frequencies.

    Args:
        num_classes: M.
        tail_ratio: frequency of class 0 over that of class M - 1.

    Returns:
        (M,) falling shares that sum to 1.
    """
    exponent = np.arange(num_classes) / max(num_classes - 1, 1)
    shares = tail_ratio**-exponent
    result: NDArray[np.float64] = shares / shares.sum()
    return result


def draw_thing(rng: np.random.Generator, label: int, side: float) -> Mask:
    """The mask of a random member of a class, its longer side about `side` pixels."""
    outline = shapes.SHAPES[list(shapes.SHAPES)[label]](rng)
    outline = shapes.fit(shapes.deform(outline, rng), side)
    return rasterize(outline, softness=rng.uniform(0.2, 0.7) * min(1.0, side / 24))


def _place(rng: np.random.Generator, mask: Mask, size: int) -> Patch:
    """A position on the image, one in six partly beyond its border."""
    height, width = mask.shape
    beyond = 0.3 if rng.random() < 1 / 6 else 0.0
    x = rng.uniform(-beyond * width, max(size - (1 - beyond) * width, 0))
    y = rng.uniform(-beyond * height, max(size - (1 - beyond) * height, 0))
    return Patch(mask, round(x), round(y))


def _place_behind(rng: np.random.Generator, mask: Mask, other: Thing, size: int) -> Patch:
    """A position half behind another object, its middle on the image."""
    x1, y1, x2, y2 = other.box
    middle = np.array([(y1 + y2) / 2, (x1 + x2) / 2])
    reach = (np.array([y2 - y1, x2 - x1]) + mask.shape) / 2
    spot = np.clip(middle + rng.uniform(-0.8, 0.8, 2) * reach, 0, size) - np.array(mask.shape) / 2
    y, x = np.round(spot).astype(int).tolist()
    return Patch(mask, x, y)


def _box(patch: Patch, size: int) -> Box:
    left, right = crossing(patch.alpha, 1)
    top, bottom = crossing(patch.alpha, 0)
    corners = np.array([left + patch.x, top + patch.y, right + patch.x, bottom + patch.y])
    x1, y1, x2, y2 = np.clip(corners, 0, size).tolist()
    return x1, y1, x2, y2


def _settle(
    rng: np.random.Generator, label: int, things: list[Thing], front: Mask, crowding: int
) -> Thing | None:
    """Draws an object behind all others; None where no try shows enough of it.

    Three in ten hide behind another object on purpose; the others look for a free place, and put up
    with less after some tries.

    Args:
        rng: source of the random draws.
        label: class of the object.
        things: the objects before it.
        front: (S, S) union of their masks.
        crowding: how many more objects the image is to hold; objects in a crowd are smaller.
    """
    size = len(front)
    low, high = _SIDES
    side = size * low * (high / low) ** rng.random() * (1 - 0.06 * crowding)
    mask = draw_thing(rng, label, max(side, 10.0))
    whole = float(mask.sum())
    other = things[rng.integers(len(things))] if things and rng.random() < 0.3 else None
    for attempt in range(24):
        patch = _place_behind(rng, mask, other, size) if other else _place(rng, mask, size)
        there, here = patch.window(size)
        part = mask[here]
        visible = float((part * (1 - front[there])).sum()) / whole
        if visible >= (MIN_VISIBLE if other or attempt >= 12 else 0.92):
            return Thing(label, patch, _box(patch, size), float(part.sum()), min(visible, 1.0))
    return None


class Stream:
    """An endless, reproducible sequence of scenes with given class frequencies.

    Objects are dealt from decks of `_DECK` images: each deck holds the classes in their due shares,
    off by less than one box a class, so that counts follow `shares` even for the rarest class.

    Args:
        key: seed of the stream, for instance (seed, number of the split).
        size: S.
        shares: (M,) class frequencies that sum to 1.
    """

    def __init__(self, key: tuple[int, ...], size: int, shares: NDArray[np.float64]) -> None:
        self.key = key
        self.size = size
        self.shares = shares
        self._deck = cache(self._shuffle)

    def _shuffle(self, number: int) -> list[list[int]]:
        rng = np.random.default_rng((*self.key, 0, number))
        objects = rng.permutation(np.repeat(np.arange(1, len(_OBJECTS) + 1), _OBJECTS))
        marks = (np.arange(objects.sum()) + rng.random()) / objects.sum()
        labels = np.searchsorted(np.cumsum(self.shares)[:-1], marks, side='right')
        hands = np.split(rng.permutation(labels), np.cumsum(objects)[:-1])
        return [hand.tolist() for hand in hands]

    def labels(self, index: int) -> list[int]:
        """Classes dealt to an image; its scene may show fewer where there is no room."""
        return self._deck(index // _DECK)[index % _DECK]

    def scene(self, index: int) -> Scene:
        """The scene of an image; it has at least one object."""
        rng = np.random.default_rng((*self.key, 1, index))
        front = np.zeros((self.size, self.size), np.float32)
        things: list[Thing] = []
        labels = self.labels(index)
        for label in labels:
            thing = _settle(rng, label, things, front, crowding=len(labels) - 1)
            if thing is not None:
                things.append(thing)
                there, here = thing.patch.window(self.size)
                np.maximum(front[there], thing.patch.alpha[here], out=front[there])
        return Scene(self.size, tuple(things), (*self.key, 2, index))
