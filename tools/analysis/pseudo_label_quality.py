r"""Evaluates a detector's pseudo labels on unlabeled images with withheld annotations.

For example::

    python tools/analysis/pseudo_label_quality.py \
        --detector teacher configs/lite/teacher_bccd.py work_dirs/teacher_bccd/iter_400.pth \
        --annotations data/bccd/train.1@10-unlabeled-boxes.json --images data/bccd/images/

With ``--detector`` or ``--detections`` several times it compares what the readings of tau keep of each teacher.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from datetime import date
from pathlib import Path

TITLES = {
    'certainty': 'Correlation of certainties with the true IoU, boxes of p > 0.3',
    'ranking': 'The most certain boxes, as many as 20, 40, 60 and 80 % of the true ones',
    'thresholds': 'What a threshold keeps',
    'classes': 'What p*v > 0.5 and p*v > 0.7 keep of each class',
    'readings': 'What the readings of tau keep of each teacher',
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--detector',
        nargs=3,
        action='append',
        default=[],
        metavar=('LABEL', 'CONFIG', 'CHECKPOINT'),
        help='a detector to run',
    )
    parser.add_argument(
        '--detections',
        nargs=2,
        action='append',
        default=[],
        metavar=('LABEL', 'JSON'),
        help='saved detections of a detector (tools/analysis/predict.py)',
    )
    parser.add_argument('--annotations', required=True, help='COCO json with the withheld boxes')
    parser.add_argument('--images', default='', help='folder that its file names are relative to')
    parser.add_argument('--out', help='json file for the figures')
    parser.add_argument('--markdown', help='also write them as a page to this file')
    parser.add_argument('--title', default='Pseudo labels', help="the page's title")
    parser.add_argument('--note', default='', help="the page's words on data and detector")
    args = parser.parse_args()
    if not args.detector + args.detections:
        parser.error('name at least one --detector or --detections')
    return args


def main() -> None:
    """Predict, judge, print."""
    args = parse_args()
    from terminaltables import AsciiTable

    from mmssod.analysis.label_quality import label_quality, readings, text_table
    from mmssod.analysis.markdown import tables_page
    from mmssod.apis import detector_outputs
    from mmssod.environment import collect
    from mmssod.environment.whole_files import write_whole

    sources = args.detector + args.detections
    outputs = detector_outputs(sources, annotations=args.annotations, images=args.images)
    if len(sources) == 1:
        figures = label_quality(outputs, sources[0][0])
    else:
        figures = dict(readings=readings(outputs))
    tables = {TITLES[name]: text_table(records) for name, records in figures.items()}
    for title, rows in tables.items():
        print(AsciiTable(rows, title=title).table)
    if args.out:
        write_whole(args.out, json.dumps(figures, indent=1))
    if args.markdown:
        command = 'python tools/analysis/pseudo_label_quality.py ' + shlex.join(sys.argv[1:])
        facts = dict(command=f'`{command}`', date=date.today().isoformat(), **collect())
        Path(args.markdown).write_text(tables_page(args.title, args.note, tables, facts))


if __name__ == '__main__':
    main()
