"""Summarizes a start in three log lines: weights loaded, left out, and new."""

from __future__ import annotations

from collections.abc import Sequence

from mmssod.models.checkpoint_parts import PARTS
from mmssod.start.classes import matches
from mmssod.start.fitting import Fit

SHOWN = 4  # names in a line, of each kind


def start_lines(fit: Fit, start: str) -> list[str]:
    """The three lines; ``start``: what the user wrote."""
    fitted, total = len(fit.fitted), len(fit.places) + len(fit.unused)
    by_name = f', class weights by name for {len(fit.kept)} of {len(fit.classes)} classes{_some(fit.kept)}'
    classes = by_name if fit.layers else ''
    return [
        f'start from {start}: {fitted} of {total} weights fit{classes}',
        f'start, left out: {_left_out(fit)}',
        f'start, new: {_new(fit)}',
    ]


def _left_out(fit: Fit) -> str:
    places = fit.places.items()
    unfilled = [name for name, place in places if place in fit.unfilled]
    layers = [name for name, place in places if place in fit.unfilled & fit.layers]
    shapes = [name for name in unfilled if name not in layers]
    theirs = {their for their, _ in matches(fit.trained_on, fit.classes)}
    others = [n for i, n in enumerate(fit.trained_on) if fit.layers and i not in theirs]
    return _joined(
        (others, "of the checkpoint's classes", "of the checkpoint's classes"),
        (layers, 'class layer', 'class layers'),
        (shapes, 'weight of another shape', 'weights of another shape'),
        (fit.unused, 'weight that the model does not have', 'weights that the model does not have'),
    )


def _new(fit: Fit) -> str:
    filled = {_plain(place) for place in fit.places.values()}
    missing = dict.fromkeys(map(_plain, fit.misfits.missing))
    lacking = [name for name in missing if name not in filled]
    return _joined(
        (fit.new, 'class', 'classes'),
        (lacking, 'parameter that the checkpoint lacks', 'parameters that the checkpoint lacks'),
    )


def _joined(*kinds: tuple[Sequence[str], str, str]) -> str:
    """Number, word and some names of each kind that has any; the word for one and for many."""
    found = (
        f'{len(names)} {one if len(names) == 1 else many}{_some(names)}'
        for names, one, many in kinds
        if names
    )
    return '; '.join(found) or 'nothing'


def _some(names: Sequence[str]) -> str:
    if not names:
        return ''
    return f' ({", ".join(names[:SHOWN])}{", ..." if len(names) > SHOWN else ""})'


def _plain(name: str) -> str:
    """The name in the detector, of student and teacher alike."""
    for prefix in PARTS.values():
        name = name.removeprefix(prefix)
    return name
