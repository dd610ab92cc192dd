"""What one detector finds on the images of a COCO json, in this process and with its progress shown."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing

from mmssod.apis.plain import PlainDetector, build
from mmssod.apis.predicting import use_test_set
from mmssod.datasets.split import Coco
from mmssod.engine.preflight import config_outside_problems, raise_together
from mmssod.engine.progress import ImageProgress
from mmssod.evaluation.coco import category_ids
from mmssod.evaluation.detections import to_detections


def detect(
    plain: PlainDetector,
    truth: Coco,
    annotations: str,
    images: str,
    *,
    phase: str,
    device: str | None = None,
) -> list[dict]:
    """Detections in COCO's result format, with p and v of each box.

    Args:
        plain: The detector; its test pipeline is used.
        truth: The COCO data set.
        annotations: Its file.
        images: Folder that its file names are relative to.
        phase: What progress calls it.
        device: By default a GPU if there is one.

    Raises:
        ValueError: No such device; image names that lead out of their folder; a class that the data set lacks.
    """
    cfg = plain.config.copy()
    use_test_set(cfg, annotations, images)
    raise_together(list(config_outside_problems(cfg, 'test_dataloader')))
    ids = category_ids(truth, plain.classes)
    model = build(plain, device)
    loader = test_loader(cfg)
    found: list[dict] = []
    done = 0
    with torch.no_grad(), ImageProgress(phase, len(loader.dataset)) as progress:
        for batch in loader:
            for sample in model.test_step(batch):
                result = dict(img_id=sample.img_id, pred_instances=sample.pred_instances)
                found += to_detections(result, ids)
                done += 1
            progress.update(done)
    return found


def test_loader(cfg: Config) -> Any:
    """The test images of a config in batches; its workers end with the pass."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    set_multi_processing()
    with redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        return Runner.build_dataloader({**cfg.test_dataloader, 'persistent_workers': False}, seed=0)
