"""A speed ratio: two functions timed in turns in one run, and the required value of their quotient."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import torch

CLOCKS: dict[str, Callable[[], float]] = {'wall': time.perf_counter, 'cpu': time.process_time}


@dataclass(frozen=True)
class Setting:
    """How to measure.

    Args:
        rounds: Times that each of the two is timed, at least 5.
        quick: Smaller work, so that all rows that have a quick form are done within a minute.
        clock: ``'wall'``, or ``'cpu'``: this process's CPU time, for a machine on which others work too.
        device: Where models are; data and evaluation are on the CPU always.

    Raises:
        ValueError: Fewer rounds, another clock, or CPU time for what another device does.
    """

    rounds: int = 7
    quick: bool = False
    clock: str = 'wall'
    device: str = 'cpu'

    def __post_init__(self) -> None:
        if self.rounds < 5:
            raise ValueError(
                f'a median of at least 5 rounds is asked for, got rounds={self.rounds}'
            )
        if self.clock not in CLOCKS:
            raise ValueError(f'clock must be one of {sorted(CLOCKS)}, got {self.clock!r}')
        if self.clock == 'cpu' and self.device != 'cpu':
            raise ValueError(
                f"expected the wall clock for device={self.device!r}, got clock='cpu': CPU time does not see what "
                'another device does meanwhile; leave --clock out, or take --device cpu'
            )

    def now(self) -> float:
        """Seconds on the clock, once the device is done with what it was given."""
        if self.device != 'cpu':
            torch.cuda.synchronize()
        return CLOCKS[self.clock]()


@dataclass(frozen=True)
class Measured:
    """Two quantities, one value a round.

    Args:
        ours: Seconds (or another unit) of ours.
        theirs: Quantity of the one that ours is compared with.
        note: What the reader must know of it.
        sound: False when a condition beside the ratio is broken, such as equal figures; the row falls short then.
        rate: Whether the ratio is one of speeds, theirs / ours of the times.
        unit: Unit of the quantities, ``'s'`` or ``'MiB'``.
    """

    ours: Sequence[float]
    theirs: Sequence[float]
    note: str = ''
    sound: bool = True
    rate: bool = False
    unit: str = 's'

    @property
    def ratios(self) -> list[float]:
        """One a round: neighbors in time, so that what slows the machine down slows both."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return [theirs / ours if self.rate else ours / theirs for ours, theirs in pairs]

    @property
    def ratio(self) -> float:
        """Their median."""
        return median(self.ratios)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        name: For ``--only``.
        what: What is compared, in words.
        bar: Value that the ratio is held to.
        measure: Measures it; ``None`` for what cannot be measured here.
        at_least: Whether the bar is the least value and not the greatest.
        quick: Whether it has a place among the quick ones.
        quick_what: What is compared in the quick form, where it is not the same.
        absent: Why it cannot be measured; such a row does not meet its bar.
        reason: Why the bar may be out of reach, for the page of a run that misses it.
    """

    name: str
    what: str
    bar: float
    measure: Callable[[Setting], Measured] | None = None
    at_least: bool = False
    quick: bool = True
    quick_what: str = ''
    absent: str = field(default='', compare=False)
    reason: str = field(default='', compare=False)

    def named(self, setting: Setting) -> Row:
        """The row with the words for what is compared in this setting."""
        return replace(self, what=self.quick_what) if setting.quick and self.quick_what else self

    def met(self, measured: Measured) -> bool:
        """Whether a measurement meets the bar."""
        within = measured.ratio >= self.bar if self.at_least else measured.ratio <= self.bar
        return within and measured.sound


def nothing() -> None:
    """What prepares a function that needs no preparation."""


def in_turns(
    setting: Setting,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    calls: int = 1,
    prepare: tuple[Callable[[], None], Callable[[], None]] = (nothing, nothing),
) -> tuple[list[float], list[float]]:
    """Time two functions in turns, each first in every other round, after one round that does not count.

    Args:
        setting: Rounds and clock.
        ours, theirs: What to time.
        calls: Calls a round; the time is that of one.
        prepare: Called before each round, outside the clock: for ours, for theirs.

    Returns:
        Seconds a call, a value a round, of each.
    """
    both = (ours, theirs)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(setting.rounds + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            prepare[which]()
            seconds = timed(setting, both[which], calls)
            if number:
                times[which].append(seconds)
    return times


def timed(setting: Setting, function: Callable[[], object], calls: int = 1) -> float:
    """Seconds a call."""
    start = setting.now()
    for _ in range(calls):
        function()
    return (setting.now() - start) / calls
