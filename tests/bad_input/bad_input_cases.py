"""The table of bad input: each row is a case that is run, and its words in docs/bad_input.md come from here."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        group: heading of its table.
        name: what is wrong, in a few words.
        happens: what mmssod does.
        says: a regular expression that its message, or the report of what was used, must match.
        run: makes the input in a folder and returns the message.
    """

    group: str
    name: str
    happens: str
    says: str
    run: Callable[[Path], str]


CASES: list[Case] = []

STOP = 'error before training'
SKIP = 'skipped, counted, listed'
WARN = 'warning'
USED = 'used'
STOPS_OR_SKIPS = 'labeled: error before training; unlabeled: skipped, counted, listed'


def cases_of(group: str) -> Callable:
    """A decorator for a table of this heading: it enters a function that makes the input and returns what was said."""

    def case(name: str, happens: str, says: str) -> Callable:
        def enter(run: Callable[[Path], str]) -> Callable[[Path], str]:
            CASES.append(Case(group, name, happens, says, run))
            return run

        return enter

    return case


def error_of(action: Callable, *args, **options) -> str:
    """The message of the error that an action must end in."""
    try:
        action(*args, **options)
    except (ValueError, TypeError, OSError, RuntimeError, KeyError) as error:
        return f'{type(error).__name__}: {error}'
    raise AssertionError('expected an error, there was none')


def coco_content(images: int = 2) -> dict:
    """A sound COCO json: images of 40 x 30 px with a box each, of two classes in turn."""
    return dict(
        images=[dict(id=n + 1, file_name=f'{n}.png', width=40, height=30) for n in range(images)],
        annotations=[
            dict(
                id=n + 1,
                image_id=n + 1,
                category_id=n % 2 + 1,
                bbox=[2, 3, 10, 12],
                area=120,
                iscrowd=0,
            )
            for n in range(images)
        ],
        categories=[dict(id=1, name='ant'), dict(id=2, name='bee')],
    )


def write_json(folder: Path, content: object, name: str = 'train.json') -> str:
    """A json file; bytes are written as they are."""
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(file)
