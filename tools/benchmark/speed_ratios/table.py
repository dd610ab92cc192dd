"""Measured ratios as a table, in the terminal and as a documentation page."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from mmengine.registry import DefaultScope

from mmssod.analysis.markdown import tables_page
from mmssod.environment import collect
from speed_ratios.rows import Measured, Row, Setting

HEAD = ['what', 'bar', 'measured', 'met', 'ours', 'theirs', 'range', 'rounds', 'with']
NOTE = (
    'Each ratio is the median over rounds in which both were timed one after the other, after one round that does not '
    'count; "ours" and "theirs" are medians, "range" the least and greatest ratio of a round.'
)


@dataclass(frozen=True)
class Result:
    """A row and what was measured of it; ``None`` where it cannot be measured here."""

    row: Row
    measured: Measured | None

    @property
    def falls_short(self) -> bool:
        """Whether it was measured and misses its bar."""
        return self.measured is not None and not self.row.met(self.measured)

    @property
    def absent(self) -> bool:
        """Whether it was not measured, and so does not meet its bar either."""
        return self.measured is None


def choose(rows: Sequence[Row], only: Sequence[str], quick: bool) -> list[Row]:
    """Rows by name, or those with a quick form, or all; those that cannot be measured stay, to be shown.

    Raises:
        ValueError: A name that no row has.
    """
    names = [row.name for row in rows]
    if unknown := [name for name in only if name not in names]:
        raise ValueError(f'no ratios {unknown}; there are {names}')
    return [row for row in rows if (row.name in only if only else row.quick or not quick)]


def measure_rows(
    rows: Sequence[Row], setting: Setting, say: Callable[[str], None] = print
) -> list[Result]:
    """Measure rows one after the other.

    Args:
        rows: Which.
        setting: Settings of the measurement.
        say: Gets a line before each, and one after it: bar, ratio, whether it is met, seconds.
    """
    results = []
    with DefaultScope.overwrite_default_scope('mmdet'):
        for row in (row.named(setting) for row in rows):
            if row.measure is None:
                results.append(Result(row, None))
                continue
            say(f'{row.name}: {row.what} ...')
            start = time.monotonic()
            results.append(Result(row, row.measure(setting)))
            say(f'  {", ".join(cells(results[-1])[1:4])}; {time.monotonic() - start:.0f} s')
    return results


def table(results: Sequence[Result]) -> list[list[str]]:
    """Rows of text, a header first."""
    return [HEAD, *(cells(result) for result in results)]


def cells(result: Result) -> list[str]:
    """One row of text."""
    row, measured = result.row, result.measured
    bar = f'{">=" if row.at_least else "<="} {row.bar:.2f}'
    if measured is None:
        return [row.what, bar, '-', 'no', '-', '-', '-', '-', row.absent]
    ratios = sorted(measured.ratios)
    return [
        row.what,
        bar,
        f'{measured.ratio:.3f}',
        'no' if result.falls_short else 'yes',
        *(shown(values, measured.unit) for values in (measured.ours, measured.theirs)),
        f'{ratios[0]:.2f} - {ratios[-1]:.2f}',
        str(len(ratios)),
        measured.note,
    ]


def reasons(results: Sequence[Result]) -> list[list[str]]:
    """Rows of text, a header first: why bars are missed, where a reason is known."""
    short = [result.row for result in results if result.falls_short]
    return [['what', 'why'], *([row.what, row.reason or 'unknown'] for row in short)]


def shown(values: Sequence[float], unit: str) -> str:
    """The median of seconds, in ms, or of MiB."""
    return milliseconds(values) if unit == 's' else f'{median(values):.4g} {unit}'


def milliseconds(seconds: Sequence[float]) -> str:
    """The median, in ms, of three figures and without an exponent."""
    return f'{float(f"{1000 * median(seconds):.3g}"):g} ms'


def facts(setting: Setting, command: str) -> dict[str, str]:
    """What the ratios were measured with."""
    load = ', '.join(f'{value:.1f}' for value in os.getloadavg())
    return {
        'command': f'`{command}`',
        'date': date.today().isoformat(),
        'clock': {'wall': 'wall clock', 'cpu': 'CPU time of the process'}[setting.clock],
        'device': setting.device,
        'load of the machine (1, 5, 15 minutes)': load,
        **collect(),
    }


def page(
    tables: Mapping[str, Sequence[Sequence[str]]],
    setting: Setting,
    command: str,
    only: Sequence[str] = (),
) -> str:
    """The results page.

    Args:
        tables: By heading.
        setting: Settings of the measurement.
        command: Command that prints them.
        only: Names of the ratios, where these are not all.
    """
    title = 'Ratios and switches' if 'Switches' in tables else 'Ratios'
    title += f': {", ".join(only)}' if only else ''
    return tables_page(title, NOTE, tables, facts(setting, command))
