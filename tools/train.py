"""Train a detector with MMDetection's arguments and more: ``python tools/train.py CONFIG``.

A student, and before it the teacher that it starts from: ``python tools/train.py STUDENT --teacher TEACHER``.
"""

from __future__ import annotations

import argparse
import os

from mmengine.config import DictAction


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Train a detector')
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument('--amp', action='store_true', help='train in mixed precision')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the images an iteration',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='resume from this checkpoint; without a value from the newest in the work directory, '
        'or start when there is none',
    )
    parser.add_argument('--load-from', help="weights to start from, instead of the config's")
    parser.add_argument(
        '--teacher',
        help="config of the teacher: trained first, unless the student's start is there already, "
        'in the folder that the student loads it from',
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='unpickle checkpoints without a limit, which runs whatever code they hold; else they are read as data',
    )
    parser.add_argument('--seed', type=int, help="random seed, instead of the config's")
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='build everything, check it, run one batch and one prediction, and stop',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='values that replace the config\'s, as key=value; lists as key="[a,b]" or key=a,b',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.dry_run and args.launcher != 'none':
        parser.error('--dry-run runs in one process: leave --launcher out')
    if args.dry_run and args.teacher:
        parser.error('--dry-run tries one config: leave --teacher out')
    return args


def main() -> None:
    """Train, or try the config out."""
    args = parse_args()
    from mmssod import apis  # after the arguments, so that --help is quick

    if args.dry_run:
        report = apis.dry_run(
            args.config, cfg_options=args.cfg_options, load_from=args.load_from, seed=args.seed
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
    if args.teacher:
        apis.train_with_teacher(args.teacher, args.config, **options)
    else:
        apis.train(args.config, **options)


if __name__ == '__main__':
    main()
