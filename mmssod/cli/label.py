"""Write pseudo labels of images as files that this and other trainers read.

For example::

    mmssod label own --format yolo --out labels
    mmssod label student.py iter_400.pth --format yolo --out labels
"""

from __future__ import annotations

import argparse

from mmssod.cli.options import (
    add_device,
    add_part,
    add_run,
    add_tiles,
    check_tiles,
    number_or_file,
)
from mmssod.datasets.formats import formats


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument(
        '--images',
        nargs='+',
        help="folders, globs, text lists, COCO jsons or files (by default the config's unlabeled images)",
    )
    known = formats(writes=True)
    about = '; '.join(f'{name}: {form.about}' for name, form in known.items())
    parser.add_argument('--out', required=True, help='file or folder, see --format')
    parser.add_argument('--format', choices=[*known], default='coco', help=f'{about} (%(default)s)')
    add_part(parser)
    parser.add_argument(
        '--certainty',
        choices=['p', 'v', 'p*v', 'p_and_v'],
        help="certainty compared with the threshold (by default as in the config's selector)",
    )
    parser.add_argument(
        '--threshold',
        type=number_or_file,
        help="boxes above it are written, of all classes; or the json of thresholds on the score beside a report's "
        'page (by default, of each class, the threshold that the run ended with, as its checkpoint tells; else the '
        "config's)",
    )
    asked = '; '.join(f'{name}: {form.scores}' for name, form in known.items() if form.scores)
    parser.add_argument('--scores', action='store_true', help=f'also write scores ({asked})')
    parser.add_argument(
        '--merge',
        action='store_true',
        help="write human labels, too: a folder with the config's labeled and the pseudo-labeled images to train on "
        'and its validation images, which Ultralytics, RF-DETR and MMDetection train from as it stands',
    )
    add_device(parser)
    add_tiles(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse a format beside the one layout of ``--merge``."""
    check_tiles(parser, args)
    if args.merge and (args.format != 'coco' or args.scores):
        parser.error('--merge writes YOLO txt and COCO json: leave --format and --scores out')


def run(args: argparse.Namespace) -> None:
    """Label, write, count."""
    from collections import Counter

    from mmssod.own_data.detector import locate  # after the arguments, so that --help is quick
    from mmssod.own_data.labeling import label

    config, checkpoint, _ = locate(args.config, args.checkpoint)
    coco = label(
        config,
        checkpoint,
        args.out,
        images=args.images,
        kind=args.format,
        part=args.part,
        certainty_name=args.certainty,
        threshold=args.threshold,
        scores=args.scores,
        merge=args.merge,
        device=args.device,
        tile=args.tile,
        overlap=args.overlap,
    )
    names = {category['id']: category['name'] for category in coco['categories']}
    counts = Counter(names[box['category_id']] for box in coco['annotations'])
    print(', '.join(f'{count} {name}' for name, count in counts.most_common()) or 'no box')
    print(f'{len(coco["annotations"])} boxes in {len(coco["images"])} images: {args.out}')
