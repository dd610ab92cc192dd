"""A recipe's own config around a detector that takes a step in milliseconds, and two steps of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from mmssod.tiny_detectors import CLASSES, tiny_batch, tiny_detector

# Sizes of layers, by the names that mmdet's configs have for them.
SIZES = dict(
    in_channels=16,
    feat_channels=16,
    out_channels=16,
    conv_out_channels=16,
    fc_out_channels=32,
    stacked_convs=1,
    num_classes=len(CLASSES),
)
# of a neck: they belong to the head's strides
LEVELS = ('num_outs', 'start_level', 'add_extra_convs')
BACKBONES = ('EfficientNetLite', 'ResNet')

# For losses on file, as ``detector``: among a hundred random boxes some anchor's overlap lies so near its threshold
# that the rounding of one CPU or another decides.
FEW_BOXES = dict(test_cfg=dict(rcnn=dict(max_per_img=5)))


def tiny_recipe(config: str | Path, **changes: Any) -> ConfigDict:
    """The ``model`` of a config with all its detectors small; what makes it that method stays.

    Args:
        config: Config file.
        changes: What is merged into ``model``.
    """
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(model=changes))
    return ConfigDict(shrink(cfg.model.to_dict()))


def shrink(config: Any, sizes: Mapping[str, int] = SIZES) -> Any:
    """A nested config with the tiny detector's backbone and neck, and its sizes of layers.

    A detector with another backbone, such as YOLOX-Nano, keeps its layers; its classes are those of the tiny one.
    """
    if isinstance(config, (list, tuple)):
        return type(config)(shrink(part, sizes) for part in config)
    if not isinstance(config, dict):
        return config
    if 'backbone' in config and config['backbone'].get('type') not in BACKBONES:
        sizes = dict(num_classes=len(CLASSES))
    if config.get('type') in BACKBONES:
        maps = config.get('out_indices', (0, 1, 2, 3))
        return {**copy.deepcopy(tiny_detector().backbone), 'out_indices': maps}
    if config.get('type') == 'ChannelMapper':  # DINO's, whose transformer keeps its width
        channels = tiny_detector().neck.in_channels[-len(config['in_channels']) :]
        return {**config, 'in_channels': channels}
    if config.get('type') == 'FPN':
        return {**tiny_detector().neck, **{k: v for k, v in config.items() if k in LEVELS}}
    return {key: sizes.get(key, shrink(value, sizes)) for key, value in config.items()}


def build_recipe(config: ConfigDict, seed: int = 0) -> Any:
    """The model in train mode; its own and its teacher's class scores are sure of something, so there are labels."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(seed)
        model = MODELS.build(config)
        model.init_weights()
    return make_sure(model).train()


def make_sure(model: Any) -> Any:
    """Class scores of all box heads are sure of something."""
    for name, parameter in model.named_parameters():
        if name.endswith('fc_cls.bias'):
            parameter.data.copy_(torch.tensor([2.0, 1.0, 0.0, 0.0]))
    return model


def total(losses: Mapping[str, Any], branch: str = '') -> torch.Tensor:
    """The sum of the losses whose name begins so."""
    return sum(by_name(losses, branch).values())


def by_name(losses: Mapping[str, Any], branch: str = '') -> dict[str, torch.Tensor]:
    """The losses of a branch without what it is called, each as one number."""
    return {
        name.removeprefix(branch): sum(loss) if isinstance(loss, list) else loss
        for name, loss in losses.items()
        if name.startswith(branch) and 'loss' in name
    }


def with_hidden_boxes(batch: tuple[dict, dict]) -> tuple[dict, dict]:
    """The batch with boxes of NaN in its unlabeled images, which nothing may read."""
    for branch in {'weak', 'strong'} & batch[1].keys():
        for sample in batch[1][branch]:
            sample.gt_instances = InstanceData(
                bboxes=torch.full((3, 4), float('nan')), labels=torch.tensor([0, 1, 2])
            )
    return batch


def assert_same(batch: tuple[dict, dict], before: tuple[dict, dict]) -> None:
    """A batch is what it was."""
    for branch, inputs in before[0].items():
        assert torch.equal(batch[0][branch], inputs)
        for now, then in zip(batch[1][branch], before[1][branch], strict=True):
            assert set(now.keys()) == set(then.keys())
            assert sorted(now.metainfo) == sorted(then.metainfo)
            assert set(now.gt_instances.keys()) == set(then.gt_instances.keys())
            for name, value in then.gt_instances.items():
                assert torch.equal(now.gt_instances[name], value)


def two_steps(model: Any, batch: tuple[dict, dict] | None = None) -> list[dict[str, float]]:
    """All losses of two steps of SGD, by name."""
    optimizer = torch.optim.SGD(
        [parameter for parameter in model.parameters() if parameter.requires_grad], lr=0.01
    )
    torch.manual_seed(1)
    steps = []
    for _ in range(2):
        losses = model.loss(*(batch or tiny_batch()))
        total, logged = model.parse_losses(losses)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        steps.append({name: value.item() for name, value in logged.items() if value.numel() == 1})
    return steps
