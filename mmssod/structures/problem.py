"""A problem found in a config or in files: what is wrong, and how to fix it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmssod.environment.errors import InputError


@dataclass(frozen=True)
class Problem:
    """One thing that would spoil a run.

    Args:
        what: the problem in a few words.
        expected: what would have been right.
        actual: what was found.
        fix: what the user can do, best with the config key.
    """

    what: str
    expected: str
    actual: str
    fix: str

    def __str__(self) -> str:
        return (
            f'{self.what}\n     expected: {self.expected}\n     actual:   {self.actual}\n'
            f'     fix:      {self.fix}'
        )


def raise_together(problems: Sequence[Problem], where: str = 'before training') -> None:
    """Raise all problems as one error; none, no error.

    Args:
        problems: what was found.
        where: behind "found" in the message.

    Raises:
        ValueError: a numbered list of the problems.
    """
    if not problems:
        return
    count = f'{len(problems)} problem' + ('s' if len(problems) > 1 else '')
    listed = '\n'.join(f'  {n}. {problem}' for n, problem in enumerate(problems, start=1))
    raise InputError(f'{count} found {where}:\n{listed}')
