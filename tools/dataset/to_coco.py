r"""Write labels in any format that `mmssod new` reads as one COCO json.

For example, the training set of https://github.com/Shenggan/BCCD_Dataset::

    python tools/dataset/to_coco.py BCCD/Annotations --images BCCD/JPEGImages --only BCCD/ImageSets/Main/train.txt \
        --classes RBC WBC Platelets --out data/bccd/train.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmssod.datasets.annotation_files import read_text
from mmssod.datasets.formats import read_labels
from mmssod.datasets.image_lists import find_images
from mmssod.datasets.preparation import SHOWN
from mmssod.datasets.split import Coco, take_images, write_coco
from mmssod.environment.errors import InputError


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('labels', type=Path, help='file or folder, as of `mmssod new`')
    parser.add_argument('--images', type=Path, required=True, help='folder of the images')
    parser.add_argument(
        '--only', type=Path, help='text file of image names, with or without suffix'
    )
    parser.add_argument('--classes', nargs='+', default=[], help='names in order (all, sorted)')
    parser.add_argument('--out', type=Path, required=True, help='json to write')
    return parser.parse_args()


def only_images(coco: Coco, names: Sequence[str]) -> Coco:
    """A COCO data set of only some images.

    Args:
        coco: COCO data set with more images.
        names: File names, with or without folder and suffix, as in VOC's ``ImageSets``; empty ones are left out.

    Raises:
        ValueError: There is no such image.
    """
    wanted = {Path(name.strip()).name for name in names if name.strip()}
    told = {Path(image['file_name']).name: image for image in coco['images']}
    told |= {Path(name).stem: image for name, image in list(told.items())}
    if missing := sorted(wanted - set(told)):
        raise InputError(
            f'images: expected labels of all {len(wanted)} of the list, {len(missing)} have none: '
            f'{", ".join(missing[:SHOWN])}; correct the list, or name the folder with all labels'
        )
    return take_images(coco, {told[name]['id'] for name in wanted})


def left_out(args: argparse.Namespace, labeled: int) -> list[str]:
    """A line where images of the folder have no labels, unless a list chose them."""
    number = 0 if args.only else len(find_images(str(args.images))) - labeled
    return (
        [f'{number} images of {args.images} have no labels and are left out'] if number > 0 else []
    )


def main() -> int:
    """Read, choose, write."""
    args = parse_args()
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
