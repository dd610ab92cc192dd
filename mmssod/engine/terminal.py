"""What of a run's log is shown on the terminal, and what becomes of it when that is closed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

MOST_LINES = 3
NOISE = (
    'Distributed training is not used',
    'Loads checkpoint by ',
    'Saving checkpoint at ',
    'The best checkpoint with ',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
)
"""Beginnings of what mmengine says of itself, also as warnings; the log file has it."""
_short = False


@contextmanager
def short_terminal() -> Iterator[None]:
    """Runners that are built inside show no dumps: environment, config and tables are in their log file alone."""
    global _short
    before, _short = _short, True
    try:
        yield
    finally:
        _short = before


def terminals() -> list[int]:
    """Which of standard output and errors go to a terminal."""
    return [place for place in (1, 2) if os.isatty(place)]


def leave_closed(places: Iterable[int]) -> None:
    """Send output nowhere that went to a terminal and goes to none: to write to one that was closed is an error.

    Args:
        places: What :func:`terminals` gave.
    """
    for place in places:
        if not os.isatty(place):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, place)
            os.close(nowhere)


def shorten_terminal(logger: Any) -> None:
    """Keep long records of a logger off the terminal, where :func:`short_terminal` asks for it.

    Args:
        logger: mmengine's; its handlers of files stay as they are.
    """
    if not _short:
        return
    files = [handler for handler in logger.handlers if isinstance(handler, logging.FileHandler)]
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and handler not in files:
            handler.addFilter(shows)
    if files:
        logger.info(f'log, with environment, config and tables: {files[0].baseFilename}')


def shows(record: logging.LogRecord) -> bool:
    """Whether a record goes to the terminal: warnings do, and what is no dump and no list of all figures."""
    text = record.getMessage()
    if text.startswith(NOISE):
        return False
    if record.levelno > logging.INFO:
        return True
    if text.startswith('Iter(val)') and 'mAP' in text:  # EvaluationLineHook says it
        return False
    return text.strip('\n').count('\n') < MOST_LINES
