"""Scenes of the demo data: which objects an image holds, where they lie, and how it is painted.

M = number of classes, S = image side in pixels, h, w = side lengths of a patch. Boxes are (x1, y1, x2, y2) in absolute pixels,
continuous: pixel i covers [i, i + 1]. A box is that of the whole object, hidden parts included, clipped to the image.
Objects of which less than `MIN_VISIBLE` would show are left out of the picture, so every object in a picture has a box.

Image i of a stream depends on the seed, the stream and i alone, never on how many images are made.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mmssod.testing import shapes, textures

MIN_VISIBLE = 0.4
"""Smallest share of an object's area that must be inside the image and not behind others."""

_DECK = 100
_OBJECTS = (12, 20, 25, 21, 14, 8)
_SIDES = (0.2, 0.55)
_SUPERSAMPLING = 4
_HUE_HABIT = 0.5

Mask = NDArray[np.float32]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Patch:
    """A soft mask somewhere on, or partly beyond, the image.

    Attributes:
        alpha: (h, w) coverage in [0, 1].
        x: column of its left edge in the image, may be negative.
        y: row of its upper edge.
    """

    alpha: Mask
    x: int
    y: int

    def window(self, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Rows and columns in the image, and the same in the patch, where the two overlap."""
        height, width = self.alpha.shape
        top, left = max(self.y, 0), max(self.x, 0)
        bottom, right = max(min(self.y + height, size), top), max(min(self.x + width, size), left)
        there = slice(top, bottom), slice(left, right)
        here = slice(top - self.y, bottom - self.y), slice(left - self.x, right - self.x)
        return there, here


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


def crossing(mask: Mask, axis: int) -> tuple[float, float]:
    """Where a mask begins and ends along an axis: where its maximum across the other axis passes 1/2.

    Args:
        mask: (h, w) in [0, 1]; reaches 1/2 somewhere, but not at its rim.
        axis: 0 for rows, 1 for columns.

    Returns:
        Start and end in pixels from the mask's own corner, interpolated between pixel centres.
    """
    profile = mask.max(axis=1 - axis)
    inside = np.flatnonzero(profile >= 0.5)
    first, last = int(inside[0]), int(inside[-1])
    before, after = profile[first - 1], profile[last + 1]
    start = first + 0.5 - (profile[first] - 0.5) / (profile[first] - before)
    end = last + 0.5 + (profile[last] - 0.5) / (profile[last] - after)
    return float(start), float(end)


def rasterize(shape: shapes.Shape, softness: float = 0.0) -> Mask:
    """The coverage mask of a shape whose upper left corner is (0, 0), with an empty rim of at least two pixels.

    Args:
        shape: contours in pixels, see `shapes`.
        softness: sigma of the blur at the edge, in pixels.

    Returns:
        (h, w) coverage, exact to a sixteenth of a pixel's area before the blur.
    """
    extent = np.concatenate(shape).max(axis=0)
    margin = 2 + int(np.ceil(3 * softness))
    width, height = (np.ceil(extent).astype(int) + 2 * margin).tolist()
    fine = np.zeros((height * _SUPERSAMPLING, width * _SUPERSAMPLING), np.uint8)
    points = [((c + margin) * _SUPERSAMPLING - 0.5) * 16 for c in shape]
    cv2.fillPoly(fine, [np.round(p).astype(np.int32) for p in points], 255, shift=4)
    mask = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if softness > 0:
        mask = cv2.GaussianBlur(mask, (0, 0), softness)
    return mask


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
    return Patch(mask, int(round(x)), int(round(y)))


def _box(patch: Patch, size: int) -> Box:
    left, right = crossing(patch.alpha, 1)
    top, bottom = crossing(patch.alpha, 0)
    corners = np.array([left + patch.x, top + patch.y, right + patch.x, bottom + patch.y])
    x1, y1, x2, y2 = np.clip(corners, 0, size).tolist()
    return x1, y1, x2, y2


def _settle(rng: np.random.Generator, label: int, front: Mask, crowding: int) -> Thing | None:
    """Draws an object behind what lies in `front`; None where no try shows enough of it.

    Most objects look for a free place first; after some tries, and two in five at once, they put up with being partly hidden.
    """
    size = len(front)
    low, high = _SIDES
    tolerant = rng.random() < 0.4
    side = size * low * (high / low) ** rng.random() * (1 - 0.06 * crowding)
    mask = draw_thing(rng, label, max(side, 10.0))
    whole = float(mask.sum())
    for attempt in range(24):
        patch = _place(rng, mask, size)
        there, here = patch.window(size)
        part = mask[here]
        visible = float((part * (1 - front[there])).sum()) / whole
        if visible >= (MIN_VISIBLE if tolerant or attempt >= 12 else 0.92):
            return Thing(label, patch, _box(patch, size), float(part.sum()), min(visible, 1.0))
    return None


class Stream:
    """An endless, reproducible sequence of scenes with given class frequencies.

    Objects are dealt from decks of `_DECK` images: each deck holds the classes in their due shares, off by less than one
    box a class, so that class counts follow `shares` closely even for the rarest class.

    Args:
        key: seed of the stream, for instance (seed, number of the split).
        size: S.
        shares: (M,) class frequencies that sum to 1.
    """

    def __init__(self, key: tuple[int, ...], size: int, shares: NDArray[np.float64]) -> None:
        self.key = key
        self.size = size
        self.shares = shares
        self._deck = lru_cache(maxsize=None)(self._shuffle)

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
            thing = _settle(rng, label, front, crowding=len(labels) - 1)
            if thing is not None:
                things.append(thing)
                there, here = thing.patch.window(self.size)
                np.maximum(front[there], thing.patch.alpha[here], out=front[there])
        return Scene(self.size, tuple(things), (*self.key, 2, index))


def _object_colour(rng: np.random.Generator, label: int, ground: textures.Colour) -> textures.Colour:
    """A colour that stands out from the ground, faintly or strongly; a mild habit of hue per class."""
    contrast = rng.uniform(0.16, 0.5)
    best, best_distance = ground, -1.0
    for _ in range(8):
        hue = label * 0.38 + rng.normal(0, 0.05) if rng.random() < _HUE_HABIT else None
        candidate = textures.colour(rng, hue)
        distance = float(np.abs(candidate - ground).mean())
        if distance > best_distance:
            best, best_distance = candidate, distance
        if distance >= contrast:
            break
    return best


def _relief(rng: np.random.Generator, mask: Mask, strength: float) -> Mask:
    """Light and shade on a rounded edge: (h, w) around 0."""
    angle = rng.uniform(0, 2 * np.pi)
    height = cv2.GaussianBlur(mask, (0, 0), max(min(mask.shape) * 0.05, 0.8))
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.5)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.5)
    slope = slope_x * np.float32(np.cos(angle)) + slope_y * np.float32(np.sin(angle))
    return np.clip(slope * strength, -0.35, 0.35)


def _cover(image: textures.Field, patch: Patch, layer: textures.Field, opacity: float) -> None:
    there, here = patch.window(len(image))
    alpha = patch.alpha[here][..., None] * np.float32(opacity)
    image[there] += alpha * (layer[here] - image[there])


def _cast_shadow(rng: np.random.Generator, image: textures.Field, patch: Patch) -> None:
    reach = len(image) * 0.02
    rim = int(np.ceil(3 * reach))
    shadow = cv2.copyMakeBorder(patch.alpha, rim, rim, rim, rim, cv2.BORDER_CONSTANT)
    shadow = cv2.GaussianBlur(shadow, (0, 0), reach)
    dx, dy = (np.round(rng.uniform(-1.5, 1.5, 2) * reach).astype(int) - rim).tolist()
    there, here = Patch(shadow, patch.x + dx, patch.y + dy).window(len(image))
    image[there] *= 1 - shadow[here][..., None] * np.float32(rng.uniform(0.1, 0.5))


def _paint_thing(rng: np.random.Generator, image: textures.Field, thing: Thing) -> None:
    size = len(image)
    there, here = thing.patch.window(size)
    ground = np.average(image[there].reshape(-1, 3), axis=0, weights=thing.patch.alpha[here].ravel())
    main = _object_colour(rng, thing.label, ground.astype(np.float32))
    mask = thing.patch.alpha
    pattern = textures.texture(rng, mask.shape, size / rng.uniform(6, 20))
    layer = textures.blend(pattern, main, textures.shade(rng, main, rng.uniform(0.08, 0.45)))
    layer = layer + _relief(rng, mask, rng.uniform(0.0, 2.0))[..., None]
    if rng.random() < 0.5:
        _cast_shadow(rng, image, thing.patch)
    _cover(image, thing.patch, layer, rng.uniform(0.86, 1.0))


def _clutter(rng: np.random.Generator, image: textures.Field, kind: str) -> None:
    """Paints one thing that belongs to no class: a shard, a stroke, a speck or a smear."""
    size = len(image)
    side = size * rng.uniform(*{'stroke': (0.2, 0.7), 'speck': (0.015, 0.05)}.get(kind, (0.06, 0.18)))
    thin = rng.uniform(0.008, 0.05) if kind == 'stroke' else 1.0
    shape = shapes.stroke(rng, thin) if kind == 'stroke' else shapes.shard(rng)
    softness = size * rng.uniform(0.012, 0.03) if kind == 'smear' else rng.uniform(0.2, 0.9)
    mask = rasterize(shapes.fit(shapes.deform(shape, rng), max(side, 2.0)), softness)
    y, x = (rng.uniform(0, size, 2) - np.array(mask.shape) / 2).astype(int).tolist()
    main = textures.colour(rng)
    pattern = textures.noise(rng, mask.shape, size / 12)
    layer = textures.blend(pattern, main, textures.shade(rng, main, 0.25))
    _cover(image, Patch(mask, x, y), layer, rng.uniform(0.35, 0.95))


def _camera(rng: np.random.Generator, image: textures.Field) -> NDArray[np.uint8]:
    """Light fall-off, a touch of blur, sensor noise, eight bits."""
    size = len(image)
    image = image * (1 + rng.uniform(0, 0.35) * (textures.ramp(rng, (size, size)) - 0.5))[..., None]
    blur = rng.uniform(0.0, 0.7)
    if blur > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    image = image + rng.standard_normal(image.shape, np.float32) * rng.uniform(0.004, 0.03)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def paint(scene: Scene) -> NDArray[np.uint8]:
    """Paints a scene.

    Background, clutter, objects and camera draw from random streams of their own: without its front object
    a scene changes only where that object and its shadow were.

    Args:
        scene: what to paint.

    Returns:
        (S, S, 3) RGB image.
    """
    ground, clutter, camera = (np.random.default_rng((*scene.paint_seed, k)) for k in range(3))
    image = textures.background(ground, scene.size)
    for _ in range(clutter.integers(2, 9)):
        kind = ('shard', 'stroke', 'speck', 'smear')[clutter.choice(4, p=(0.2, 0.35, 0.3, 0.15))]
        _clutter(clutter, image, kind)
    for height, thing in enumerate(reversed(scene.things)):
        _paint_thing(np.random.default_rng((*scene.paint_seed, 3, height)), image, thing)
    for _ in range(clutter.integers(0, 3)):
        _clutter(clutter, image, ('stroke', 'speck')[clutter.integers(2)])
    return _camera(camera, image)
