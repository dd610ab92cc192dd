r"""Benchmarks one device, mainly GPUs, in a few minutes: steps, memory, waits, data, seconds to an AP.

Steps of YOLOX-Nano, of Faster R-CNN R50 with buckets and of RTMDet-l: supervised, with an EMA teacher, with a label
bank, in each precision; images per second that one data worker delivers, and how many a step needs; and,
where data/aquarium and weights are at hand, AP over seconds of a teacher and its student. What comes after the budget
is used up is noted as not run. The json is written anew after each measurement, so a run that is cut off leaves what it
has. For example::

    python tools/benchmark/one_device.py --device cuda --out gpu.json
    python tools/benchmark/one_device.py --device cpu --size 64 --images 1 --only yolox_nano --out toy.json
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

TRAININGS = {
    'teacher': 'configs/yolox_nano/teacher_aquarium.py',
    'student': 'configs/yolox_nano/student_aquarium.py',
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--device', default='cuda', choices=['cuda', 'cpu'])
    parser.add_argument('--size', type=int, default=640, help='image size, px, a multiple of 32')
    parser.add_argument('--images', type=int, default=4, help='labeled and unlabeled, each')
    parser.add_argument('--only', nargs='+', metavar='DETECTOR', help='these detectors alone')
    parser.add_argument('--precisions', nargs='+', help='these alone, such as fp32 bf16')
    parser.add_argument('--seconds', type=float, default=420.0, help='begin nothing after these')
    parser.add_argument(
        '--iterations', type=int, help='iterations of the trainings, instead of the configs'
    )
    parser.add_argument('--no-training', action='store_true', help='no seconds to an AP')
    parser.add_argument('--out', required=True, help='json file')
    return parser.parse_args()


def main() -> int:
    """Measure until the budget is used up."""
    args, started = parse_args(), time.perf_counter()
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    from mmssod.environment import collect
    from mmssod.environment.whole_files import write_whole

    found: dict[str, Any] = {
        'command': shlex.join(['python', *sys.argv]),
        'date': str(date.today()),
        'images': f'{args.images} + {args.images} images of {args.size} px',
        'environment': collect(),
        'results': [],
    }
    for line, work in plan(args):
        if time.perf_counter() - started > args.seconds:
            line['not run'] = f'{args.seconds:g} s were used up'
        else:
            try:
                line |= work()
            except Exception as error:  # one that fails must not take the others with it
                line['failed'] = f'{type(error).__name__}: {error}'[:500]
        found['results'].append(line)
        found['seconds'] = time.perf_counter() - started
        write_whole(args.out, json.dumps(found, indent=1) + '\n')
        print(json.dumps(line), flush=True)
    return int(any('failed' in line for line in found['results']))


def plan(args: argparse.Namespace) -> Iterator[tuple[dict[str, Any], Any]]:
    """What is measured in turn: what it is called, and what measures it."""
    import torch
    from mmengine.registry import init_default_scope

    from speed_ratios.data import rate_of_views
    from speed_ratios.device_steps import cells
    from speed_ratios.steps import Images

    if args.device == 'cuda' and not torch.cuda.is_available():
        raise SystemExit('expected a GPU, got none; fix: --device cpu --size 64 --images 1')
    init_default_scope('mmdet')
    images = Images(args.images, args.size)
    yield {'what': 'data'}, lambda: {'images_per_second_and_worker': rate_of_views(args.size)}
    for cell in cells():
        chosen = not args.only or cell.detector in args.only
        if chosen and (not args.precisions or cell.precision in args.precisions):
            line = {'what': 'step', **asdict(cell)}
            yield line, partial(measure_step, cell, images, args.device)
    if args.no_training:
        return
    here = Path('data/aquarium').is_dir()
    for name, config in TRAININGS.items():
        line = {'what': 'training', 'name': name, 'config': config}
        yield line, lambda name=name: train(name, args) if here else {'not run': 'no data/aquarium'}


def measure_step(cell: Any, images: Any, device: str) -> dict[str, float]:
    """Measure a cell; beside it the images per second that its step takes from data workers."""
    from speed_ratios.device_steps import measure

    measured = measure(cell, images, device)
    taken = images.labeled + (0 if cell.kind == 'supervised' else images.unlabeled)
    return {**measured, 'images_needed_per_second': taken / measured['step_seconds']}


def train(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train a config of the aquarium; AP at each evaluation over seconds since the program's training began."""
    from mmengine.hooks import Hook

    from mmssod.apis import train as train_config

    points: list[dict[str, float]] = []
    started = time.perf_counter()

    class Seconds(Hook):
        """Notes evaluations."""

        def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
            seconds = time.perf_counter() - started
            points.append({'iteration': runner.iter, 'seconds': seconds, **(metrics or {})})

    folder = Path(args.out).resolve().parent / 'device_runs'
    options: dict[str, Any] = {}
    if args.iterations:
        options['train_cfg.max_iters'] = args.iterations
        options['train_cfg.val_interval'] = args.iterations
        options['default_hooks.checkpoint.interval'] = args.iterations
    if name == 'student':
        options['load_from'] = str(max(folder.glob('teacher/iter_*.pth'), key=_iteration))
    where: dict[str, Any] = dict(work_dir=str(folder / name), cfg_options=options)
    train_config(TRAININGS[name], seed=0, hooks=[Seconds()], **where)
    return {'evaluations': points, 'seconds': time.perf_counter() - started}


def _iteration(file: Path) -> int:
    return int(file.stem.rpartition('_')[2])


if __name__ == '__main__':
    sys.exit(main())
