"""Extracts one detector from a run as a plain MMDetection config with its weights."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from mmdet.evaluation import CocoMetric
from mmdet.registry import DATASETS, METRICS, MODELS, TASK_UTILS, TRANSFORMS
from mmengine.config import Config, ConfigDict
from mmengine.evaluator import BaseMetric
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmssod.apis.config import ConfigLike, load_config
from mmssod.environment.errors import InputError
from mmssod.models.checkpoint_parts import PARTS, detector_weights, require_finite

# What tests as mmdet's or mmcv's own class: heads that train with box weights, the loader of whole images, and the
# assigner, which only trains.
SAME_AT_TEST_TIME = {
    'CertaintyRoIHead': 'StandardRoIHead',
    'CertaintyCascadeRoIHead': 'CascadeRoIHead',
    'LoadWholeImage': 'LoadImageFromFile',
    'BestBoxAssigner': 'MaxIoUAssigner',
}
REGISTRIES = (MODELS, TASK_UTILS, TRANSFORMS, DATASETS, METRICS)
KEPT = ('test_dataloader', 'test_evaluator', 'test_cfg', 'tta_model', 'tta_pipeline')


@dataclass(frozen=True)
class PlainDetector:
    """A detector without the run around it.

    Args:
        config: Model, test data and test loop; nothing of a training.
        weights: The detector's own.
        classes: Their names.
        part: ``'student'``, ``'teacher'``, or ``'detector'`` of a run with only one.
        needs: Types that only mmssod has; empty when MMDetection alone loads the config.
    """

    config: Config
    weights: dict[str, Tensor]
    classes: tuple[str, ...]
    part: str
    needs: tuple[str, ...]


def plain_detector(config: ConfigLike, checkpoint: str, part: str = 'auto') -> PlainDetector:
    """Take one detector out of a run.

    Args:
        config: The run's config.
        checkpoint: Checkpoint of the run.
        part: ``'student'``, ``'teacher'``, or ``'auto'``: the one that the run tests with. A plain detector's run has
            only one, which any of them names.

    Raises:
        ValueError: Another part; a run without it, whose detector is not one that MMDetection knows by itself, or whose
            checkpoint does not belong to the config.
    """
    cfg = load_config(config)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    stored = CheckpointLoader.load_checkpoint(checkpoint, 'cpu', 'silent')
    state = stored.get('state_dict', stored)
    model, part = part_of(cfg.model, part)
    weights = dict(detector_weights(state, 'student' if part == 'detector' else part))
    plain = plain_config(cfg, model)
    _check_weights(plain, weights, checkpoint)
    require_finite(checkpoint, weights)
    meta = (stored.get('meta') or {}).get('dataset_meta') or {}
    classes = tuple(meta.get('classes') or _test_classes(plain))
    return PlainDetector(
        plain, weights, classes, part, tuple(sorted(set(foreign_types(plain.to_dict()))))
    )


def part_of(model: dict[str, Any], part: str) -> tuple[ConfigDict, str]:
    """The config of one detector of a run's ``model``, and which it is.

    Raises:
        ValueError: See :func:`plain_detector`.
    """
    if part not in ('auto', *PARTS):
        raise InputError(f'part: expected auto, {" or ".join(PARTS)}, got {part!r}')
    if 'members' in model:
        raise InputError(
            f'{model["type"]} is an ensemble: expected a run of one detector, or of a student and a teacher; export '
            'the members one by one from their own runs'
        )
    if 'detector' not in model:
        return ConfigDict(deepcopy(dict(model))), 'detector'
    inner = model
    while 'detector' in inner['detector']:  # a run around a run: the outer one's student is tested
        inner = inner['detector']
    part = model.get('predict_with', 'student') if part == 'auto' else part
    if part == 'both':
        raise InputError(
            "the run tests with both models (predict_with='both'): expected part to be teacher or student, got auto; "
            'name the one that is wanted'
        )
    labeler = inner.get('labeler') or {}
    own = labeler.get('detector') if part == 'teacher' else None
    return ConfigDict(deepcopy(dict(own or inner['detector']))), part


def plain_config(cfg: Config, model: ConfigDict) -> Config:
    """A config to test with: the detector, its test data, nothing of the training.

    Args:
        cfg: The run's config.
        model: Config of the detector; changed.
    """
    kept = {key: deepcopy(cfg[key]) for key in KEPT if cfg.get(key) is not None}
    _replace([model, kept])
    if kept.get('test_cfg', {}).get('type') == 'BothTestLoop':
        kept['test_cfg'].type = 'TestLoop'
    if evaluator := kept.get('test_evaluator'):
        kept['test_evaluator'] = _plain_evaluator(evaluator)
    plain = Config(
        dict(
            default_scope=cfg.get('default_scope', 'mmdet'),
            model=model,
            **kept,
            visualizer=dict(
                type='DetLocalVisualizer',
                vis_backends=[dict(type='LocalVisBackend')],
                name='visualizer',
            ),
            default_hooks=dict(visualization=dict(type='DetVisualizationHook')),
        )
    )
    if next(foreign_types(plain.to_dict()), None):
        plain.custom_imports = dict(imports=['mmssod'], allow_failed_imports=False)
    return plain


def foreign_types(node: Any) -> Iterator[str]:
    """Types anywhere in a config that are mmssod's own classes."""
    if isinstance(node, dict):
        kind = node.get('type')
        if isinstance(kind, str) and _is_ours(kind):
            yield kind
        for value in node.values():
            yield from foreign_types(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from foreign_types(value)


def build(plain: PlainDetector, device: str | None = None) -> Any:
    """The detector in eval mode with its weights, ready for mmdet's ``inference_detector``.

    Args:
        plain: What :func:`plain_detector` gave.
        device: Such as ``'cuda:0'``; by default a GPU if there is one.

    Raises:
        ValueError: No such device here.
    """
    model = MODELS.build(plain.config.model)
    model.load_state_dict(plain.weights)
    model.cfg, model.dataset_meta = plain.config, dict(classes=plain.classes, palette='random')
    device = device or ('cuda:0' if torch.cuda.is_available() else 'cpu')
    try:
        return model.to(device).eval()
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise InputError(f'device: expected one that is here, got {device!r}: {error}') from error


def _replace(node: Any) -> None:
    """Their classes where they do the same at test time; no weights of backbones to download."""
    if isinstance(node, dict):
        if (kind := node.get('type')) in SAME_AT_TEST_TIME:
            node['type'] = SAME_AT_TEST_TIME[kind]
            for option in ('max_pixels', 'max_aspect') if kind == 'LoadWholeImage' else ():
                node.pop(option, None)
        if kind == 'EfficientNetLite':
            node['pretrained'] = False
        if 'init_cfg' in node and (node['init_cfg'] or {}).get('type') == 'Pretrained':
            node['init_cfg'] = None
        for value in node.values():
            _replace(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _replace(value)


def _plain_evaluator(evaluator: Any) -> Any:
    """``CocoBoxMetric`` as mmdet's ``CocoMetric``, without the arguments that only ours has."""
    if isinstance(evaluator, (list, tuple)):
        return [_plain_evaluator(one) for one in evaluator]
    if evaluator.get('type') != 'CocoBoxMetric':
        return evaluator
    known = {
        name
        for cls in (CocoMetric, BaseMetric)
        for name in inspect.signature(cls.__init__).parameters
    }
    return {**{k: v for k, v in evaluator.items() if k in known}, 'type': 'CocoMetric'}


def _is_ours(kind: str) -> bool:
    classes = [registry.get(kind) for registry in REGISTRIES]
    return any(str(getattr(cls, '__module__', '')).split('.')[0] == 'mmssod' for cls in classes)


def _test_classes(cfg: Config) -> tuple[str, ...]:
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    return tuple((dataset.get('metainfo') or {}).get('classes') or ())


def _check_weights(plain: Config, weights: dict[str, Tensor], checkpoint: str) -> None:
    """All weights of the detector are there, of the right shapes, and no others.

    Raises:
        ValueError: They are not.
    """
    expected = {name: tuple(t.shape) for name, t in MODELS.build(plain.model).state_dict().items()}
    actual = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    wrong = sorted(
        name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name)
    )
    if wrong:
        shown = [f'{n}: {expected.get(n)} expected, {actual.get(n)} found' for n in wrong[:3]]
        raise InputError(
            f'{checkpoint} does not belong to the config: {len(wrong)} weights differ, such as '
            f'{"; ".join(shown)}. Name the config that the run was trained with (it lies in the work directory)'
        )
