r"""AP at IoU 0.5 .. 0.95 of several detectors in one plot (Figure 2 of the paper), and its numbers as json.

For example::

    python tools/analysis/ap_over_iou.py \
        --detector teacher configs/demo/teacher.py work_dirs/demo/seed_0/teacher/iter_400.pth \
        --detector student configs/demo/student.py work_dirs/demo/seed_0/student/iter_400.pth \
        --out work_dirs/figures/ap_over_iou.png
"""

from __future__ import annotations

import argparse

from detector_options import add_detector_options


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_detector_options(parser)
    parser.add_argument('--out', required=True, help='png file; the json is written beside it')
    args = parser.parse_args()
    if not args.sources:
        parser.error('name at least one --detector or --detections')
    return args


def main() -> None:
    """Predict, evaluate, draw."""
    args = parse_args()
    from mmssod.analysis.ap_over_iou import ap_over_iou, draw
    from mmssod.analysis.plotting import save
    from mmssod.apis import detector_outputs

    outputs = detector_outputs(args.sources, annotations=args.annotations, images=args.images)
    numbers = ap_over_iou(outputs)
    save(draw(numbers), numbers, args.out)
    print(args.out)


if __name__ == '__main__':
    main()
