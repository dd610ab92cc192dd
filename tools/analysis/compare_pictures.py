r"""Two detectors, or a detector and the truth, side by side on the same pictures (Figure 4 of the paper).

The pictures are those in which the two differ most, or those that are named. For example::

    python tools/analysis/compare_pictures.py \
        --detector teacher configs/demo/teacher.py work_dirs/demo/seed_0/teacher/iter_400.pth \
        --detector student configs/demo/student.py work_dirs/demo/seed_0/student/iter_400.pth \
        --number 8 --truth --out work_dirs/figures/pictures

Pseudo labels against withheld boxes::

    python tools/analysis/compare_pictures.py \
        --detector teacher configs/demo/teacher.py work_dirs/demo/seed_0/teacher/iter_400.pth \
        --annotations data/demo/unlabeled-withheld.json --images data/demo/unlabeled \
        --threshold 0.5 --out work_dirs/figures/pseudo_labels
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
    parser.add_argument(
        '--certainty',
        choices=['p', 'v', 'p*v', 'p_and_v'],
        default='p*v',
        help='certainty that is compared with the threshold',
    )
    parser.add_argument('--threshold', type=float, default=0.5, help='boxes above it are drawn')
    choose = parser.add_mutually_exclusive_group()
    choose.add_argument('--number', type=int, default=8, help='how many of the most different')
    choose.add_argument('--ids', type=int, nargs='+', help='instead: the images of these ids')
    parser.add_argument('--truth', action='store_true', help='also draw the true boxes, thin')
    parser.add_argument(
        '--out', required=True, help='folder for one png a picture and pictures.json'
    )
    args = parser.parse_args()
    if not args.sources:
        parser.error('name at least one --detector or --detections')
    return args


def main() -> None:
    """Predict, compare, draw."""
    args = parse_args()
    from mmssod.analysis.drawing import write
    from mmssod.analysis.pictures import choose, pictures
    from mmssod.apis import detector_outputs

    outputs = detector_outputs(args.sources, annotations=args.annotations, images=args.images)
    chosen = choose(pictures(outputs, args.certainty, args.threshold), args.number, args.ids)
    write(chosen, args.out, with_truth=args.truth)
    print(f'{len(chosen)} pictures: {args.out}')


if __name__ == '__main__':
    main()
