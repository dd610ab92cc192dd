"""How often the host waits for the device: in a training step, ours and mmdet's, and in an iteration of a run.

Counted on a CPU, where none of these waits costs anything. A GPU would be waited for as often at most: a value that
lies on the host anyway is counted, too, and of calls in a row only the first has something to wait for.

Not counted is the other way, copies from the host to the device (``new_tensor``, ``.to(device)``), for which the host
waits unless the copy is ``non_blocking``: on a CPU nothing tells them from other tensors.
"""

from __future__ import annotations

import copy
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmdet.engine.hooks import MeanTeacherHook
from mmdet.registry import HOOKS
from mmengine.config import Config
from torch.overrides import TorchFunctionMode
from torch.profiler import ProfilerActivity, profile

from mmssod.apis.config import build_runner
from mmssod.apis.training import close
from speed_ratios.bank import banked_step, begin
from speed_ratios.detectors import base_detector, shipped
from speed_ratios.resume import tiny_run
from speed_ratios.steps import (
    CLASSES,
    DECAY,
    THEIR_BRANCHES,
    Images,
    confident,
    our_model,
    plain_detector,
    step_of,
    their_model,
)

# Operators that read a value on the host, or need one to know how large their answer is. float(), bool() and item()
# are all a _local_scalar_dense; picking by a mask is a nonzero.
OPERATORS = (
    'aten::item',
    'aten::_local_scalar_dense',
    'aten::nonzero',
    'aten::masked_select',
    'aten::equal',
    'aten::_unique2',
    'aten::unique_dim',
    'aten::unique_consecutive',
    'aten::bincount',
    'aten::repeat_interleave',
)
# Methods that copy a whole tensor to the host: of one that lies there already, no operator tells.
COPIES = ('cpu', 'numpy', 'tolist', '__array__')
WAITING = (*OPERATORS, *(f'Tensor.{name}' for name in COPIES))
ITERATION = 2  # of the run: the first one also makes buffers, the last one saves
PART_OF_STEP = (
    'ema',
    'class_balance',
    'seed',
)  # without these hooks of ours the step is another one


class HostCopies(TorchFunctionMode):
    """Counts calls of :data:`COPIES`, and of ``to('cpu')``, on any tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_function__(
        self, func: Callable, types: Any, args: Sequence = (), kwargs: Mapping | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, '__name__', '')
        if name == 'to' and 'cpu' in [value for value in args[1:] if isinstance(value, str)]:
            name = 'cpu'
        if name in COPIES:
            self.counts[f'Tensor.{name}'] += 1
        return func(*args, **kwargs)


def host_waits(function: Callable[[], object]) -> dict[str, int]:
    """Calls of each of :data:`WAITING`, by name."""
    with profile(activities=[ProfilerActivity.CPU]) as record, HostCopies() as copies:
        function()
    counts = Counter({event.key: event.count for event in record.key_averages()}) + copies.counts
    return {name: counts[name] for name in WAITING}


def step_waits(images: Images) -> dict[str, dict[str, int]]:
    """Of one step each: ours with an EMA teacher, with buckets and the paper's balancer, with a bank; mmdet's.

    mmdet's is ``SemiBaseDetector`` with plain boxes; its weights and images are those of our first.
    """
    torch.manual_seed(0)
    ours = our_model(plain_detector()).train()
    threshold = confident(ours, images)
    ours.balancer.threshold = threshold
    theirs = their_model('SemiBaseDetector', threshold, plain_detector('StandardRoIHead')).train()
    for part in (theirs.student, theirs.teacher):
        part.load_state_dict(ours.student.state_dict())
    hook = MeanTeacherHook()
    with tempfile.TemporaryDirectory() as folder:
        begin(Path(folder), images)
        steps = {
            'ours': ema_step(ours, images),
            'ours, buckets and balancer': ema_step(bucket_model(images), images),
            'ours, label bank': banked_step(Path(folder), images, 'cpu'),
            'mmdet': step_of(
                theirs,
                partial(images.batch, THEIR_BRANCHES),
                lambda: hook.momentum_update(theirs, 1 - DECAY),
            ),
        }
        counts = {}
        for name, (prepare, step) in steps.items():
            prepare()
            step()  # the first one also makes buffers
            prepare()
            counts[name] = host_waits(step)
    return counts


def ema_step(model: Any, images: Images) -> tuple[Callable, Callable]:
    """What prepares a step with an EMA teacher, and the step with the teacher's update."""
    return step_of(model, images.batch, lambda: model.labeler.update(model.student, DECAY))


def bucket_model(images: Images) -> Any:
    """The paper's student and balancer, whose thresholds a random detector's boxes exceed."""
    detector = base_detector('faster_rcnn_lite_bucket')
    detector.roi_head.bbox_head.num_classes = CLASSES
    balancer = dict(shipped('certainty').semi.balancer, bounds=(0.0, 1.0))
    model = our_model(detector, balancer=balancer).train()
    model.balancer.threshold = confident(model, images)
    model.balancer.initialize(torch.ones(CLASSES))
    return model


def run_waits() -> dict[str, dict[str, int]]:
    """Of an iteration of a run with our default hooks, and with mmengine's alone; one that neither logs nor saves."""
    counts = {}
    with tempfile.TemporaryDirectory() as name:
        cfg = tiny_run(Path(name))
        cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=ITERATION + 1)
        # As in the steps; AdamW reads its counters, which lie on the host always.
        cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.0, momentum=0.9)
        for which, one in (('all hooks', cfg), ("mmengine's hooks", without_our_hooks(cfg))):
            counts[which] = iteration_waits(one)
    return counts


def without_our_hooks(cfg: Config) -> Config:
    """A config without those of our hooks that a step can be taken without."""
    plain = copy.deepcopy(cfg)
    for name, hook in cfg.default_hooks.items():
        ours = HOOKS.get(hook['type']).__module__.startswith('mmssod')
        if ours and name not in PART_OF_STEP:
            del plain.default_hooks[name]
    return plain


def iteration_waits(cfg: Config) -> dict[str, int]:
    """Of iteration :data:`ITERATION` of a run, hooks before and behind the step included; without loading the batch."""
    runner = build_runner(copy.deepcopy(cfg))
    loop = runner.train_loop
    run_iter, counts = loop.run_iter, {}

    def counted(batch: Any) -> None:
        if runner.iter + 1 == ITERATION:
            counts.update(host_waits(lambda: run_iter(batch)))
        else:
            run_iter(batch)

    loop.run_iter = counted
    try:
        runner.train()
    finally:
        close(runner)
    return counts


def waits_table(images: Images) -> list[list[str]]:
    """Rows of text, a header first; without what nobody calls."""
    steps, runs = step_waits(images), run_waits()
    heads = [f'a step, {who}' for who in steps] + [f'an iteration, {which}' for which in runs]
    counts = [*steps.values(), *runs.values()]
    called = [name for name in WAITING if any(count[name] for count in counts)]
    return [['calls', *heads], *([n, *(str(count[n]) for count in counts)] for n in called)]
