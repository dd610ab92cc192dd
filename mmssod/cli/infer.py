"""Run a checkpoint on images, folders and videos: pictures with boxes, and one COCO json with scores, p and v.

For example::

    mmssod infer own photos/ film.mp4 --every 30 --out found
    mmssod infer student.py iter_400.pth photos/ --out found
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmssod.cli.options import (
    add_device,
    add_part,
    add_run,
    add_tiles,
    check_tiles,
    number_or_file,
)

CHECKPOINTS = ('.pth', '.pt', '.safetensors')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument(
        'inputs', nargs='*', help='images, folders, globs, text lists, COCO jsons, videos'
    )
    parser.add_argument('--out', required=True, help='folder for detections.json and the pictures')
    add_part(parser)
    parser.add_argument(
        '--score-thr',
        type=number_or_file,
        help="least score of a box, or the json of thresholds by class beside a report's page (by default that of the "
        'project, else 0.3)',
    )
    parser.add_argument(
        '--every', type=int, default=1, help='of a video, each so many-th frame (%(default)s)'
    )
    parser.add_argument('--no-pictures', action='store_true', help='write only the json')
    add_device(parser)
    add_tiles(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Tell the checkpoint from the first input; refuse no input, and tiles that cannot be."""
    if args.checkpoint and Path(args.checkpoint).suffix not in CHECKPOINTS:
        args.inputs.insert(0, args.checkpoint)
        args.checkpoint = ''
    if not args.inputs:
        parser.error(
            'expected images, folders or videos after the project, or after config and checkpoint'
        )
    check_tiles(parser, args)


def run(args: argparse.Namespace) -> None:
    """Detect, draw, write."""
    from mmssod.datasets.split import write_coco  # after the arguments, so that --help is quick
    from mmssod.own_data.detector import DEFAULT_SCORE, locate
    from mmssod.own_data.inferring import frames, infer

    config, checkpoint, known = locate(args.config, args.checkpoint)
    score_thr = next(x for x in (args.score_thr, known, DEFAULT_SCORE) if x is not None)
    file = Path(args.out, 'detections.json')
    pictures = None if args.no_pictures else Path(args.out, 'pictures')
    found = infer(
        config,
        checkpoint,
        frames(args.inputs, args.every, written=[path for path in (file, pictures) if path]),
        part=args.part,
        score_thr=score_thr,
        device=args.device,
        tile=args.tile,
        overlap=args.overlap,
        pictures=pictures,
    )
    write_coco(found, file)
    count = f'{len(found["annotations"])} boxes in {len(found["images"])} images'
    print(f'{count}, of scores from {score_thr} on: {args.out}')
