"""Writes ``docs/detectors.md``: what works with which detector."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from .found import Found, detectors
from .rows import CLAIMS, Row
from .trial import LABELERS

INTRO = """\
Each detector of the installed MMDetection, one config for each combination of detector class and head classes, as
MMDetection's metafiles have them. All are tried in their own config, made tiny
(`tools/docs/any_detector/`), by `tests/detectors/test_any_detector.py`, on CPUs and without a compiler:

* **labels**: builds twice from one config, losses and gradients on images with none, one and some boxes are finite,
  predictions are MMDetection's own and no more than `max_per_img`, weights survive a checkpoint, an EMA teacher is the
  share of both that it should be, mosaics of two images and one pass for both branches work, and losses are linear in
  box weights.
* **self, frozen, EMA, bank**: as the student of a `PseudoLabelDetector` with this labeler a step has pseudo boxes and
  gradients from them; the labels of a bank are those of the frozen teacher.

**p** is the certainty of a box's class, **v** that of its location ([method](method.md)). If the detector's ranking
score has a factor for the location, this factor is v and the rest is p; otherwise v is 1. With one of mmssod's bucket
heads, any two-stage detector has Eq. 4 for v. **Box weights** names the head that reads the weight of a single box,
which class weights (RE) and `MixUp` need; with other heads these are an error before training. Operators that
only a compiled mmcv has are listed in [installation](install.md)."""


def page(rows: Sequence[Row], made: str) -> str:
    """The page.

    Args:
        rows: One row per detector tried.
        made: The line that says what makes it.
    """
    head = (
        'detector', 'classes', 'config', 'labels', 'self', 'frozen', 'EMA', 'bank', 'p', 'v', 'box weights',
        'compiled operators',
    )  # fmt: skip
    lines = ['# Detectors', '', made, '', INTRO, '', *table(head, map(cells, numbered(rows))), '']
    lines += [f'{number}. {note}' for note, number in notes(rows).items()]
    lines += [
        '',
        '## Left out',
        '',
        'What MMDetection has beside these, and cannot learn from boxes and classes alone:',
        '',
    ]
    return '\n'.join([*lines, *left_out(detectors())]) + '\n'


def numbered(rows: Sequence[Row]) -> Iterable[tuple[Row, list[int]]]:
    """Each row with the numbers of its notes."""
    known = notes(rows)
    return ((row, [known[note] for note in row.notes]) for row in rows)


def notes(rows: Sequence[Row]) -> dict[str, int]:
    """All notes with their numbers."""
    texts = dict.fromkeys(note for row in rows for note in row.notes)
    return {text: number for number, text in enumerate(texts, start=1)}


def cells(numbered_row: tuple[Row, list[int]]) -> list[str]:
    """A row of the table."""
    row, numbers = numbered_row
    marks = ''.join(f' ({number})' for number in numbers)
    found = row.found
    return [
        found.family + marks,
        ', '.join((found.detector, *found.heads)),
        f'`{found.config}`',
        'no' if any(name in row.failures for name in CLAIMS) else 'yes',
        *('no' if name in row.failures else 'yes' for name in LABELERS),
        row.p,
        row.v,
        f'`{row.weights}`' if row.weights else 'no',
        ', '.join(f'`{name}`' for name in row.missing) or 'no',
    ]


def left_out(found: Sequence[Found]) -> list[str]:
    """Lines of the classes that are not tried, by reason."""
    tried = {one.detector for one in found if not one.left_out}
    reasons = defaultdict(list)
    for one in found:
        if one.left_out:
            heads = f' with {one.heads[-1]}' if one.detector in tried else ''
            reasons[one.left_out].append(one.detector + heads)
    return [
        f'* {reason}: {", ".join(dict.fromkeys(names))}'
        for reason, names in sorted(reasons.items())
    ]


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [f'| {" | ".join(line)} |' for line in (head, *body)]
    return [lines[0], '|---' * len(head) + '|', *lines[1:]]
