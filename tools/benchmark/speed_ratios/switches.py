"""Gain of each speed option: a training step with it against the same step without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from mmengine.model.efficient_conv_bn_eval import turn_on_efficient_conv_bn_eval
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import DefaultScope
from torch import nn

from mmssod.engine.hooks.speed_hook import SpeedHook
from speed_ratios.burn_in import burn_in_table
from speed_ratios.data import profile
from speed_ratios.detectors import base_detector
from speed_ratios.rows import Measured, Setting, in_turns
from speed_ratios.steps import (
    CLASSES,
    DECAY,
    Images,
    confident,
    our_model,
    plain_detector,
    step_of,
    usual_images,
)
from speed_ratios.syncs import waits_table
from speed_ratios.table import milliseconds


@dataclass(frozen=True)
class Switch:
    """Something that a config turns on.

    Args:
        name: What it is called.
        setting: Where it is turned on.
        change: Turns it on in a model.
        within: The step runs in it.
        wrapper: Makes the optimizer wrapper that takes the step.
        detector: What it writes into the config of the detector.
        gpu: Whether it acts on GPUs alone.
        cpu: Whether it is for CPUs alone.
        resnet: Measured on a ResNet-50 and not on the lite backbone, whose layers it does not know.
        pinned: Whether images lie in pinned memory.
    """

    name: str
    setting: str
    change: Callable[[Any], object] = lambda model: None
    within: Callable[[], AbstractContextManager] = nullcontext
    wrapper: Callable[..., OptimWrapper] = OptimWrapper
    detector: Mapping[str, Any] = field(default_factory=dict)
    gpu: bool = False
    cpu: bool = False
    resnet: bool = False
    pinned: bool = False


class AutocastOnCPU(OptimWrapper):
    """Losses under torch's autocast in bfloat16; mmengine's ``AmpOptimWrapper`` refuses a CPU."""

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The forward pass, as ``AmpOptimWrapper`` has it."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield


def amp(dtype: str) -> Callable[..., OptimWrapper]:
    """The wrapper of mmengine as ``--amp`` sets it: autocast, and losses that are scaled, watched and scaled back."""
    return partial(AmpOptimWrapper, loss_scale='dynamic', dtype=dtype)


@contextmanager
def tf32() -> Iterator[None]:
    """What ``SpeedHook(tf32=True)`` sets, for products and for convolutions; and as it was afterwards."""
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    SpeedHook(tf32=True).before_run(None)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


@contextmanager
def flag(owner: Any, name: str, value: Any) -> Iterator[None]:
    """A setting of torch at a value, and as it was afterwards."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def use_folded_norms(model: Any) -> None:
    """Use mmengine's ``efficient_conv_bn_eval`` of both backbones."""
    turn_on_efficient_conv_bn_eval(model, ['student.backbone', 'labeler.teacher.backbone'])


def use_joint_features(model: Any) -> None:
    """One pass for labeled images and strong views."""
    model.joint_features = True


def use_channels_last(model: Any) -> None:
    """Channels as the last dimension in memory."""
    model.to(memory_format=torch.channels_last)


AMP = "optim_wrapper=dict(type='AmpOptimWrapper', loss_scale='dynamic', dtype='{}')"
HOOK = "default_hooks.speed=dict(type='SpeedHook', {}=True)"
NEEDS_GPU = 'needs a GPU: --device cuda'
SWITCHES = (
    Switch('channels last', HOOK.format('channels_last'), use_channels_last),
    Switch('joint features', 'model.joint_features=True', use_joint_features),
    Switch(
        'efficient_conv_bn_eval',
        "efficient_conv_bn_eval=['student.backbone', 'labeler.teacher.backbone']",
        use_folded_norms,
        resnet=True,
    ),
    Switch('bfloat16 on a CPU', 'torch.autocast', wrapper=AutocastOnCPU, cpu=True),
    Switch('float16 on a GPU', AMP.format('float16'), wrapper=amp('float16'), gpu=True),
    Switch('bfloat16 on a GPU', AMP.format('bfloat16'), wrapper=amp('bfloat16'), gpu=True),
    Switch('TF32', HOOK.format('tf32'), within=tf32, gpu=True),
    Switch(
        'cudnn benchmark',
        'env_cfg.cudnn_benchmark=True',
        within=lambda: flag(torch.backends.cudnn, 'benchmark', True),
        gpu=True,
    ),
    Switch(
        'pinned memory',
        'train_dataloader.pin_memory=True, model.detector.data_preprocessor.non_blocking=True',
        detector=dict(data_preprocessor=dict(non_blocking=True)),
        gpu=True,
        pinned=True,
    ),
)


def measure_switch(switch: Switch, setting: Setting) -> Measured:
    """A step with the switch against one without; equal weights and images, batch norm frozen."""
    images = usual_images(setting)
    if switch.resnet:
        images = Images(1, 128)
    prepared, steps = [], []
    for used in (switch, Switch('off', '')):
        torch.manual_seed(0)
        prepare, step = switched_step(used, images, setting, resnet=switch.resnet)
        prepared.append(prepare)
        steps.append(step)
    return Measured(*in_turns(setting, steps[0], steps[1], prepare=(prepared[0], prepared[1])))


def switched_step(
    switch: Switch, images: Images, setting: Setting, resnet: bool
) -> tuple[Callable[[], None], Callable[[], None]]:
    """What prepares a step with a switch, and the step."""
    detector = plain_detector()
    if resnet:
        detector = base_detector('faster_rcnn_r50_fpn')
        detector.roi_head.bbox_head.num_classes = CLASSES
    detector.merge(dict(switch.detector))
    model = our_model(detector).train()
    model.balancer.threshold = confident(model, images)
    model.to(setting.device)
    switch.change(model)

    def batch() -> dict[str, Any]:
        made = images.batch()
        if switch.pinned:
            inputs = made['inputs']
            made['inputs'] = {n: [i.pin_memory() for i in part] for n, part in inputs.items()}
        return made

    prepare, step = step_of(
        model, batch, lambda: model.labeler.update(model.student, DECAY), switch.wrapper
    )

    def step_within() -> None:
        with switch.within():
            step()

    return prepare, step_within


def switch_table(setting: Setting) -> list[list[str]]:
    """Rows of text, a header first; those for GPUs are named, but not measured, on a CPU."""
    rows = [['switch', 'where', 'step with / without', 'with', 'without', 'detector']]
    for switch in SWITCHES:
        name = 'ResNet-50' if switch.resnet else 'lite'
        on_cpu = setting.device == 'cpu'
        if switch.cpu and not on_cpu:
            continue
        if switch.gpu and on_cpu:
            rows.append([switch.name, f'`{switch.setting}`', NEEDS_GPU, '', '', name])
            continue
        measured = measure_switch(switch, setting)
        ours, theirs = milliseconds(measured.ours), milliseconds(measured.theirs)
        ratio = f'{measured.ratio:.3f}'
        rows.append([switch.name, f'`{switch.setting}`', ratio, ours, theirs, name])
    return rows


def switch_tables(setting: Setting) -> dict[str, list[list[str]]]:
    """Switches, waits of a step, the data pipeline step by step, and a burn-in's data, each by its heading."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        return {
            'Switches': switch_table(setting),
            'Waits of the host in a step': waits_table(Images(1, 128)),
            "The paper's strong view, step by step": profile(8 if setting.quick else 24),
            'Data of a burn-in': burn_in_table(setting),
        }
