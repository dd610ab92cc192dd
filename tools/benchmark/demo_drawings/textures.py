"""Textures, colours and clutter-free backgrounds of the demo data.

H, W = height and width in pixels. A field is (H, W) float32 in [0, 1], an image (H, W, 3) float32
RGB in [0, 1]. Lengths are given in pixels; callers scale them with the image so that a picture
looks the same at every size.
"""

import colorsys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# float32; OpenCV's annotations promise no type.
Field = NDArray[Any]
Colour = NDArray[np.float32]


def noise(
    rng: np.random.Generator, shape: tuple[int, int], period: float, octaves: int = 4
) -> Field:
    """Fractal noise: a random grid, enlarged in steps that add finer and weaker randomness.

    Args:
        rng: source of the random draws.
        shape: (H, W).
        period: size of the coarsest structure.
        octaves: number of grids, each with half the period and 0.55 of the amplitude.

    Returns:
        (H, W) field that reaches from 0 to 1.
    """
    height, width = shape
    total: Field = np.zeros((2, 2), np.float32)
    for octave in range(octaves):
        cell = max(period / 2**octave, 1.0)
        rows, columns = int(height / cell) + 2, int(width / cell) + 2
        coarse = cv2.resize(total, (columns, rows), interpolation=cv2.INTER_CUBIC)
        fine = np.float32(0.55**octave) * rng.random((rows, columns), np.float32)
        total = np.asarray(coarse + fine, np.float32)
        if cell == 1.0:
            break
    total = np.asarray(
        cv2.resize(total, (width, height), interpolation=cv2.INTER_CUBIC), np.float32
    )
    low, high = total.min(), total.max()
    return (total - low) / max(high - low, 1e-6)


def ramp(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """A linear gradient in a random direction, from 0 to 1 across the diagonal."""
    angle = rng.uniform(0, 2 * np.pi)
    y = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)
    reach = abs(np.cos(angle)) + abs(np.sin(angle))
    field: Field = ((x * np.cos(angle) + y * np.sin(angle)) / reach + 0.5).astype(np.float32)
    return field


def stripes(rng: np.random.Generator, shape: tuple[int, int], period: float) -> Field:
    """Bands in a random direction, bent by noise, with soft or hard edges."""
    diagonal = float(np.hypot(*shape))
    cycles = diagonal / (period * rng.uniform(0.5, 1.2))
    bent = ramp(rng, shape) * cycles + noise(rng, shape, 3 * period, 2) * rng.uniform(0.1, 1.2)
    wave = np.sin(2 * np.pi * bent) * rng.uniform(0.8, 3)
    field: Field = (np.clip(wave, -1, 1) * 0.5 + 0.5).astype(np.float32)
    return field


def spots(rng: np.random.Generator, shape: tuple[int, int], period: float) -> Field:
    """Islands: noise cut at a level, with soft shores."""
    hills = noise(rng, shape, period * rng.uniform(0.6, 1.1), 2)
    return np.clip((hills - rng.uniform(0.4, 0.65)) * rng.uniform(5, 14) + 0.5, 0, 1)


def weave(rng: np.random.Generator, shape: tuple[int, int], period: float) -> Field:
    """Two sets of bands across each other."""
    return (stripes(rng, shape, period) + stripes(rng, shape, period)) / 2


_TEXTURES: tuple[Callable[[np.random.Generator, tuple[int, int], float], Field], ...] = (
    noise,
    noise,
    stripes,
    spots,
    weave,
)


def texture(rng: np.random.Generator, shape: tuple[int, int], period: float) -> Field:
    """One of the textures at random, mixed with fine grain and a gradient."""
    pattern = _TEXTURES[rng.integers(len(_TEXTURES))](rng, shape, period)
    grain = noise(rng, shape, max(period / 5, 2.0), 2)
    share = rng.uniform(0.1, 0.45)
    slope = rng.uniform(0, 0.4)
    mixed = pattern * (1 - share) + grain * share
    return mixed * (1 - slope) + ramp(rng, shape) * slope


def colour(rng: np.random.Generator, hue: float | None = None, vivid: float = 1.0) -> Colour:
    """A random colour.

    Args:
        rng: source of the random draws.
        hue: in turns; any when None.
        vivid: largest saturation, in [0, 1].

    Returns:
        (3,) RGB in [0, 1].
    """
    hue = rng.random() if hue is None else hue % 1.0
    saturation, value = vivid * rng.beta(2, 2.5), rng.uniform(0.15, 0.95)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32)


def shade(rng: np.random.Generator, base: Colour, depth: float) -> Colour:
    """A colour near `base`: lighter or darker by up to `depth`, slightly tinted."""
    light = rng.choice([-1.0, 1.0]) * depth * rng.uniform(0.5, 1.0)
    return np.clip(base + light + rng.normal(0, depth / 4, 3), 0, 1).astype(np.float32)


def blend(field: Field, low: Colour, high: Colour) -> Field:
    """The image that is `low` where the (H, W) field is 0 and `high` where it is 1."""
    return low + field[..., None] * (high - low)


def background(rng: np.random.Generator, size: int) -> Field:
    """One to three textured regions with soft, irregular borders under uneven light.

    Args:
        rng: source of the random draws.
        size: H and W.

    Returns:
        (size, size, 3) image.
    """
    shape = (size, size)
    base = colour(rng, vivid=0.6)
    image = blend(
        texture(rng, shape, size / rng.uniform(3, 14)),
        base,
        shade(rng, base, rng.uniform(0.1, 0.35)),
    )
    for _ in range(rng.integers(0, 3)):
        second = colour(rng, vivid=0.6) if rng.random() < 0.5 else shade(rng, base, 0.25)
        layer = blend(
            texture(rng, shape, size / rng.uniform(3, 14)),
            second,
            shade(rng, second, rng.uniform(0.1, 0.35)),
        )
        border = ramp(rng, shape) + 0.6 * noise(rng, shape, size / 3)
        cover = np.clip((border - np.median(border)) * rng.uniform(6, 60) + 0.5, 0, 1)[..., None]
        image = image + cover * (layer - image)
    light = 1 + rng.uniform(0.0, 0.4) * (noise(rng, shape, size, 1) - 0.5)
    return np.clip(image * light[..., None], 0, 1)
