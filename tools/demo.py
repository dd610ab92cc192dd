"""The demo: draws a data set, trains a teacher and a student, and prints what the unlabeled images were worth."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTE = (
    'Drawn shapes at 160 px (`tools/dataset/make_demo_data.py`, seed 0): 100 labeled images, '
    '900 unlabeled, 200 to evaluate on, ten long-tailed classes; AP rare is over the five rarest '
    'of the labeled set.'
)
THIRD_ROW = (
    ' The row "supervised" trains on the labeled images alone for as many iterations as teacher '
    'and student together.'
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', default='work_dirs/demo', help='where results and checkpoints go')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument(
        '--supervised', action='store_true', help='add the row of longer supervised training'
    )
    parser.add_argument('--markdown', help='also write the results as a page to this file')
    return parser.parse_args()


def main() -> None:
    """Draw, train, evaluate, print."""
    args = parse_args()
    os.chdir(ROOT)  # the configs' paths are relative to the repository
    from terminaltables import AsciiTable

    from mmssod.apis.comparison import compare, markdown, table
    from mmssod.testing import make_demo_data

    print('Drawing the data set into data/demo ...')
    make_demo_data('data/demo')
    supervised = 'configs/demo/supervised.py' if args.supervised else ''
    runs = compare(
        'configs/demo/teacher.py', 'configs/demo/student.py', supervised, args.seeds, args.out
    )
    print(AsciiTable(table(runs), title='demo').table)
    print(f'results and checkpoints: {args.out}/seed_*/')
    if args.markdown:
        seeds = ' '.join(str(seed) for seed in args.seeds)
        command = f'python tools/demo.py --seeds {seeds}' + ' --supervised' * args.supervised
        note = NOTE + THIRD_ROW * args.supervised
        Path(args.markdown).write_text(markdown(runs, 'Demo', note, command))
        print(f'page: {args.markdown}')


if __name__ == '__main__':
    main()
