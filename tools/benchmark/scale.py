r"""Measure what grows with the number of unlabeled images: a label bank, its json, the list, its order, `mmssod new`.

For example::

    python tools/benchmark/scale.py --images 120000 --boxes 30 --json-images 12000 \
        --markdown docs/results/scale.md
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

NOTE = (
    'Random boxes in both views of each image. Seconds are CPU time, which depends little on what else runs. Memory is '
    "that of one process; the files of the bank are mapped, so the pages that were read are the system's, and all "
    'processes of a machine share them.'
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--images', type=int, default=120000, help='images of the bank')
    parser.add_argument('--boxes', type=int, default=30, help='boxes of each view')
    parser.add_argument('--json-images', type=int, default=12000, help='images of the json')
    parser.add_argument(
        '--order', type=int, default=10_000_000, help='images that are put in the order of an epoch'
    )
    parser.add_argument(
        '--files', type=int, default=100_000, help='image files that `mmssod new` plans with'
    )
    parser.add_argument('--folder', help='where the files are written and deleted again')
    parser.add_argument('--markdown', help='also write the numbers as a page to this file')
    return parser.parse_args()


def main() -> None:
    """Write, read, print."""
    args = parse_args()
    from many_files import planning
    from many_images import measure
    from mmssod.analysis.markdown import pipe_table, tables_page
    from mmssod.environment import collect

    with TemporaryDirectory(prefix='mmssod_scale_', dir=args.folder) as folder:
        tables = measure(Path(folder), args.images, args.boxes, args.json_images, args.order)
        tables['Planning'] = planning(Path(folder), args.files)
    for rows in tables.values():
        print('\n'.join(pipe_table(rows)))
    if args.markdown:
        command = 'python tools/benchmark/scale.py ' + shlex.join(sys.argv[1:])
        facts = dict(command=f'`{command}`', date=date.today().isoformat(), **collect())
        Path(args.markdown).write_text(tables_page('Cost of unlabeled images', NOTE, tables, facts))


if __name__ == '__main__':
    main()
