"""Outlines of the demo data's classes and of its clutter.

P = points of one contour. A shape is a list of closed contours (P, 2) of points (x, y), y downward;
where contours overlap, the second cuts a hole into the first (even-odd rule). Outlines are drawn in
a unit frame, about [-1, 1] on both axes; `deform` bends, shears and turns them, `fit` brings them
to pixels.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Contour = NDArray[np.floating[Any]]
Shape = list[Contour]

_TURN = 2 * np.pi


def _polar(angle: Contour, radius: Contour) -> Contour:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _around(points: int) -> Contour:
    return np.arange(points) * (_TURN / points)


def _wobble(rng: np.random.Generator, angle: Contour, orders: range, strength: float) -> Contour:
    """A periodic function of the angle around 1, made of a few harmonics."""
    radius = np.ones_like(angle)
    for order in orders:
        phase = rng.uniform(0, _TURN)
        radius += strength * rng.uniform(0.3, 1) / np.sqrt(order) * np.cos(order * angle + phase)
    return radius


def blob(rng: np.random.Generator) -> Shape:
    """A lobed, amoeba-like body."""
    angle = _around(96)
    return [_polar(angle, _wobble(rng, angle, range(2, 6), 0.26))]


def star(rng: np.random.Generator) -> Shape:
    """Five to seven straight-edged points of unequal length."""
    arms = int(rng.integers(5, 8))
    radius = np.ones(2 * arms)
    radius[::2] *= rng.uniform(0.85, 1.1, arms)
    radius[1::2] *= rng.uniform(0.36, 0.5)
    return [_polar(_around(2 * arms), radius)]


def leaf(rng: np.random.Generator) -> Shape:
    """A body with a thin tip at both ends, a bent midrib and sometimes a saw-toothed edge."""
    along = np.linspace(0, 1, 40)
    half_width = rng.uniform(0.34, 0.48) * np.sin(np.pi * along ** rng.uniform(0.75, 1.3)) ** 1.3
    teeth = rng.choice([0.0, 0.1]) * np.abs(np.sin(_TURN * along * rng.integers(3, 6)))
    half_width = half_width * (1 - teeth) + 0.015
    x, midrib = 2 * along - 1, rng.uniform(-0.35, 0.35) * (1 - (2 * along - 1) ** 2)
    upper = np.stack([x, midrib - half_width], axis=1)
    lower = np.stack([x, midrib + half_width], axis=1)
    return [np.concatenate([upper, lower[::-1]])]


def gear(rng: np.random.Generator) -> Shape:
    """A wheel of seven to eleven square teeth, often with a bore."""
    teeth = int(rng.integers(7, 12))
    root, crest = rng.uniform(0.7, 0.8), rng.uniform(0.16, 0.24)
    corners = np.array([-crest - 0.08, -crest, crest, crest + 0.08])
    angle = (np.arange(teeth)[:, None] + corners).ravel() * (_TURN / teeth)
    contours = [_polar(angle, np.tile([root, 1.0, 1.0, root], teeth))]
    if rng.random() < 0.6:
        contours.append(_polar(_around(32), np.full(32, rng.uniform(0.2, 0.34))))
    return contours


def arrow(rng: np.random.Generator) -> Shape:
    """A shaft with a barbed head."""
    shaft, head = rng.uniform(0.13, 0.22), rng.uniform(0.5, 0.68)
    neck, barb = rng.uniform(-0.05, 0.3), rng.uniform(0.0, 0.22)
    tail = rng.choice([0.0, 0.2])
    upper = [(-1 + tail, 0), (-1, -shaft), (neck, -shaft), (neck - barb, -head), (1, 0)]
    lower = [(x, -y) for x, y in upper[3:0:-1]]
    return [np.array(upper + lower, dtype=float)]


def ring(rng: np.random.Generator) -> Shape:
    """A wobbly band around a hole that is not quite in the middle."""
    angle = _around(72)
    outer = _wobble(rng, angle, range(2, 4), 0.07)
    inner = _wobble(rng, angle, range(2, 4), 0.09) * rng.uniform(0.48, 0.7)
    return [_polar(angle, outer), _polar(angle, inner) + rng.uniform(-0.09, 0.09, 2)]


def crescent(rng: np.random.Generator) -> Shape:
    """A moon: a disc less a smaller disc, two thin horns."""
    horn = rng.uniform(0.62, 0.8) * np.pi
    outer_angle = np.linspace(-horn, horn, 60)
    outer = _polar(outer_angle + np.pi, np.ones(60))
    tip_x, tip_y = -np.cos(horn), np.sin(horn)
    depth = rng.uniform(-0.5, -0.1)
    centre_x = (tip_x**2 + tip_y**2 - depth**2) / (2 * (tip_x - depth))
    radius = centre_x - depth
    half = np.arctan2(tip_y, tip_x - centre_x)
    inner_angle = np.linspace(half, _TURN - half, 60)
    inner = _polar(inner_angle, np.full(60, radius)) + (centre_x, 0)
    return [np.concatenate([outer, inner[::-1]])]


def drop(rng: np.random.Generator) -> Shape:
    """Round at one end, a drawn-out and slightly bent tip at the other."""
    along = np.linspace(0, np.pi, 48)
    profile = rng.uniform(0.62, 0.8) * np.sin(along) * np.sin(along / 2) ** rng.uniform(1.5, 2.2)
    x, bend = -np.cos(along), rng.uniform(-0.25, 0.25) * np.cos(along / 2) ** 2
    upper = np.stack([x, bend - profile - 0.01], axis=1)
    lower = np.stack([x, bend + profile + 0.01], axis=1)
    return [np.concatenate([upper, lower[::-1]])]


def cross(rng: np.random.Generator) -> Shape:
    """Four blunt arms of unequal length."""
    wide, flare = rng.uniform(0.17, 0.32), rng.uniform(0.9, 1.35)
    contour = []
    for quarter, reach in enumerate(rng.uniform(0.8, 1.1, 4)):
        arm = np.array([(wide, -wide), (reach, -wide * flare), (reach, wide * flare)])
        cos, sin = np.cos(quarter * np.pi / 2), np.sin(quarter * np.pi / 2)
        contour.append(arm @ np.array([[cos, sin], [-sin, cos]]))
    return [np.concatenate(contour)]


def zigzag(rng: np.random.Generator) -> Shape:
    """A band that turns sharply three or four times."""
    turns = int(rng.integers(5, 7))
    x = np.linspace(-1, 1, turns) + rng.uniform(-0.08, 0.08, turns)
    y = np.where(np.arange(turns) % 2, 0.5, -0.5) * rng.uniform(0.7, 1.0, turns)
    half = rng.uniform(0.18, 0.27)
    upper, lower = np.stack([x, y - half], axis=1), np.stack([x, y + half], axis=1)
    return [np.concatenate([upper, lower[::-1]])]


def shard(rng: np.random.Generator) -> Shape:
    """Clutter: a triangle or a convex quadrangle."""
    corners = int(rng.integers(3, 5))
    angle = np.sort(rng.uniform(0.1, 0.9, corners) + np.arange(corners)) * (_TURN / corners)
    return [_polar(angle, rng.uniform(0.7, 1.0, corners))]


def stroke(rng: np.random.Generator, width: float) -> Shape:
    """Clutter: a thin curved line that tapers at both ends; `width` is its share of the length."""
    t = np.linspace(0, 1, 40)[:, None]
    start, bend, end = (-1.0, rng.uniform(-0.2, 0.2)), rng.uniform(-0.9, 0.9, 2), (1.0, 0.0)
    spine = (1 - t) ** 2 * np.array(start) + 2 * t * (1 - t) * bend + t**2 * np.array(end)
    tangent = np.gradient(spine, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    side = normal * (width * np.sin(np.pi * t) ** 0.5)
    return [np.concatenate([spine + side, (spine - side)[::-1]])]


SHAPES: dict[str, Callable[[np.random.Generator], Shape]] = {
    shape.__name__: shape
    for shape in (blob, leaf, arrow, star, drop, crescent, zigzag, cross, gear, ring)
}
"""Class name -> outline, the most frequent class first."""


def _densify(contour: Contour, step: float = 0.06) -> Contour:
    """Adds points so that straight edges can bend."""
    following = np.roll(contour, -1, axis=0)
    pieces = np.maximum(1, np.ceil(np.linalg.norm(following - contour, axis=1) / step)).astype(int)
    edge = np.repeat(np.arange(len(contour)), pieces)
    share = (np.arange(pieces.sum()) - np.repeat(pieces.cumsum() - pieces, pieces)) / pieces[edge]
    return contour[edge] + (following - contour)[edge] * share[:, None]


def deform(shape: Shape, rng: np.random.Generator, bend: float = 0.04) -> Shape:
    """Bends, stretches, shears and turns a shape, all contours alike.

    Args:
        shape: contours in the unit frame.
        rng: source of the random draws.
        bend: amplitude of the smooth warp in units of the unit frame.

    Returns:
        As many contours, with more points.
    """
    wave = rng.normal(0, 2.2, (2, 2, 2))
    phase = rng.uniform(0, _TURN, (2, 2))
    amplitude = bend * rng.uniform(0.4, 1.6)
    stretch = np.diag([1.0, rng.uniform(0.8, 1.0)])
    shear = np.array([[1.0, rng.uniform(-0.2, 0.2)], [0.0, 1.0]])
    turn = rng.normal(0, 0.12) * _TURN
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    flip = np.diag([rng.choice([-1.0, 1.0]), 1.0])
    matrix = rotation @ shear @ stretch @ flip
    warped = []
    for contour in map(_densify, shape):
        waves = [np.sin(contour @ wave[k] + phase[k]) for k in range(2)]
        warped.append((contour + amplitude * (waves[0] + waves[1])) @ matrix.T)
    return warped


def fit(shape: Shape, side: float) -> Shape:
    """Brings a shape's upper left corner to (0, 0) and its longer extent to `side` pixels."""
    points = np.concatenate(shape)
    low, extent = points.min(axis=0), np.ptp(points, axis=0).max()
    return [(contour - low) * (side / extent) for contour in shape]
