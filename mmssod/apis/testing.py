"""Evaluate a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from mmdet.evaluation import DumpDetResults
from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.config import Config, ConfigDict

from mmssod.apis.config import ConfigLike, build_runner, load_config
from mmssod.apis.distributed import process_group
from mmssod.apis.training import close
from mmssod.engine.preflight import (
    config_outside_problems,
    evaluator_problems,
    raise_together,
    truth_problems,
)
from mmssod.engine.reliability.shared_memory import hung_loader_named
from mmssod.environment.checkpoints import trusting
from mmssod.environment.errors import InputError


def test(
    config: ConfigLike,
    checkpoint: str,
    *,
    work_dir: str | None = None,
    out: str | None = None,
    show: bool = False,
    show_dir: str | None = None,
    wait_time: float = 2.0,
    tta: bool = False,
    score_thr: float | None = None,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
    trust_checkpoint: bool = False,
) -> dict[str, float]:
    """Evaluate a checkpoint on the config's test set.

    Args:
        config: a config file or config.
        checkpoint: weights to evaluate.
        work_dir: where the log goes, see ``load_config``.
        out: a ``.pkl`` file for the predictions, as MMDetection's offline tools read it.
        show: show predictions in a window, each for ``wait_time`` seconds.
        show_dir: folder below the log directory for images with predictions drawn.
        wait_time: seconds.
        tta: test-time augmentation: the config's ``tta_model`` and ``tta_pipeline``, else a flip.
        score_thr: least score of a prediction, see ``set_score_threshold``; else the config's.
        cfg_options: values by dotted key that replace the config's.
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.
        trust_checkpoint: unpickle the checkpoint without a limit, which runs whatever code it holds.

    Returns:
        dict[str, float]: metrics by name.

    Raises:
        ValueError: ``out`` is no ``.pkl``; drawing is asked for and the config has no
            visualization hook; the model has no score threshold to set; image names lead out of their folder.
        UnsafeCheckpointError: the checkpoint holds more than weights and is not trusted.
    """
    if out is not None and not out.endswith(('.pkl', '.pickle')):
        raise InputError(f'out: expected a file name ending in .pkl, got {out}')
    cfg = load_config(config, work_dir=work_dir, cfg_options=cfg_options, launcher=launcher)
    cfg.load_from, cfg.resume = checkpoint, False
    if show or show_dir:
        draw_predictions(cfg, show=show, show_dir=show_dir, wait_time=wait_time)
    if score_thr is not None:
        set_score_threshold(cfg, score_thr)
    if tta:
        use_tta(cfg)
    raise_together(
        [
            *config_outside_problems(cfg, 'test_dataloader'),
            *evaluator_problems(cfg, 'test'),
            *truth_problems(cfg),
        ]
    )
    setup_cache_size_limit_of_dynamo()
    with trusting(trust_checkpoint), process_group(cfg):
        metrics = run_test(cfg, out)
    return metrics


def run_test(cfg: Config, out: str | None = None) -> dict[str, float]:
    """Evaluate in the process group that is there; the metrics."""
    runner = build_runner(cfg)
    if out is not None:
        runner.test_loop.evaluator.metrics.append(DumpDetResults(out_file_path=out))
    try:
        with hung_loader_named():
            return dict(runner.test())
    finally:
        close(runner)


def draw_predictions(cfg: Config, *, show: bool, show_dir: str | None, wait_time: float) -> None:
    """Turn the config's visualization hook on."""
    hook = (cfg.get('default_hooks') or {}).get('visualization')
    if hook is None:
        raise InputError(
            'drawing predictions: expected default_hooks.visualization in the config, found none; '
            "add visualization=dict(type='DetVisualizationHook')"
        )
    hook.update(draw=True)
    if show:
        hook.update(show=True, wait_time=wait_time)
    if show_dir:
        hook.update(test_out_dir=show_dir)


def set_score_threshold(cfg: Config, threshold: float) -> None:
    """Set the least score of a final prediction, wherever the model keeps it.

    A plain two-stage detector has it in ``test_cfg.rcnn``, a one-stage one in ``test_cfg``, and those of mmssod in the
    detector inside: each ``score_thr`` below a ``test_cfg`` is set.

    Args:
        cfg: changed in place.
        threshold: in [0, 1).

    Raises:
        ValueError: another threshold, or a model without one.
    """
    if not 0 <= threshold < 1:
        raise InputError(f'score threshold: expected a number in [0, 1), got {threshold}')
    found = list(_holders(cfg.model, 'score_thr', inside=False))
    if not found:
        raise InputError(
            'score threshold: expected a score_thr below a test_cfg of the model, found none in '
            f'{cfg.model.get("type")}; leave --score-thr out, or add it to the config'
        )
    for holder in found:
        holder['score_thr'] = threshold


def _holders(node: Any, key: str, *, inside: bool) -> Iterator[Any]:
    """Dicts with ``key`` that are, or lie in, the value of a ``test_cfg``."""
    if isinstance(node, dict):
        if inside and key in node:
            yield node
        for name, value in node.items():
            yield from _holders(value, key, inside=inside or name == 'test_cfg')
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _holders(value, key, inside=inside)


def use_tta(cfg: Config) -> None:
    """Wrap model and pipeline for test-time augmentation; by default one flip, merged by NMS.

    Raises:
        ValueError: Teacher and student shall both be tested.
    """
    if cfg.model.get('predict_with') == 'both':
        raise InputError(
            "test-time augmentation merges the predictions of one model: expected model.predict_with='teacher' or "
            "'student', got 'both'; test twice, with --cfg-options model.predict_with=teacher and =student"
        )
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    if 'tta_model' not in cfg:
        nms = {'nms': {'type': 'nms', 'iou_threshold': 0.5}, 'max_per_img': 100}
        cfg.tta_model = {'type': 'DetTTAModel', 'tta_cfg': nms}
    if 'tta_pipeline' not in cfg:
        pack = deepcopy(dataset.pipeline[-1])
        keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
        pack['meta_keys'] = (*keys, 'flip', 'flip_direction')
        flips = [{'type': 'RandomFlip', 'prob': 1.0}, {'type': 'RandomFlip', 'prob': 0.0}]
        views = {'type': 'TestTimeAug', 'transforms': [flips, [pack]]}
        cfg.tta_pipeline = [*dataset.pipeline[:-1], views]
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    dataset.pipeline = cfg.tta_pipeline
