r"""Precision of pseudo boxes over IoU thresholds, judged by withheld boxes, of several teachers in one plot (Figure 3).

For example::

    python tools/analysis/pseudo_box_precision.py \
        --detector teacher configs/demo/teacher.py work_dirs/demo/seed_0/teacher/iter_400.pth \
        --annotations data/demo/unlabeled-withheld.json --images data/demo/unlabeled \
        --out work_dirs/figures/pseudo_box_precision.png
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import date
from pathlib import Path

from detector_options import add_detector_options


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_detector_options(parser)
    parser.add_argument(
        '--certainty',
        nargs='+',
        choices=['p', 'v', 'p*v', 'p_and_v'],
        default=['p*v'],
        help='what boxes are selected by; of several, each has its own table (%(default)s)',
    )
    select = parser.add_mutually_exclusive_group()
    select.add_argument(
        '--threshold', type=float, default=0.7, help='boxes above it are pseudo boxes'
    )
    select.add_argument(
        '--boxes', type=int, default=0, help='instead: this many of each teacher, the most certain'
    )
    parser.add_argument(
        '--out',
        required=True,
        help='png file of the first certainty; the json is written beside it',
    )
    parser.add_argument('--markdown', help='also write the numbers as a page to this file')
    parser.add_argument('--title', default='Precision of pseudo boxes', help="the page's title")
    parser.add_argument('--note', default='', help="the page's words on data and detectors")
    args = parser.parse_args()
    if not args.sources:
        parser.error('name at least one --detector or --detections')
    return args


def main() -> None:
    """Predict, judge, draw."""
    args = parse_args()
    from mmssod.analysis.box_precision import box_precision, draw, precision_table
    from mmssod.analysis.markdown import tables_page
    from mmssod.analysis.plotting import save
    from mmssod.apis import detector_outputs
    from mmssod.environment import collect

    outputs = detector_outputs(args.sources, annotations=args.annotations, images=args.images)
    results = [
        box_precision(outputs, certainty, args.threshold, args.boxes)
        for certainty in args.certainty
    ]
    save(draw(results[0]), results[0], args.out)
    print(args.out)
    if args.markdown:
        command = 'python tools/analysis/pseudo_box_precision.py ' + shlex.join(sys.argv[1:])
        facts = dict(command=f'`{command}`', date=date.today().isoformat(), **collect())
        tables = {each['selection'].capitalize(): precision_table(each) for each in results}
        Path(args.markdown).write_text(tables_page(args.title, args.note, tables, facts))


if __name__ == '__main__':
    main()
