"""Evaluate a checkpoint as MMDetection does: ``python tools/test.py CONFIG CHECKPOINT``."""

from __future__ import annotations

import argparse
import os

from mmengine.config import DictAction


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Evaluate a checkpoint')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for the log')
    parser.add_argument('--out', help='.pkl file for the predictions')
    parser.add_argument('--show', action='store_true', help='show predictions in a window')
    parser.add_argument('--show-dir', help='folder for images with predictions drawn')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds each image is shown')
    parser.add_argument('--tta', action='store_true', help='test-time augmentation')
    parser.add_argument(
        '--score-thr', type=float, help="least score of a prediction, instead of the config's"
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='unpickle checkpoints without a limit, which runs whatever code they hold; else they are read as data',
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
    return args


def main() -> None:
    """Evaluate."""
    args = parse_args()
    from mmssod import apis  # after the arguments, so that --help is quick

    apis.test(
        args.config,
        args.checkpoint,
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


if __name__ == '__main__':
    main()
