"""Run a checkpoint on images, folders, videos, a camera or a stream: boxes drawn, and json with scores, p and v.

For example::

    mmssod infer own photos/ film.mp4 --every 30 --out found
    mmssod infer own rtsp://camera.local/live --out found
    mmssod infer student.py iter_400.pth photos/ --out found

A camera (0 or camera:0) or an address is the only input. It gives one video with boxes and a line of json per frame,
until it ends or Ctrl-C; frames that come while the detector is busy are dropped.
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
        'inputs',
        nargs='*',
        help='images, folders, globs, text lists, COCO jsons, videos; or a camera (0), or an address (rtsp://, http://)',
    )
    parser.add_argument('--out', required=True, help='folder for the json and the pictures')
    add_part(parser)
    parser.add_argument(
        '--score-thr',
        type=number_or_file,
        help="least score of a box, or the json of thresholds by class beside a report's page (by default that of the "
        'project, else 0.3)',
    )
    parser.add_argument(
        '--every',
        type=int,
        default=1,
        help='of a video or stream, each so many-th frame (%(default)s)',
    )
    parser.add_argument(
        '--video',
        action='store_true',
        help='of a video file, write one video and a line of json per frame, as of a stream',
    )
    parser.add_argument(
        '--certainty', action='store_true', help='draw p (class) and v (place) beside the score'
    )
    parser.add_argument(
        '--show', action='store_true', help='show the video in a window, too; Esc or Q closes it'
    )
    parser.add_argument('--no-pictures', action='store_true', help='write only the json')
    add_device(parser)
    add_tiles(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Tell the checkpoint from the first input; refuse no input, and tiles that cannot be."""
    config = Path(args.config)
    # Of a project, and of an exported config, it is known which weights are meant.
    known = config.suffix != '.py' or config.with_suffix('.pth').is_file()
    if known and args.checkpoint and Path(args.checkpoint).suffix not in CHECKPOINTS:
        args.inputs.insert(0, args.checkpoint)
        args.checkpoint = ''
    if not args.inputs:
        parser.error(
            'expected images, folders or videos after the project, or after config and checkpoint'
        )
    check_tiles(parser, args)


def run(args: argparse.Namespace) -> int:
    """Detect, draw, write."""
    from mmssod.datasets.split import write_coco  # after the arguments, so that --help is quick
    from mmssod.own_data.detector import DEFAULT_SCORE, locate
    from mmssod.own_data.inferring import frames, infer
    from mmssod.own_data.streams import is_live

    if args.video or args.show or any(map(is_live, args.inputs)):
        return _watch(args)
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
        certainty=args.certainty,
    )
    write_coco(found, file)
    count = f'{len(found["annotations"])} boxes in {len(found["images"])} images'
    print(f'{count}, of scores from {score_thr} on: {args.out}')
    return 0


def _watch(args: argparse.Namespace) -> int:
    """One camera, stream or video; a video file that was interrupted has the exit status of Ctrl-C."""
    from mmssod.cli.main import INTERRUPTED
    from mmssod.environment.errors import InputError
    from mmssod.own_data import watching
    from mmssod.own_data.detector import Detector
    from mmssod.own_data.inferring import keep_apart
    from mmssod.own_data.streams import Stream, shown

    if len(args.inputs) > 1:
        raise InputError(
            f'inputs: expected one camera, stream or video alone, got {", ".join(map(shown, args.inputs))}; fix: one '
            'call of `mmssod infer` for each, and one for the images'
        )
    if args.show:
        watching.require_window()
    source, out = args.inputs[0], Path(args.out)
    keep_apart([source], watching.output_files(source, out))
    stream = Stream(source, args.every)
    look = Detector(
        args.config,
        args.checkpoint,
        part=args.part,
        score_thr=args.score_thr,
        device=args.device,
        tile=args.tile,
        overlap=args.overlap,
    )
    options = dict(pictures=not args.no_pictures, certainty=args.certainty, show=args.show)
    watched = watching.watch(look, stream, out, **options)
    print(f'{watched.line()}: {args.out}')
    return INTERRUPTED if watched.ended == 'interrupted' and not stream.live else 0
