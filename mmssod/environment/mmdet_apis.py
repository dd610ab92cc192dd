"""Lets mmdet's ``init_detector`` and ``DetInferencer`` take the configs of students (with ``LoadWholeImage``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from mmdet import apis
from mmdet.apis import inference
from mmdet.apis.det_inferencer import DetInferencer
from mmengine.config import Config


def admit_runs() -> None:
    """Have both take them, for the whole process. Idempotent."""
    if hasattr(inference.init_detector, '__wrapped__'):
        return
    apis.init_detector = inference.init_detector = _of_students(inference.init_detector)
    DetInferencer._init_pipeline = _with_whole_images(DetInferencer._init_pipeline)


def _of_students(init_detector: Callable[..., Any]) -> Callable[..., Any]:
    """Mmdet looks for ``model.backbone``, to download no weights of it; a student's is deeper in the model."""

    @wraps(init_detector)
    def init(config: Any, *args: Any, **options: Any) -> Any:
        if isinstance(config, (str, Path)):
            config = Config.fromfile(config)
        given = len(args) > 3 or options.get('cfg_options') is not None
        if isinstance(config, Config) and 'backbone' not in config.model and not given:
            _start_at_random(config.model)
            options['cfg_options'] = {}  # with which mmdet does not look
        return init_detector(config, *args, **options)

    return init


def _start_at_random(node: Any) -> None:
    """No ``init_cfg`` of any backbone: the checkpoint has its weights."""
    if isinstance(node, dict):
        backbone = node.get('backbone')
        if isinstance(backbone, dict) and 'init_cfg' in backbone:
            backbone['init_cfg'] = None
        for value in node.values():
            _start_at_random(value)


def _with_whole_images(init_pipeline: Callable[..., Any]) -> Callable[..., Any]:
    """Mmdet exchanges the step that loads, known by its name, by one that takes arrays, too."""

    @wraps(init_pipeline)
    def init(self: DetInferencer, cfg: Any) -> Any:
        for step in cfg.test_dataloader.dataset.pipeline:
            if str(step.get('type')).split('.')[-1] == 'LoadWholeImage':
                step['type'] = 'LoadImageFromFile'
                for own in ('max_pixels', 'max_aspect'):
                    step.pop(own, None)
        return init_pipeline(self, cfg)

    return init
