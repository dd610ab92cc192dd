"""Runs Multi-Phase's three trainings with one command, skipping finished steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.registry import init_default_scope

from mmssod.apis.config import ConfigLike, load_config
from mmssod.apis.distributed import process_group
from mmssod.apis.offline_labels import labeled_annotations, unlabeled_images, with_annotations
from mmssod.apis.predicting import use_test_set, use_writer
from mmssod.apis.teacher_student import last_checkpoint
from mmssod.apis.testing import run_test, set_score_threshold, use_tta
from mmssod.apis.training import prepare, run_training
from mmssod.engine.preflight import config_problems
from mmssod.engine.reliability.checkpoint_files import save_whole
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.methods.multi_phase.labels import (
    above,
    agreement,
    boxes_per_image,
    easiest,
    matching_thresholds,
    threshold_grid,
)
from mmssod.models.checkpoint_parts import merge_checkpoints
from mmssod.structures import raise_together

PHASES = 3


@dataclass(frozen=True)
class Plan:
    """How the labels of the phases are made; ``multi_phase`` of the ensemble's config.

    Args:
        phases: Config files of the three trainings.
        grid: Minimum and maximum threshold and the step between two.
        easiest: Share of the images that phase 1 learns from, in (0, 1].
        agreement_iou: Overlap of boxes that phases 0 and 1 agree on.
        nms_iou: Overlap of boxes that are one object to phase 2.

    Raises:
        ValueError: For another number of phases.
    """

    phases: Sequence[str]
    grid: tuple[float, float, float] = (0.1, 1.0, 0.01)
    easiest: float = 0.5
    agreement_iou: float = 0.5
    nms_iou: float = 0.3

    def __post_init__(self) -> None:
        if len(self.phases) != PHASES:
            raise InputError(
                f'multi_phase.phases: expected {PHASES} configs, got {len(self.phases)}'
            )


def train_phases(
    config: ConfigLike,
    *,
    work_dir: str | None = None,
    seed: int | None = None,
    amp: bool = False,
    auto_scale_lr: bool = False,
    launcher: str = 'none',
) -> dict[str, float]:
    """Train phase 0, label, train phase 1, label, train phase 2, and test the ensemble of the three.

    All results lie in one folder: ``phase_N/`` (the trainings), ``unlabeled.json`` (the images), ``detections_N.json``,
    ``thresholds_N.json``, ``labels_N.json`` (what phase N learns), ``ensemble.pth`` and ``metrics.json``. A training
    that was cut off resumes; to do a step again, remove its file and those after it.

    Args:
        config: The ensemble's config; ``multi_phase`` in it has the fields of :class:`Plan`.
        work_dir: The folder; else the config's.
        seed, amp, auto_scale_lr, launcher: See ``train``.

    Returns:
        dict[str, float]: the ensemble's metrics.

    Raises:
        ValueError: everything that is found wrong before training, together.
    """
    cfg = load_config(config, work_dir=work_dir, seed=seed, launcher=launcher)
    run = PhasesRun(cfg, seed=seed, amp=amp, auto_scale_lr=auto_scale_lr, launcher=launcher)
    configs = [cfg, *run.trainings]
    raise_together([problem for each in configs for problem in config_problems(each)])
    setup_cache_size_limit_of_dynamo()
    with ExitStack() as groups:
        for each in configs:
            groups.enter_context(process_group(each))
        metrics = run.all_steps()
    return metrics


class PhasesRun:
    """The steps of one run; each writes a file, and is done when that file is there.

    Args:
        cfg: The ensemble's config.
        options: ``seed``, ``amp``, ``auto_scale_lr`` and ``launcher`` of the trainings.
    """

    def __init__(self, cfg: Config, **options: Any) -> None:
        self.cfg = cfg
        self.plan = Plan(**cfg.multi_phase)
        self.folder = Path(cfg.work_dir)
        self.trainings: list[Config] = []
        for number in range(PHASES):
            self.trainings.append(self._training(number, options))

    def _training(self, number: int, options: dict[str, Any]) -> Config:
        folder = str(self.folder / f'phase_{number}')
        cfg = prepare(
            self.plan.phases[number],
            work_dir=folder,
            resume='auto',
            load_from=None,
            cfg_options=None,
            **options,
        )
        if number > 0:
            cfg.train_dataloader.dataset.pseudo.ann_file = str(self.labels(number))
        return cfg

    def checkpoint(self, number: int) -> Path:
        """What a phase's training ends with."""
        return self.folder / f'phase_{number}' / last_checkpoint(self.trainings[number])

    def labels(self, number: int) -> Path:
        """What a phase learns of the unlabeled images."""
        return self.folder / f'labels_{number}.json'

    def all_steps(self) -> dict[str, float]:
        """All steps that are not done; the ensemble's metrics. In the process group that is there."""
        init_default_scope(self.cfg.get('default_scope', 'mmdet'))
        self.folder.mkdir(parents=True, exist_ok=True)
        once(self.folder / 'unlabeled.json', self._images)
        for number, training in enumerate(self.trainings):
            if number > 0:
                once(self.labels(number), (self._easy_labels, self._agreed_labels)[number - 1])
            if not self.checkpoint(number).is_file():
                run_training(training)
                barrier()  # the first process writes the file that all read
            if number < PHASES - 1:
                self._detect(number)
        return self._test()

    def _images(self) -> dict[str, Any]:
        categories = labeled_annotations(self.cfg)['categories']
        return unlabeled_images(self.cfg.semi_train_dataloader.dataset.unlabeled, categories)

    def _detect(self, number: int) -> None:
        """``detections_N.json``: what a phase finds in the unlabeled images, from the least threshold on.

        At all sizes and flips of the phase's ``tta_pipeline``, if it has one.
        """
        file = self.folder / f'detections_{number}.json'
        if file.is_file():
            return
        cfg = deepcopy(self.trainings[number])
        cfg.work_dir = str(self.folder / f'phase_{number}' / 'detect')
        cfg.load_from, cfg.resume = str(self.checkpoint(number)), False
        use_test_set(cfg, str(self.folder / 'unlabeled.json'), '')
        set_score_threshold(cfg, self.plan.grid[0])
        if 'tta_pipeline' in cfg:
            use_tta(cfg)
        part = file.with_suffix('.part')
        use_writer(cfg, str(part))
        run_test(cfg)
        if is_main_process():
            part.rename(file)
        barrier()

    def _sure(self, number: int) -> list[dict]:
        """The detections of a phase above their classes' thresholds, which are kept in a file, too."""
        detections = read(self.folder / f'detections_{number}.json')
        images = len(read(self.folder / 'unlabeled.json')['images'])
        wanted = boxes_per_image(labeled_annotations(self.cfg))
        grid = threshold_grid(*self.plan.grid)
        thresholds = matching_thresholds(detections, images, wanted, grid)
        write_whole(self.folder / f'thresholds_{number}.json', json.dumps(thresholds))
        return above(detections, thresholds)

    def _easy_labels(self) -> dict[str, Any]:
        return self._labeled(1, easiest(self._sure(0), self.plan.easiest))

    def _agreed_labels(self) -> dict[str, Any]:
        overlaps = self.plan.agreement_iou, self.plan.nms_iou
        return self._labeled(2, agreement(self._sure(0), self._sure(1), *overlaps))

    def _labeled(self, number: int, boxes: list[dict]) -> dict[str, Any]:
        if not boxes:
            raise InputError(
                f'phase {number}: expected labels on some unlabeled images, got none; see thresholds_*.json and '
                f'detections_*.json in {self.folder}, and train phase {number - 1} longer'
            )
        return with_annotations(read(self.folder / 'unlabeled.json'), boxes)

    def _test(self) -> dict[str, float]:
        file, merged = self.folder / 'metrics.json', self.folder / 'ensemble.pth'
        if file.is_file():
            return dict(read(file))
        if is_main_process():
            files = [str(self.checkpoint(number)) for number in range(PHASES)]
            save_whole(merge_checkpoints(files), merged)
        barrier()
        self.cfg.load_from, self.cfg.resume = str(merged), False
        metrics = {name: float(value) for name, value in run_test(self.cfg).items()}
        once(file, lambda: metrics)
        return metrics


def once(file: Path, make: Callable[[], Any]) -> None:
    """Write what a function gives as json, in the first process, unless the file is there; the others wait."""
    if is_main_process() and not file.is_file():
        write_whole(file, json.dumps(make()))
    barrier()


def read(file: Path) -> Any:
    """The content of a json file."""
    return json.loads(file.read_text())
