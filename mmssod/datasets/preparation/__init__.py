"""Examines data sets before training: numbers, warnings and problems, shown together."""

from __future__ import annotations

from dataclasses import dataclass

from mmssod.structures.problem import Problem

SHOWN = 5
"""Names of files that a problem shows of its many."""


@dataclass(frozen=True)
class Findings:
    """Numbers, warnings and problems found; findings can be added.

    Args:
        counts: lines that say what is there.
        warnings: lines about what is unusual but may be meant.
        problems: what would spoil a run.
    """

    counts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            self.counts + other.counts,
            self.warnings + other.warnings,
            self.problems + other.problems,
        )

    def text(self) -> str:
        """All of it for people, the problems numbered and last."""
        number = len(self.problems)
        lines = [*self.counts, *(f'warning: {warning}' for warning in self.warnings)]
        lines.append(f'{number or "no"} problem' + ('' if number == 1 else 's'))
        lines += [f'  {i}. {problem}' for i, problem in enumerate(self.problems, start=1)]
        return '\n'.join(lines)
