r"""AP of each class, the rarest of the labeled set first, of several detectors side by side (Table 4 of the paper).

For example::

    python tools/analysis/per_class_ap.py \
        --detector teacher configs/demo/teacher.py work_dirs/demo/seed_0/teacher/iter_400.pth \
        --detector student configs/demo/student.py work_dirs/demo/seed_0/student/iter_400.pth \
        --train-annotations data/demo/train.json --rare 5 --out work_dirs/figures/per_class_ap.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from detector_options import add_detector_options


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_detector_options(parser)
    parser.add_argument(
        '--train-annotations',
        required=True,
        help='COCO json of the labeled images, to count boxes in',
    )
    parser.add_argument('--rare', type=int, default=10, help='number of rare classes')
    parser.add_argument('--out', required=True, help='png file; json and csv are written beside it')
    args = parser.parse_args()
    if not args.sources:
        parser.error('name at least one --detector or --detections')
    return args


def main() -> None:
    """Predict, evaluate, draw, print the means."""
    args = parse_args()
    from terminaltables import AsciiTable

    from mmssod.analysis.class_ap import class_ap, draw, text_rows, write_csv
    from mmssod.analysis.plotting import save
    from mmssod.apis import detector_outputs
    from mmssod.datasets.annotation_files import read_json

    outputs = detector_outputs(args.sources, annotations=args.annotations, images=args.images)
    numbers = class_ap(outputs, read_json(args.train_annotations), args.rare)
    save(draw(numbers), numbers, args.out)
    write_csv(numbers, Path(args.out).with_suffix('.csv'))
    print(AsciiTable(text_rows(numbers), title='AP by class').table)
    print(args.out)


if __name__ == '__main__':
    main()
