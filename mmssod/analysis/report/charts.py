"""Charts as SVG text: no network needed, scalable to any width, colored by the page's style sheet.

Series have the classes ``s0`` to ``s5`` of the page's palette, whose colors stay apart for color-blind eyes, too; from
the seventh on they come again with other dashes (``d1`` to ``d3``). Each chart says in words what it shows
(``aria-label``), and points have their values as tooltips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 560, 280
LEFT, RIGHT, TOP, BOTTOM = (
    82,
    12,
    30,
    40,
)  # the left has room for seven characters, also as large as on a phone
PALETTE = 6
DASHES = 4  # patterns, the first of them solid
MOST_POINTS = 240  # of a line
HIDDEN_POINTS = 12000, 24  # of all lines together that the filter shows one by one; least of each
MOST_CIRCLES = 1000  # of a chart: where there are more points, lines are drawn alone


@dataclass(frozen=True)
class Series:
    """One line.

    Args:
        label: What the legend calls it.
        points: Pairs of x and y, in the order of x; y None leaves a gap.
        key: The class that it belongs to, for the page's filter; '' for none.
        dashed: Draw it dashed.
        group: Series of one group have one color, and differ by their dashes; '' for a color of its own.
        hidden: Show it only when the page's filter chooses its class.
        color: Number of its color, for what has the same one in all charts; None for the next that is free.
    """

    label: str
    points: Sequence[tuple[float, float | None]]
    key: str = ''
    dashed: bool = False
    group: str = ''
    hidden: bool = False
    color: int | None = None

    def thinned(self, most: int = MOST_POINTS) -> list[tuple[float, float | None]]:
        """About ``most`` points, the first and last among them."""
        step = max(1, math.ceil(len(self.points) / most))
        kept = list(self.points[::step])
        if self.points and kept[-1] != self.points[-1]:
            kept.append(self.points[-1])
        return kept


def line_chart(
    title: str,
    series: Sequence[Series],
    x_name: str,
    y_name: str,
    low: float | None = 0.0,
    high: float | None = None,
) -> Markup:
    """Lines with a legend; an empty text when there is nothing to draw.

    Args:
        title: In words, for those who cannot see it.
        series: The lines.
        x_name, y_name: Labels of the axes.
        low, high: Bounds of the vertical axis; None takes the data's.
    """
    drawn = [s for s in series if any(y is not None for _, y in s.points)]
    if not drawn:
        return Markup('')
    xs = [x for s in drawn for x, _ in s.points]
    ys = [y for s in drawn for _, y in s.points if y is not None]
    x_axis = Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    bottom = min(ys) if low is None else min(low, min(ys))
    y_axis = Axis(bottom, max(ys) if high is None else high, HEIGHT - BOTTOM, TOP)
    parts = [_grid(x_axis, y_axis, x_name, y_name)]
    looks = styles(drawn)
    budget, least = HIDDEN_POINTS
    few = max(least, min(MOST_POINTS, budget // max(1, sum(s.hidden for s in drawn))))
    points = [s.thinned(few if s.hidden else MOST_POINTS) for s in drawn]
    circles = sum(map(len, points)) <= MOST_CIRCLES
    for s, kept, look in zip(drawn, points, looks, strict=True):
        parts.append(_line(s, kept, look, x_axis, y_axis, circles))
    line = (
        '<svg class="sample" viewBox="0 0 28 8" aria-hidden="true">'
        '<line class="{}" x1="0" x2="28" y1="4" y2="4"/></svg>'
    )
    return _figure(
        title,
        parts,
        [(s.label, line.format(look), _of_class(s)) for s, look in zip(drawn, looks, strict=True)],
    )


def styles(series: Sequence[Series]) -> list[str]:
    """Of each series the classes of its color and dashes: no two series of different groups look alike up to 24."""
    groups: dict[str, int] = {}
    looks = []
    for number, line in enumerate(series):
        free = groups.setdefault(line.group or f'series {number}', len(groups))
        place = free if line.color is None else line.color
        dashes = 1 if line.dashed else place // PALETTE % DASHES
        looks.append(f's{place % PALETTE}' + (f' d{dashes}' if dashes else ''))
    return looks


def histogram(
    title: str,
    counts: Sequence[tuple[str, Sequence[int]]],
    x_name: str,
    marks: Sequence[tuple[str, float]] = (),
) -> Markup:
    """Stacked bars over [0, 1].

    Args:
        title: In words.
        counts: Kind of boxes (``kept``, ``rejected``), which has the color that it has in pictures, and counts of each
            part, of equal lengths; the first lies at the bottom.
        x_name: Label of the axis.
        marks: Vertical lines: text and place in [0, 1].
    """
    bins = len(counts[0][1]) if counts else 0
    totals = [sum(values[i] for _, values in counts) for i in range(bins)]
    if not any(totals):
        return Markup('')
    x_axis, y_axis = Axis(0, 1, LEFT, WIDTH - RIGHT), Axis(0, max(totals), HEIGHT - BOTTOM, TOP)
    parts = [_grid(x_axis, y_axis, x_name, 'boxes')]
    below = [0] * bins
    for label, values in counts:
        for place, value in enumerate(values):
            if value:
                left, right = x_axis(place / bins), x_axis((place + 1) / bins)
                top, base = y_axis(below[place] + value), y_axis(below[place])
                note = f'{label}: {value} from {place / bins:.2f} to {(place + 1) / bins:.2f}'
                parts.append(
                    f'<rect class="{label}" x="{left + 0.5:.1f}" y="{top:.1f}" width="{right - left - 1:.1f}" '
                    f'height="{base - top:.1f}"><title>{escape(note)}</title></rect>'
                )
            below[place] += value
    for text, at in marks:
        x = x_axis(at)
        side, anchor = (1, 'start') if at < 0.5 else (-1, 'end')  # no text beyond the edge
        parts.append(
            f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
            f'<text class="mark" x="{x + side * 4:.1f}" y="{TOP + 10}" text-anchor="{anchor}">{escape(text)}</text>'
        )
    legend = [(label, f'<i class="{label}"></i>', 'data-class=""') for label, _ in counts]
    return _figure(title, parts, legend)


class Axis:
    """From values to places in the drawing.

    Args:
        low, high: Bounds of the values; widened where they are equal.
        start, end: Their places in the drawing.
    """

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        if high <= low:
            low, high = low - 0.5, low + 0.5
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        """Where a value lies in the drawing."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, number: int = 5) -> list[float]:
        """Round values within the bounds, about so many."""
        raw = (self.high - self.low) / number
        power = 10.0 ** math.floor(math.log10(raw))
        step = min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda size: abs(size - raw))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(index * step, 10) for index in range(first, last + 1)]


