"""Draw training images as the detector sees them: labeled images, and weak and strong views with their boxes.

For example::

    mmssod browse own/student.py --checkpoint own/work_dirs/teacher/iter_400.pth --out views
"""

from __future__ import annotations

import argparse

from mmssod.cli.options import add_cfg_options, add_config, add_device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser, 'training config')
    parser.add_argument('--out', required=True, help='folder for the pictures')
    parser.add_argument('--number', type=int, default=8, help='images of each source (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='which images (%(default)s)')
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        '--checkpoint',
        help='checkpoint of the run or its teacher: draw its detections on unlabeled images',
    )
    source.add_argument(
        '--boxes', help='draw these labels of the unlabeled images instead, in any format'
    )
    parser.add_argument(
        '--score-thr', type=float, default=0.3, help='minimum score of a detection (%(default)s)'
    )
    add_device(parser)
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    """Draw."""
    from mmssod.apis import find_config, load_config  # after the arguments, so that --help is quick
    from mmssod.own_data.browsing import browse

    written = browse(
        load_config(find_config(args.config), cfg_options=args.cfg_options),
        args.out,
        number=args.number,
        seed=args.seed,
        checkpoint=args.checkpoint,
        boxes=args.boxes,
        score_thr=args.score_thr,
        device=args.device,
    )
    print(f'{len(written)} pictures: {args.out}')
