"""Chooses which log lines the terminal shows, and keeps a run alive when the terminal is closed."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.logging import logger as mmengine_logger
from pycocotools import coco

MOST_LINES = 3
NOISE = (
    'Distributed training is not used',
    'Loads checkpoint by ',
    'Saving checkpoint at ',
    'The best checkpoint with ',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
    'Exp name: ',
    'Checkpoints will be saved to ',
    'The previous best checkpoint ',
    'loading annotations into memory',
    'Done (t=',
    'creating index',
    'index created!',
)
"""Beginnings of what mmengine and pycocotools say of themselves, also as warnings; the log file has mmengine's."""
_least: int | None = None


@contextmanager
def short_terminal(least: int = logging.INFO) -> Iterator[None]:
    """Runners that are built inside show no dumps: environment, config and tables are in their log file alone.

    Args:
        least: Level of the records that are shown; above INFO the log file is not named either.
    """
    global _least
    before, _least = _least, least
    # These call `print`: with a name of their own it can be another one.
    modules: tuple[Any, ...] = (coco, mmengine_logger) if before is None else ()
    for module in modules:
        module.print = _print
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', message='torch.meshgrid: in an upcoming release')
            yield
    finally:
        _least = before
        for module in modules:
            del module.print


def _print(*words: Any, **options: Any) -> None:
    """Print what is no noise."""
    if not str(words[0] if words else '').startswith(NOISE):
        print(*words, **options)


def terminals() -> list[int]:
    """Which of standard output and errors go to a terminal."""
    return [place for place in (1, 2) if os.isatty(place)]


def leave_closed(places: Iterable[int]) -> None:
    """Discard output that went to a terminal that was closed, since writing to it is an error.

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
    if _least is None:
        return
    files = [handler for handler in logger.handlers if isinstance(handler, logging.FileHandler)]
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and handler not in files:
            handler.addFilter(shows)
            handler.setLevel(max(handler.level, _least))
    if files and _least <= logging.INFO:
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
