r"""Runs Multi-Phase learning in one command: three trainings, the labels between them, and the ensemble's test.

What is there already is not done again, and a training that was cut off resumes. For example::

    python tools/multi_phase.py configs/multi_phase/demo.py
    python -m torch.distributed.run --nproc_per_node=8 tools/multi_phase.py configs/multi_phase/voc.py \
        --launcher pytorch
"""

from __future__ import annotations

import argparse
import os


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the ensemble; its `multi_phase` names the phases')
    parser.add_argument('--work-dir', help='folder of all results')
    parser.add_argument('--seed', type=int, help="random seed, instead of the configs'")
    parser.add_argument('--amp', action='store_true', help='train in mixed precision')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the images per iteration',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    """Train, label, train, label, train, test."""
    args = parse_args()
    from mmssod.methods.multi_phase.running import train_phases

    metrics = train_phases(
        args.config,
        work_dir=args.work_dir,
        seed=args.seed,
        amp=args.amp,
        auto_scale_lr=args.auto_scale_lr,
        launcher=args.launcher,
    )
    if int(os.environ.get('RANK', 0)) == 0:
        for name, value in metrics.items():
            print(f'{name}: {value:.4f}')


if __name__ == '__main__':
    main()
