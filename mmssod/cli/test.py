"""Evaluate a checkpoint as MMDetection does.

For example::

    mmssod test own
    mmssod test student.py iter_400.pth
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmssod.cli.options import (
    add_cfg_options,
    add_launcher,
    add_run,
    add_trust_checkpoint,
    check_config,
    export_rank,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument('--work-dir', help='folder for the log')
    parser.add_argument('--out', help='.pkl file for the predictions')
    parser.add_argument('--show', action='store_true', help='show predictions in a window')
    parser.add_argument('--show-dir', help='folder for images with predictions drawn')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds each image is shown')
    parser.add_argument('--tta', action='store_true', help='test-time augmentation')
    parser.add_argument(
        '--score-thr', type=float, help="minimum score of a prediction, instead of the config's"
    )
    add_trust_checkpoint(parser)
    add_cfg_options(parser)
    add_launcher(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Pass the rank on."""
    export_rank(args)


def before_loading(args: argparse.Namespace) -> None:
    """Raise an error for missing files.

    Raises:
        FileNotFoundError: The config.
    """
    if not Path(args.config).is_dir():
        check_config(args.config)


def run(args: argparse.Namespace) -> None:
    """Evaluate."""
    from mmssod import apis  # after the arguments, so that --help is quick
    from mmssod.own_data.detector import locate

    config, checkpoint, _ = locate(args.config, args.checkpoint)

    apis.test(
        config,
        checkpoint,
        work_dir=args.work_dir,
        out=args.out,
        show=args.show,
        show_dir=args.show_dir,
        wait_time=args.wait_time,
        tta=args.tta,
        score_thr=args.score_thr,
        cfg_options=args.cfg_options,
        launcher=args.launcher,
        trust_checkpoint=args.trust_checkpoint,
    )
