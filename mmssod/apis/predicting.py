"""Boxes that checkpoints find on the images of a data set, with p and v, for figures and for other tools."""

from __future__ import annotations

import io
import json
import os.path as osp
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmdet.registry import DATASETS
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing

from mmssod.apis.config import ConfigLike, load_config
from mmssod.apis.plain import PlainDetector, build
from mmssod.apis.testing import test
from mmssod.datasets.annotation_files import read_json
from mmssod.datasets.split import Coco
from mmssod.engine.preflight import config_outside_problems, raise_together
from mmssod.engine.progress import ImageProgress
from mmssod.environment.errors import InputError
from mmssod.evaluation import DetectorOutputs
from mmssod.evaluation.coco import category_ids
from mmssod.evaluation.detections import to_detections


def predict(
    config: ConfigLike, checkpoint: str, *, annotations: str = '', images: str = ''
) -> list[dict]:
    """Detections of a checkpoint in COCO's result format, with p and v of each box.

    Args:
        config: a config file or config; its test pipeline is used.
        checkpoint: weights.
        annotations: COCO json of the images; by default the config's test set.
        images: folder that the file names in ``annotations`` are relative to.

    Returns:
        list[dict]: see :mod:`mmssod.evaluation.detections`.
    """
    cfg = load_config(config)
    if annotations:
        use_test_set(cfg, annotations, images)
    with TemporaryDirectory(prefix='mmssod_predict_') as folder:
        out_file = osp.join(folder, 'detections.json')
        use_writer(cfg, out_file)
        test(cfg, checkpoint, work_dir=folder)
        detections: list[dict] = json.loads(Path(out_file).read_text())
    return detections


def predict_plain(
    plain: PlainDetector,
    truth: Coco,
    annotations: str,
    images: str,
    *,
    phase: str,
    device: str | None = None,
) -> list[dict]:
    """The same of one detector in this process, with its progress shown.

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


def detector_outputs(
    sources: Sequence[Sequence[str]], *, annotations: str = '', images: str = ''
) -> DetectorOutputs:
    """Detections of several detectors on the same images; checkpoints run, saved detections are read.

    Args:
        sources: one a detector: label, config, checkpoint; or label and a json of saved detections, such as
            ``tools/analysis/predict.py`` writes.
        annotations: COCO json with the true boxes; by default the first config's test set.
        images: folder that its file names are relative to.

    Raises:
        ValueError: two detectors share a label; nothing says which images; the classes of the configs differ.
    """
    labels = [source[0] for source in sources]
    if len(set(labels)) < len(labels):
        raise InputError(f'detectors: expected labels that differ, got {labels}')
    configs = [load_config(source[1]) for source in sources if len(source) == 3]
    if not annotations and not configs:
        raise InputError(
            'annotations: saved detections do not say what is true; name the COCO json of their images'
        )
    if not annotations:
        annotations, images = test_set(configs[0])
    truth = read_json(annotations)
    return DetectorOutputs(
        annotations=truth,
        classes=common_classes(configs) or tuple(c['name'] for c in truth['categories']),
        found={
            label: predict(*source, annotations=annotations, images=images)
            if len(source) == 2
            else read_json(source[0])
            for label, *source in sources
        },
        images=images,
    )


def test_set(cfg: Config) -> tuple[str, str]:
    """Annotation file and image folder of a config's test set."""
    dataset = _test_dataset(cfg)
    root = dataset.get('data_root') or ''
    folder = (dataset.get('data_prefix') or {}).get('img', '')
    return osp.join(root, dataset['ann_file']), osp.join(root, folder)


def use_test_set(cfg: Config, annotations: str, images: str) -> None:
    """Have a config test on other images.

    Args:
        cfg: changed in place.
        annotations: COCO json.
        images: folder that its file names are relative to.
    """
    _test_dataset(cfg).update(data_root='', ann_file=annotations, data_prefix=dict(img=images))


def use_writer(cfg: Config, out_file: str) -> None:
    """Have a config write its detections instead of judging them.

    Args:
        cfg: changed in place.
        out_file: json to write.
    """
    cfg.test_evaluator = dict(type='DetectionWriter', ann_file=test_set(cfg)[0], out_file=out_file)
    # Of its own name and without backends: mmengine hands a visualizer of a known name on to the next runner.
    cfg.visualizer = dict(type='DetLocalVisualizer')


def common_classes(configs: Sequence[Config]) -> tuple[str, ...]:
    """The classes of the first config's test set; empty without configs.

    Raises:
        ValueError: another config has other classes; their order may differ.
    """
    named = [test_classes(cfg) for cfg in configs]
    for classes in named[1:]:
        if set(classes) != set(named[0]):
            raise InputError(
                f'detectors: expected the same classes in all configs, got {named[0]} and {classes}'
            )
    return named[0] if named else ()


def test_classes(cfg: Config) -> tuple[str, ...]:
    """The classes of a config's test set."""
    dataset = _test_dataset(cfg)
    own = (dataset.get('metainfo') or {}).get('classes')
    return tuple(own or DATASETS.get(dataset['type']).METAINFO['classes'])


def _test_dataset(cfg: Config) -> ConfigDict:
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    return dataset
