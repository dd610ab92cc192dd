r"""Teacher, student and supervised training of the same length on one data set, over seeds, as one table.

For example::

    python tools/benchmark/compare.py configs/lite/teacher_bccd.py configs/lite/student_bccd.py \
        --supervised configs/lite/supervised_bccd.py --out work_dirs/compare_bccd
"""

from __future__ import annotations

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('teacher', help='config of the teacher')
    parser.add_argument('student', help='config of the student; it starts from the teacher')
    parser.add_argument('--supervised', default='', help='config of the longer supervised training')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--out', required=True, help='where results and checkpoints go')
    parser.add_argument('--markdown', help='also write the results as a page to this file')
    parser.add_argument('--title', default='Teacher and student', help="the page's title")
    parser.add_argument('--note', default='', help="the page's words on data and settings")
    return parser.parse_args()


def main() -> None:
    """Train what is missing, print the table."""
    args = parse_args()
    from terminaltables import AsciiTable

    from mmssod.apis.comparison import compare, markdown, table

    runs = compare(args.teacher, args.student, args.supervised, args.seeds, args.out)
    print(AsciiTable(table(runs), title=args.title).table)
    if args.markdown:
        seeds = ' '.join(str(seed) for seed in args.seeds)
        third = f' --supervised {args.supervised}' if args.supervised else ''
        command = (
            f'python tools/benchmark/compare.py {args.teacher} {args.student}{third} '
            f'--seeds {seeds} --out {args.out}'
        )
        Path(args.markdown).write_text(markdown(runs, args.title, args.note, command))


if __name__ == '__main__':
    main()