def _grid(x_axis: Axis, y_axis: Axis, x_name: str, y_name: str) -> str:
    lines = []
    for tick in y_axis.ticks():
        y = y_axis(tick)
        lines.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for tick in x_axis.ticks():
        if x_name == 'iteration' and tick != int(tick):
            continue
        x = x_axis(tick)
        anchor = 'end' if x > WIDTH - RIGHT - 8 else 'middle'  # no text beyond the edge
        place = WIDTH - RIGHT if anchor == 'end' else x
        lines.append(
            f'<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="{anchor}">{tick:g}</text>'
        )
    lines.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_name)}</text>'
        f'<text x="4" y="18">{escape(y_name)}</text>'
    )
    return ''.join(lines)


def _of_class(line: Series) -> str:
    """Attributes by which the filter finds a line and its entry in the legend."""
    return f'data-class="{escape(line.key)}"' + (' data-extra hidden' if line.hidden else '')


def _line(
    line: Series,
    points: Sequence[tuple[float, float | None]],
    look: str,
    x_axis: Axis,
    y_axis: Axis,
    circles: bool,
) -> str:
    """Lines between the points that are there, circles at those without a neighbor and, if wanted, at all."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            pieces.append([])
        else:
            pieces[-1].append((x, y))
    text = ''.join(
        f'<polyline class="{look}" points="'
        + ' '.join(f'{x_axis(x):.1f},{y_axis(y):.1f}' for x, y in piece)
        + '"/>'
        for piece in pieces
        if len(piece) > 1
    )
    for x, y in (point for piece in pieces if circles or len(piece) == 1 for point in piece):
        radius = 3 if len(points) <= 30 else 1.6
        text += (
            f'<circle class="{look}" cx="{x_axis(x):.1f}" cy="{y_axis(y):.1f}" r="{radius}">'
            f'<title>{escape(line.label)}: {y:.4g} at {x:g}</title></circle>'
        )
    return f'<g class="series" {_of_class(line)}><title>{escape(line.label)}</title>{text}</g>'


def _figure(title: str, parts: Sequence[str], legend: Sequence[tuple[str, str, str]]) -> Markup:
    """A chart; its legend has label, sample and attributes of each series, and stands where there are two or more."""
    entries = ''.join(
        f'<li {attributes}>{sample}{escape(label)}</li>' for label, sample, attributes in legend
    )
    shown = f'<ul class="legend">{entries}</ul>' if len(legend) > 1 else ''
    return Markup(
        f'<figure class="chart">{shown}<div class="scroll"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg></div><figcaption>{escape(title)}</figcaption></figure>'
    )
