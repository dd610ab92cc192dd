r"""A matrix of recipes x seeds: trains what is missing, prints one table, and writes a page of the documentation.

For example, two runs at once::

    python tools/benchmark/run.py tools/benchmark/matrices/bccd.py --seeds 0 1 2 --jobs 2 \
        --markdown docs/results/bccd.md

Results are one JSON file a run, below ``work_dirs/benchmark/<matrix>/seed_<seed>/``. What is there is not run again;
what was cut off resumes.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('matrix', help='file with title, note, recipes, and perhaps findings')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument(
        '--jobs', type=int, default=1, help='runs at once; they share cores and GPUs'
    )
    parser.add_argument('--only', nargs='+', default=[], help='names of the recipes to run')
    parser.add_argument('--out', help='folder; default: work_dirs/benchmark/<name of the matrix>')
    parser.add_argument(
        '--share',
        nargs='+',
        default=[],
        metavar='DIR',
        help='results of other matrices: runs of the same config, start and seed are taken over',
    )
    parser.add_argument('--markdown', help='also write the results as a page to this file')
    return parser.parse_args()


def main() -> None:
    """Train what is missing, print the table."""
    args = parse_args()
    from terminaltables import AsciiTable

    from matrix_runs import Matrix, page, run_matrix, table

    matrix = Matrix.fromfile(args.matrix)
    out = args.out or f'work_dirs/benchmark/{Path(args.matrix).stem}'
    call = [sys.executable, __file__, args.matrix, '--out', out]
    runs = run_matrix(
        matrix,
        args.seeds,
        out,
        only=args.only,
        command=call,
        jobs=args.jobs,
        share=args.share,
    )
    print(AsciiTable(table(matrix, runs), title=matrix.title).table)
    if args.markdown:
        command = 'python tools/benchmark/run.py ' + shlex.join(sys.argv[1:])
        Path(args.markdown).write_text(page(matrix, runs, command))


if __name__ == '__main__':
    main()
