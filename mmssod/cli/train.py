"""Train a detector with MMDetection's arguments and more.

To train a student and first the teacher that it starts from: train STUDENT --teacher TEACHER.
"""

from __future__ import annotations

import argparse
import os

from mmssod.cli.options import (
    add_cfg_options,
    add_config,
    add_launcher,
    add_trust_checkpoint,
    check_config,
    check_seed,
    export_rank,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument('--amp', action='store_true', help='train in mixed precision')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the images per iteration',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='resume from this checkpoint; without a value from the newest in the work directory, '
        'or start when there is none',
    )
    parser.add_argument(
        '--load-from',
        help="weights to start from, instead of the config's: a file (.pth, .safetensors), a URL, or a model's name in "
        "MMDetection's zoo, also yolox_nano; class weights are taken by name (docs/start.md)",
    )
    parser.add_argument(
        '--teacher',
        help="config of the teacher: trained first, unless the student's start is there already, "
        'in the folder that the student loads it from',
    )
    parser.add_argument('--seed', type=int, help="random seed, instead of the config's")
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='build everything, check it, run one batch and one prediction, and stop',
    )
    add_trust_checkpoint(parser)
    add_cfg_options(parser)
    add_launcher(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options that exclude each other."""
    export_rank(args)
    if args.dry_run and args.launcher != 'none':
        parser.error('--dry-run runs in one process: leave --launcher out')
    if args.dry_run and args.teacher:
        parser.error('--dry-run tries one config: leave --teacher out')
    if args.resume not in (None, 'auto') and args.load_from and not args.teacher:
        parser.error('--resume CHECKPOINT takes all weights from it: leave --load-from out')
    check_seed(parser, args)


def before_loading(args: argparse.Namespace) -> None:
    """Raise an error for missing files.

    Raises:
        FileNotFoundError: A config, or the checkpoint to resume.
    """
    for config in (args.config, args.teacher):
        if config:
            check_config(config)
    if args.resume not in (None, 'auto') and '://' not in args.resume:
        if not os.path.exists(args.resume):
            raise FileNotFoundError(f'--resume: expected a checkpoint, found no file {args.resume}')


def run(args: argparse.Namespace) -> None:
    """Train, or try the config out."""
    from mmssod import apis  # after the arguments, so that --help is quick
    from mmssod.engine.terminal import short_terminal

    config = apis.find_config(args.config)
    if args.dry_run:
        report = apis.dry_run(
            config, cfg_options=args.cfg_options, load_from=args.load_from, seed=args.seed
        )
        print(apis.report_text(report))
        return
    options = dict(
        work_dir=args.work_dir,
        resume=args.resume or False,
        load_from=args.load_from,
        seed=args.seed,
        amp=args.amp,
        auto_scale_lr=args.auto_scale_lr,
        cfg_options=args.cfg_options,
        launcher=args.launcher,
        trust_checkpoint=args.trust_checkpoint,
    )
    with short_terminal():
        if args.teacher:
            apis.train_with_teacher(apis.find_config(args.teacher), config, **options)
        else:
            apis.train(config, **options)
