"""The demo: draws a data set, trains a teacher and a student, and prints the gain from unlabeled images."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / 'tools/benchmark'))
OUT = 'work_dirs/demo'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', default=OUT, help='where results and checkpoints go')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Draw, train, evaluate, print."""
    args = parse_args()
    os.chdir(ROOT)  # the configs' paths are relative to the repository
    from terminaltables import AsciiTable

    from demo_drawings import make_demo_data
    from matrix_runs import Matrix, run_matrix, table

    print('Drawing the data set into data/demo ...')
    make_demo_data('data/demo')
    matrix = Matrix.fromfile('tools/benchmark/matrices/demo.py')
    runs = run_matrix(matrix, [args.seed], args.out, only=['teacher', 'student'])
    print(AsciiTable(table(matrix, runs), title='demo').table)
    print(f'results and checkpoints: {args.out}/seed_{args.seed}/')


if __name__ == '__main__':
    main()
