"""Makes the demo data: labeled, unlabeled and evaluation images of ten long-tailed classes.

    python tools/dataset/make_demo_data.py --out data/demo

Does nothing but count where the same data set is already there. For the layout of the folder see
`tools/benchmark/demo_drawings/`.
"""

import argparse
import sys
import time
from pathlib import Path

from terminaltables import AsciiTable

sys.path.append(str(Path(__file__).parents[1] / 'benchmark'))
from demo_drawings import CLASSES, DemoData, count_boxes, make_demo_data


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', default='data/demo', help='folder to write into')
    parser.add_argument('--size', type=int, default=160, help='side of the images in pixels')
    parser.add_argument('--labeled', type=int, default=50, help='number of labeled images')
    parser.add_argument('--unlabeled', type=int, default=950, help='number of unlabeled images')
    parser.add_argument('--val', type=int, default=200, help='number of evaluation images')
    parser.add_argument('--classes', type=int, default=len(CLASSES), help='number of classes')
    parser.add_argument(
        '--min-boxes',
        type=int,
        default=8,
        help='minimum number of boxes per class in the labeled images',
    )
    parser.add_argument(
        '--tail-ratio',
        type=float,
        default=50.0,
        help='boxes of the most frequent class over those of the rarest in the training images',
    )
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args(argv)


def table(data: DemoData) -> str:
    """Boxes of each class (rows) in each split (columns)."""
    counts = {name: count_boxes(path) for name, (path, _) in data.splits().items()}
    rows = [[name, *(split[name] for split in counts.values())] for name in data.classes]
    totals = ['boxes', *(sum(split.values()) for split in counts.values())]
    images = ['images', *(len(list(folder.iterdir())) for _, folder in data.splits().values())]
    shown = AsciiTable([['class', *counts], *rows, totals, images], title='boxes per class')
    shown.inner_footing_row_border = True
    shown.justify_columns = dict.fromkeys(range(1, len(counts) + 1), 'right')
    return str(shown.table)


def main(argv: list[str] | None = None) -> None:
    """Makes the data set and prints its counts."""
    args = parse_args(argv)
    start = time.perf_counter()
    data = make_demo_data(
        args.out,
        num_labeled=args.labeled,
        num_unlabeled=args.unlabeled,
        num_val=args.val,
        size=args.size,
        seed=args.seed,
        num_classes=args.classes,
        min_boxes_per_class=args.min_boxes,
        tail_ratio=args.tail_ratio,
    )
    print(table(data))
    print(f'{data.root}: ready after {time.perf_counter() - start:.1f} s')


if __name__ == '__main__':
    main()
