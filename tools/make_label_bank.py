r"""Label every unlabeled image of a student's config once, for training without a teacher: a label bank.

What is done stays done: the same command goes on after a crash, with however many processes. For example::

    python tools/make_label_bank.py configs/label_bank/demo.py work_dirs/demo/teacher/iter_400.pth
    python -m torch.distributed.run --nproc_per_node=8 tools/make_label_bank.py \
        configs/label_bank/certainty_coco_partial.py work_dirs/teacher_coco_partial_1@2/iter_12000.pth \
        --launcher pytorch
"""

from __future__ import annotations

import argparse
import os
import sys

from mmengine.config import DictAction


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the student')
    parser.add_argument('checkpoint', help='checkpoint of its teacher')
    parser.add_argument(
        '--out', help="folder of the bank, instead of the config's model.labeler.path"
    )
    parser.add_argument('--floor', type=float, help='minimum p of a box (0.1)')
    parser.add_argument(
        '--batch-size', type=int, default=8, help='images per step, each in both views'
    )
    parser.add_argument('--workers', type=int, default=2, help='processes that load images')
    parser.add_argument('--no-coco', action='store_true', help='do not write labels.json')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='as of tools/train.py')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> int:
    """Label; the exit status, see ``mmssod.cli.main``."""
    args = parse_args()
    from mmssod.cli.main import guarded

    return guarded('make_label_bank.py', lambda: label(args))


def label(args: argparse.Namespace) -> int:
    """Do what the command line says."""
    from mmssod.label_bank.making import make_label_bank

    make_label_bank(
        args.config,
        args.checkpoint,
        out=args.out,
        batch_size=args.batch_size,
        workers=args.workers,
        coco=not args.no_coco,
        cfg_options=args.cfg_options,
        launcher=args.launcher,
        **({} if args.floor is None else dict(floor=args.floor)),
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
