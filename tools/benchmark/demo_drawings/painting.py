"""Paints the demo data's scenes: objects, their shadows, and clutter that belongs to no class.

S = image side in pixels. An image is (S, S, 3) float32 RGB in [0, 1] until the camera makes it
eight bits.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from demo_drawings import shapes, textures
from demo_drawings.patches import Mask, Patch, rasterize
from demo_drawings.scenes import Scene, Thing

_HUE_HABIT = 0.5
"""Share of the objects that take their class's hue; the others take any."""


def _extent(mask: Mask) -> tuple[int, int]:
    height, width = mask.shape
    return height, width


def _object_colour(
    rng: np.random.Generator, label: int, ground: textures.Colour
) -> textures.Colour:
    """A colour that stands out from the ground, faintly or strongly; see `_HUE_HABIT`."""
    contrast = rng.uniform(0.2, 0.5)
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
    ground = np.average(
        image[there].reshape(-1, 3), axis=0, weights=thing.patch.alpha[here].ravel()
    )
    main = _object_colour(rng, thing.label, ground.astype(np.float32))
    mask = thing.patch.alpha
    pattern = textures.texture(rng, _extent(mask), size / rng.uniform(6, 20))
    layer = textures.blend(pattern, main, textures.shade(rng, main, rng.uniform(0.08, 0.45)))
    layer = layer + _relief(rng, mask, rng.uniform(0.0, 2.0))[..., None]
    if rng.random() < 0.5:
        _cast_shadow(rng, image, thing.patch)
    _cover(image, thing.patch, layer, rng.uniform(0.86, 1.0))


def _clutter(rng: np.random.Generator, image: textures.Field, kind: str) -> None:
    """Paints one thing that belongs to no class: a shard, a stroke, a speck or a smear."""
    size = len(image)
    side = size * rng.uniform(
        *{'stroke': (0.2, 0.7), 'speck': (0.015, 0.05)}.get(kind, (0.06, 0.18))
    )
    thin = rng.uniform(0.008, 0.05) if kind == 'stroke' else 1.0
    shape = shapes.stroke(rng, thin) if kind == 'stroke' else shapes.shard(rng)
    softness = size * rng.uniform(0.012, 0.03) if kind == 'smear' else rng.uniform(0.2, 0.9)
    mask = rasterize(shapes.fit(shapes.deform(shape, rng), max(side, 2.0)), softness)
    y, x = (rng.uniform(0, size, 2) - np.array(mask.shape) / 2).astype(int).tolist()
    main = textures.colour(rng)
    pattern = textures.noise(rng, _extent(mask), size / 12)
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

    Background, clutter, objects and camera draw from random streams of their own: without its front
    object a scene changes only where that object and its shadow were.

    Args:
        scene: what to paint.

    Returns:
        (S, S, 3) RGB image.
    """
    ground, clutter, camera = (np.random.default_rng((*scene.paint_seed, k)) for k in range(3))
    image = textures.background(ground, scene.size)
    for _ in range(clutter.integers(2, 7)):
        kind = ('shard', 'stroke', 'speck', 'smear')[clutter.choice(4, p=(0.2, 0.35, 0.3, 0.15))]
        _clutter(clutter, image, kind)
    for height, thing in enumerate(reversed(scene.things)):
        _paint_thing(np.random.default_rng((*scene.paint_seed, 3, height)), image, thing)
    for _ in range(clutter.integers(0, 3)):
        _clutter(clutter, image, ('stroke', 'speck')[clutter.integers(2)])
    return _camera(camera, image)
