"""Run a checkpoint on images, folders and videos: pictures with boxes, and one COCO json with scores, p and v.

For example::

    mmssod infer own/student.py own/work_dirs/student/iter_400.pth photos/ film.mp4 --every 30 --out found
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmssod.cli.options import (
    add_config,
    add_device,
    add_part,
    add_tiles,
    check_tiles,
    number_or_file,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser, 'config of the run')
    parser.add_argument('checkpoint', help='checkpoint of the run')
    parser.add_argument(
        'inputs', nargs='+', help='images, folders, globs, text lists, COCO jsons, videos'
    )
    parser.add_argument('--out', required=True, help='folder for detections.json and the pictures')
    add_part(parser)
    parser.add_argument(
        '--score-thr',
        type=number_or_file,
        default=0.3,
        help="least score of a box (%(default)s), or the json of thresholds by class beside a report's page",
    )
    parser.add_argument(
        '--every', type=int, default=1, help='of a video, each so many-th frame (%(default)s)'
    )
    parser.add_argument('--no-pictures', action='store_true', help='write only the json')
    add_device(parser)
    add_tiles(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse tiles that cannot be."""
    check_tiles(parser, args)


def run(args: argparse.Namespace) -> None:
    """Detect, draw, write."""
    from mmssod.apis import find_config  # after the arguments, so that --help is quick
    from mmssod.datasets.split import write_coco
    from mmssod.own_data.inferring import frames, infer

    file = Path(args.out, 'detections.json')
    pictures = None if args.no_pictures else Path(args.out, 'pictures')
    found = infer(
        find_config(args.config),
        args.checkpoint,
        frames(args.inputs, args.every, written=[path for path in (file, pictures) if path]),
        part=args.part,
        score_thr=args.score_thr,
        device=args.device,
        tile=args.tile,
        overlap=args.overlap,
        pictures=pictures,
    )
    write_coco(found, file)
    count = f'{len(found["annotations"])} boxes in {len(found["images"])} images'
    print(f'{count}, of scores from {args.score_thr} on: {args.out}')
