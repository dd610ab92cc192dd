"""A step of each method beside the plain step with an EMA teacher of the same detector: time, and peak memory.

A module that is run for the memory: ``python -m speed_ratios.methods NAME KIND LABELED SIZE DEVICE``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from statistics import median
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope

from mmssod.structures import PseudoLabels
from speed_ratios.bank_memory import STEPS_TAKEN, held, most
from speed_ratios.detectors import CONFIGS
from speed_ratios.rows import Setting, in_turns, nothing
from speed_ratios.steps import (
    DECAY,
    PSEUDO_BOXES,
    Images,
    our_model,
    plain_detector,
    step_of,
    usual_images,
)

DEMOS = {
    'STAC': 'stac/demo',
    'Unbiased Teacher': 'unbiased_teacher/demo',
    'Soft Teacher': 'soft_teacher/demo',
    'Instant-Teaching': 'instant_teaching/demo',
    'co-rectify': 'instant_teaching/co_rectify_demo',
    'ISMT': 'ismt/demo',
    'CSD': 'csd/demo',
    'LabelMatch': 'labelmatch/demo',
    'MixPL': 'mixpl/demo',
    'Consistent-Teacher': 'consistent_teacher/demo',
}
OWN_HEADS = ('ISMT', 'CSD')  # compared with the plain detector
HEADER = ['method', 'config', 'step / plain EMA step', 'range', 'ms', 'peak memory / plain', 'MiB']
NOTE = (
    'Each method in its demo config, beside a `PseudoLabelDetector` with an EMA teacher and all else neutral, of '
    'the same detector. Both are given ten pseudo boxes per image; teachers, memories and mixers do their work. '
    'Multi-Phase has no step of its own. Memory is what a process holds at most beyond what it held before.'
)


def ten_boxes(candidates: PseudoLabels, thresholds: Any) -> PseudoLabels:
    """In the place of a selector: ten boxes in a row, whatever was found, in pixels of the weak view."""
    device = candidates.boxes.device
    left = torch.arange(PSEUDO_BOXES, device=device, dtype=torch.float) * 8
    ones = torch.ones_like(left)
    known = dict(
        boxes=torch.stack([left, left, left + 40, left + 40], dim=1),
        labels=torch.zeros(PSEUDO_BOXES, dtype=torch.long, device=device),
        cls_certainty=0.95 * ones,
        loc_certainty=ones,
        weights=ones,
    )
    more = {
        field.name: getattr(candidates, field.name).new_zeros(PSEUDO_BOXES)
        for field in fields(candidates)
        if field.name not in known
    }
    return type(candidates)(**known, **more)


def untrained(node: Any) -> Any:
    """A config whose backbones ask for no weights."""
    if isinstance(node, dict):
        changed = {key: untrained(value) for key, value in node.items()}
        return changed | (dict(pretrained=False) if node.get('pretrained') is True else {})
    return [untrained(value) for value in node] if isinstance(node, list) else node


def models(name: str) -> dict[str, Callable[[], Any]]:
    """What builds the method's model and the plain one of the same detector."""
    cfg = Config.fromfile(CONFIGS / f'{DEMOS[name]}.py')
    own = ConfigDict(untrained(cfg.model.to_dict()))
    if own.get('labeler', {}).get('checkpoint'):
        own.labeler.checkpoint = ''
    detector = plain_detector() if name in OWN_HEADS else own.detector
    return {'method': lambda: MODELS.build(own), 'plain': lambda: our_model(detector)}


def ready(model: Any, images: Images, device: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """What prepares a step of a model, and the step."""
    model.to(device).train()
    for part in (model, getattr(model, 'second', None)):
        if part is not None and hasattr(part, 'selector'):
            part.selector.forward = ten_boxes
    follow = nothing
    if hasattr(getattr(model, 'labeler', None), 'update'):
        follow = lambda: model.labeler.update(model.student, DECAY)  # noqa: E731

    def batch() -> dict[str, Any]:
        made = images.batch()
        if type(model).__name__ == 'ConsistencyDetector':
            for part in made.values():
                del part['strong']
        return made

    return step_of(model, batch, follow)


def ratio_rows(setting: Setting, names: tuple[str, ...] = tuple(DEMOS)) -> list[list[str]]:
    """The table, a method a row."""
    images = usual_images(setting)
    rows = [HEADER]
    for name in names:
        with DefaultScope.overwrite_default_scope('mmdet'):
            torch.manual_seed(0)
            both = [ready(build(), images, setting.device) for build in models(name).values()]
            prepare, steps = zip(*both, strict=True)
            ours, plain = in_turns(setting, *steps, prepare=prepare)
        ratios = [a / b for a, b in zip(ours, plain, strict=True)]
        memory = {kind: peak(name, kind, images, setting.device) for kind in ('method', 'plain')}
        rows.append(
            [
                name,
                f'`configs/{DEMOS[name]}.py`',
                f'{median(ratios):.2f}',
                f'{min(ratios):.2f} - {max(ratios):.2f}',
                f'{1000 * median(ours):.0f}',
                f'{memory["method"] / memory["plain"]:.2f}',
                f'{memory["method"]:.0f}',
            ]
        )
    return rows


def peak(name: str, kind: str, images: Images, device: str) -> float:
    """MiB that some steps need at most, in a process of its own.

    Raises:
        RuntimeError: The process failed.
    """
    arguments = [name, kind, str(images.labeled), str(images.size), device]
    command = [sys.executable, '-m', 'speed_ratios.methods', *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    if ended.returncode:
        raise RuntimeError(
            f'expected {" ".join(command)} to print a number, it ended with {ended.returncode}:\n{ended.stderr}'
        )
    return float(ended.stdout.split()[-1])


def main() -> None:
    """Print the peak of the steps that the command line names."""
    name, kind, labeled, size, device = sys.argv[1:]
    build = models(name)[kind]
    before = held()
    with DefaultScope.overwrite_default_scope('mmdet'):
        prepare, step = ready(build(), Images(int(labeled), int(size)), device)
        for _ in range(STEPS_TAKEN):
            prepare()
            step()
    print(torch.cuda.max_memory_allocated() / 2**20 if device != 'cpu' else most() - before)


if __name__ == '__main__':
    main()
