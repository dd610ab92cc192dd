"""Every shipped recipe is used on the fake device: step, teacher, prediction, evaluation, label bank.

No operation may mix it with the host, and every number is that of the host. By default the recipes for the demo's data
are tried, and all in folders without such; the others with the slow tests. A model like one before is not tried again.
"""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
from builders.tiny_recipes import build_recipe, shrink
from fake_device import DEVICE, HOST, DeviceTensor, device_mode, on_device
from mmengine.config import Config, ConfigDict
from whole_use import SIZE, UNLABELED, differences, use

from mmssod.methods.foundation import DetectionsLabeler

ROOT = Path(__file__).parents[2]
FILES = sorted(p for p in (ROOT / 'configs').rglob('*.py') if '_base_' not in p.parts)

# An untrained detector is sure of little, and boxes move with their start.
PERMISSIVE = dict(
    score_thr=0.0, threshold=0.01, bounds=(0.0, 0.9), rpn_threshold=0.0, cls_threshold=0.0, max_deviation=9.0
)  # fmt: skip
# of one-stage detectors, made sure of something
CLASS_LAYERS = ('retina_cls', 'conv_cls', 'conv_obj')
NAMES_OF_FILES = ('checkpoint', 'init_cfg', 'path')

seen: dict[str, Path] = {}


def is_demo(path):
    return 'demo' in path.parts or 'demo' in path.stem


FOLDERS = {path.parent for path in FILES if is_demo(path)}
CASES = [
    pytest.param(
        path,
        marks=() if is_demo(path) or path.parent not in FOLDERS else pytest.mark.slow,
        id=str(path.relative_to(ROOT / 'configs')),
    )
    for path in FILES
]


def permissive(config):
    """A nested config with thresholds that an untrained detector passes."""
    if isinstance(config, (list, tuple)):
        return [permissive(part) for part in config]
    if not isinstance(config, dict):
        return config
    changed = {k: PERMISSIVE.get(k, permissive(v)) for k, v in config.items()}
    return {k: v for k, v in changed.items() if k not in NAMES_OF_FILES}


def structure(config):
    """What decides which operations run: no numbers, no names of files."""
    if isinstance(config, dict):
        return {key: structure(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [structure(value) for value in config]
    return 0 if isinstance(config, (int, float)) and not isinstance(config, bool) else config


def model_of(path):
    """A recipe's tiny model, its thresholds low; None without a model of ours, or if one like it was there."""
    config = Config.fromfile(path).get('model')
    if not config or config['type'] == 'SemiBaseDetector':  # mmdet's step
        return None
    config = permissive(shrink(config.to_dict()))
    first = seen.setdefault(json.dumps(structure(config), sort_keys=True, default=str), path)
    return build(config) if first == path else None


def build(config):
    if config.get('labeler', {}).get('type') == 'LabelBank':
        config['labeler']['path'] = 'a test writes it'
    model = build_recipe(ConfigDict(config))
    for name, parameter in model.named_parameters():
        if name.endswith('bias') and any(layer in name for layer in CLASS_LAYERS):
            parameter.data.fill_(1.0)
    return model


def give_detections(model, file):
    """Let a labeler that reads another detector's boxes find one in each unlabeled image."""
    labeler = getattr(model, 'labeler', None)
    labeler = getattr(labeler, 'other', labeler)
    if not isinstance(labeler, DetectionsLabeler):
        return
    images = [
        dict(id=number, file_name=f'{number}.jpg', height=SIZE, width=SIZE) for number in UNLABELED
    ]
    boxes = [dict(id=n, image_id=n, category_id=1, bbox=[8, 8, 32, 32], score=0.9) for n in UNLABELED]  # fmt: skip
    categories = [dict(id=1, name=labeler.source.classes[0])]
    file.write_text(json.dumps(dict(images=images, annotations=boxes, categories=categories)))
    labeler.source = labeler.labeled_source = replace(labeler.source, file=str(file))


@pytest.mark.parametrize('path', CASES)
def test_a_recipe_on_a_device(path, tmp_path):
    model = model_of(path)
    if model is None:
        return
    give_detections(model, tmp_path / 'detections.json')
    expected = use(copy.deepcopy(model), HOST, tmp_path / 'host')
    with device_mode():
        model = on_device(model)
        assert all(isinstance(value, DeviceTensor) for value in model.parameters())
        found = use(model, DEVICE, tmp_path / 'device')
    assert all(step.get('pseudo_boxes', 1) > 0 for step in expected.get('steps', []))
    assert not differences(found, expected)
