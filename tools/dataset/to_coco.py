r"""Write labels that `mmssod new` reads (COCO json, folder of VOC xml or YOLO txt) as one COCO json.

For example, the training set of https://github.com/Shenggan/BCCD_Dataset::

    python tools/dataset/to_coco.py BCCD/Annotations --images BCCD/JPEGImages --only BCCD/ImageSets/Main/train.txt \
        --classes RBC WBC Platelets --out data/bccd/train.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('labels', type=Path, help='COCO json, or folder of VOC xml or YOLO txt')
    parser.add_argument('--images', type=Path, required=True, help='folder of the images')
    parser.add_argument(
        '--only', type=Path, help='text file of image names, with or without suffix'
    )
    parser.add_argument('--classes', nargs='+', default=[], help='names in order (all, sorted)')
    parser.add_argument('--out', type=Path, required=True, help='json to write')
    return parser.parse_args()


def left_out(args: argparse.Namespace, labeled: int) -> list[str]:
    """A line where images of the folder have no labels, unless a list chose them."""
    from mmssod.datasets.image_lists import find_images

    number = 0 if args.only else len(find_images(str(args.images))) - labeled
    return (
        [f'{number} images of {args.images} have no labels and are left out'] if number > 0 else []
    )


def main() -> int:
    """Read, choose, write."""
    args = parse_args()
    from mmssod.datasets.annotation_files import read_text
    from mmssod.datasets.preparation.formats import only_images, read_labels
    from mmssod.datasets.split import write_coco

    coco, findings = read_labels(args.labels, args.images, classes=args.classes)
    if args.only:
        coco = only_images(coco, read_text(args.only).split('\n'))
    if findings.problems:
        print(findings.text())
        return 1
    for line in [*findings.warnings, *left_out(args, len(coco['images']))]:
        print(f'warning: {line}', file=sys.stderr)
    write_coco(coco, args.out)
    print(f'{len(coco["images"])} images, {len(coco["annotations"])} boxes: {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
