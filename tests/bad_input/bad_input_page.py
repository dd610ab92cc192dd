"""Writes docs/bad_input.md from the cases that the tests run: ``python tests/bad_input/bad_input_page.py``."""

import sys
from itertools import groupby
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / 'docs/bad_input.md'
for folder in (HERE, HERE.parent, HERE.parents[1] / 'tools/benchmark'):
    sys.path.insert(0, str(folder))

import bad_annotations  # noqa: E402, F401
import bad_banks  # noqa: E402, F401
import bad_checkpoints  # noqa: E402, F401
import bad_configs  # noqa: E402, F401
import bad_images  # noqa: E402, F401
import bad_labels  # noqa: E402, F401
import bad_resumes  # noqa: E402, F401
import bad_sets  # noqa: E402, F401
from bad_input_cases import CASES  # noqa: E402

from mmssod.analysis.markdown import pipe_table  # noqa: E402

HEAD = """# Bad input

What is wrong with data, configs and checkpoints, and what happens then. Each row is a test (`tests/bad_input/`), and
this page is written from the same list by `python tests/bad_input/bad_input_page.py`; a test compares them.

* **error before training**: the run stops before its first iteration. What can be known from the config and its files
  is found before anything is built, and all of it is in one numbered list: what, expected, actual, fix. `--dry-run`
  finds the same without a training.
* **skipped, counted, listed**: an unlabeled image that cannot be read never ends a run. The next one stands in for it,
  always the same one, so that a resumed run is the same run. The log counts and names them, `skipped_images.txt` in the
  work directory has all, and more than `default_hooks.skipped_images.limit` (5 % of the source) is an error.
  In a label bank nothing stands in for such an image: it has a record of its own without boxes.
* **labeled images** are few and their boxes are counted, so a damaged one stops the run. The existence of all is looked
  up before training, and the first 2000 of each annotation file are read (`default_hooks.preflight.read_images`); a
  damaged one beyond these ends the run when it is met, by name.
* **warning**: one line of the log at the start, with a count and examples.
"""


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    for group, rows in groupby(sorted(CASES, key=lambda row: row.group), key=lambda row: row.group):
        table = [('what', 'what happens'), *((row.name, row.happens) for row in rows)]
        lines += [f'## {group}', '', *pipe_table(table), '']
    return '\n'.join(lines)


if __name__ == '__main__':
    PAGE.write_text(page())
