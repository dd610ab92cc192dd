r"""Thresholds tau_m and loss weights alpha_m of each class over a training, as a plot and as json; prints how they end.

For example::

    python tools/analysis/class_balance.py work_dirs/demo/seed_0/student --out work_dirs/figures/class_balance.png
"""

from __future__ import annotations

import argparse


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dir', help="work directory of a student's training")
    parser.add_argument('--out', required=True, help='png file; the json is written beside it')
    return parser.parse_args()


def main() -> None:
    """Read, draw."""
    args = parse_args()
    from mmssod.analysis.class_balance import class_balance, draw
    from mmssod.analysis.plotting import save
    from mmssod.engine.hooks.class_balance_hook import balance_table

    numbers = class_balance(args.work_dir)
    save(draw(numbers), numbers, args.out)
    classes, labeled_boxes, iterations = (
        numbers.pop(name) for name in ('classes', 'labeled_boxes', 'iterations')
    )
    last = {name: values[-1] for name, values in numbers.items()}
    print(f'iteration {iterations[-1]}\n{balance_table(classes, labeled_boxes, last)}')
    print(args.out)


if __name__ == '__main__':
    main()
