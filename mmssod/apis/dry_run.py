"""Tries a config without training: builds everything, runs one batch, keeps nothing."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.runner import Runner

from mmssod.apis.config import ConfigLike, build_runner, load_config
from mmssod.engine import (
    ClassBalanceHook,
    EMATeacherHook,
    FreezeBatchNormHook,
    PreflightHook,
    SeedHook,
)
from mmssod.engine.preflight import (
    batch_line,
    config_problems,
    fetch_problems,
    raise_together,
    start_problems,
)
from mmssod.engine.runner_access import batch_image_paths, sources
from mmssod.start import start_lines

_RUN_HOOKS = (FreezeBatchNormHook, PreflightHook, ClassBalanceHook, EMATeacherHook, SeedHook)


def dry_run(
    config: ConfigLike,
    *,
    cfg_options: dict[str, Any] | None = None,
    load_from: str | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """Build model, data and loop, run all checks, one loss and one prediction, and report.

    No optimizer step is taken and no file is left behind.

    Args:
        config: a config file or config.
        cfg_options: values by dotted key that replace the config's.
        load_from: weights to start from; else the config's. Missing ones are a warning here.
        seed: random seed.

    Returns:
        dict: ``model``, ``parameters``, ``sources`` (images by source), ``start`` (what fits of the weights, in three
        lines; [] without), ``batch`` (the batch line), ``inputs`` (shapes by branch), ``losses`` (by name),
        ``predictions`` (boxes of the first validation batch, None without a validation set), ``seconds`` by phase.

    Raises:
        ValueError: everything that is found wrong, together.
    """
    with tempfile.TemporaryDirectory(prefix='mmssod_dry_run_') as folder:
        cfg = load_config(config, work_dir=folder, cfg_options=cfg_options, seed=seed)
        cfg.load_from, cfg.resume = load_from or cfg.get('load_from'), False
        # Else config and hooks, hundreds of lines, stand before the report.
        cfg.log_level = 'WARNING'
        raise_together(config_problems(cfg))
        missing = [*start_problems(cfg), *fetch_problems(cfg)]
        if missing:  # a student's config can be tried before its teacher is trained
            cfg.load_from = None
        runner = build_runner(cfg)
        for problem in missing:
            runner.logger.warning(f'tried without weights: {problem}')
        try:
            return _try_out(runner)
        finally:
            _close_log_files(runner)


def report_text(report: dict[str, Any]) -> str:
    """The report of ``dry_run``, for people."""
    shapes = ', '.join(f'{branch} {shape}' for branch, shape in report['inputs'].items())
    lines = [
        f'model         {report["model"]}, {report["parameters"] / 1e6:.1f} M parameters',
        'data          ' + ', '.join(f'{n} {name}' for name, n in report['sources'].items()),
        f'              {report["batch"]}',
        *(f'{"" if i else "start":13} {line}' for i, line in enumerate(report['start'])),
        f'inputs        {shapes}',
        *(
            f'{"losses" if not i else "":13} {k} = {v:.4f}'
            for i, (k, v) in enumerate(report['losses'].items())
        ),
        f'prediction    {_prediction_text(report["predictions"])}',
        'seconds       ' + ', '.join(f'{k} {v:.1f}' for k, v in report['seconds'].items()),
        'dry run: no step was taken, nothing was written',
    ]
    return '\n'.join(lines)


def _prediction_text(boxes: int | None) -> str:
    return 'no validation set' if boxes is None else f'{boxes} boxes on the first validation batch'


def _try_out(runner: Runner) -> dict[str, Any]:
    seconds: dict[str, float] = {}
    with _timed(seconds, 'build'):
        loop = runner.train_loop
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        if hasattr(runner.model, 'init_weights'):
            runner.model.init_weights()
        runner.load_or_resume()
    with _timed(seconds, 'checks'):
        hooks = [hook for hook in runner.hooks if isinstance(hook, _RUN_HOOKS)]
        if not any(isinstance(hook, PreflightHook) for hook in hooks):
            hooks.insert(0, PreflightHook())
        for hook in hooks:
            hook.before_train(runner)
    with _timed(seconds, 'batch'):
        batch = next(iter(loop.dataloader))
    with _timed(seconds, 'loss'):
        for hook in hooks:
            hook.before_train_iter(runner, 0, batch)
        inputs, losses = _loss(runner.model, batch)
    with _timed(seconds, 'prediction'):
        predictions = _predict(runner)
    return {
        'model': type(runner.model).__name__,
        'parameters': sum(p.numel() for p in runner.model.parameters()),
        'sources': {k: len(v) for k, v in sources(loop.dataloader.dataset).items()},
        'start': start_lines(fit, runner._load_from) if (fit := runner.start_fit) else [],
        'batch': batch_line(runner),
        'images': batch_image_paths(batch),
        'inputs': inputs,
        'losses': losses,
        'predictions': predictions,
        'seconds': seconds,
    }


def _loss(model: Any, batch: Any) -> tuple[dict[str, tuple[int, ...]], dict[str, float]]:
    """Shapes of the inputs by branch and the losses; the model is left as it is but its counts."""
    model.train()
    data = model.data_preprocessor(batch, True)
    inputs = data['inputs'] if isinstance(data, dict) else data[0]
    branches = inputs if isinstance(inputs, dict) else {'batch': inputs}
    shapes = {branch: _shape(images) for branch, images in branches.items()}
    losses = model(**data, mode='loss') if isinstance(data, dict) else model(*data, mode='loss')
    _, logged = model.parse_losses(losses)
    return shapes, {name: float(torch.as_tensor(value).detach()) for name, value in logged.items()}


def _shape(images: Any) -> tuple[int, ...]:
    if torch.is_tensor(images):
        return tuple(images.shape)
    return (len(images), *images[0].shape) if len(images) else (0,)


@torch.no_grad()
def _predict(runner: Runner) -> int | None:
    if runner.val_loop is None:
        return None
    runner.model.eval()
    samples = runner.model.val_step(next(iter(runner.val_loop.dataloader)))
    return sum(len(getattr(sample, 'pred_instances', ())) for sample in samples)


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[phase] = time.perf_counter() - start


def _close_log_files(runner: Runner) -> None:
    for handler in list(runner.logger.handlers):
        if isinstance(handler, logging.FileHandler):
            handler.close()
            runner.logger.handlers.remove(handler)
    runner.visualizer.close()
