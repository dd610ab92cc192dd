"""How often a training step makes the host wait for the device, ours and mmdet's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from mmdet.engine.hooks import MeanTeacherHook
from torch.profiler import ProfilerActivity, profile

from mmssod.apis.ratios.steps import (
    DECAY,
    THEIR_BRANCHES,
    Images,
    confident,
    lite_detector,
    our_model,
    step_of,
    their_model,
)

# What reads a value on the host, or needs a count before it can go on.
WAITING = ('aten::_local_scalar_dense', 'aten::nonzero')


def host_waits(function: Callable[[], object]) -> dict[str, int]:
    """Calls of each of :data:`WAITING`; on a CPU they cost nothing, but a GPU would be waited for as often."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        function()
    counts = {event.key: event.count for event in record.key_averages()}
    return {name: counts.get(name, 0) for name in WAITING}


def step_waits(images: Images) -> dict[str, dict[str, int]]:
    """Of one iteration of ours with an EMA teacher and of mmdet's ``SemiBaseDetector``, same weights and images."""
    torch.manual_seed(0)
    ours = our_model(lite_detector()).train()
    threshold = confident(ours, images)
    ours.balancer.threshold = threshold
    theirs = their_model('SemiBaseDetector', threshold).train()
    for part in (theirs.student, theirs.teacher):
        part.load_state_dict(ours.student.state_dict())
    hook = MeanTeacherHook()
    steps = {
        'ours': step_of(ours, images.batch, lambda: ours.labeler.update(ours.student, DECAY)),
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


def waits_table(images: Images) -> list[list[str]]:
    """Rows of text, a header first."""
    counts = step_waits(images)
    rows = [[name, *(str(counts[who][name]) for who in counts)] for name in WAITING]
    return [['calls in a step', *counts], *rows]
