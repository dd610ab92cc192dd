"""Which detectors MMDetection has, read from its configs as text, and how they are made small."""

import copy
import re
from pathlib import Path

import pytest
from mmengine.config import Config

from any_detector.found import classes, detectors, model_outline, tried, types
from any_detector.shrink import shrunk
from any_detector.words import NUM_CLASSES

PAGE = Path(__file__).parents[2] / 'docs' / 'detectors.md'
NAMED = (
    'FasterRCNN CascadeRCNN RetinaNet FCOS ATSS GFL VFNet TOOD YOLOX RTMDet DETR ConditionalDETR DABDETR '
    'DeformableDETR DINO DDQDETR SparseRCNN'
).split()


def name(found):
    return found.name


def test_detectors_are_seen():
    """Those that users ask for most are there, and one of each class is the first."""
    known = {found.detector for found in tried()}
    assert set(NAMED) <= known
    assert len(tried()) >= 45 and len(detectors()) >= 80
    assert sorted(found.detector for found in tried() if found.first) == sorted(known)


def test_a_plain_config_stands_for_each():
    configs = {found.detector: found.config for found in tried() if found.first}
    assert configs['FasterRCNN'] == 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'
    assert configs['CascadeRCNN'] == 'cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py'
    assert configs['ATSS'] == 'atss/atss_r50_fpn_1x_coco.py'


def test_what_is_left_out_says_why():
    reasons = {found.detector: found.left_out for found in detectors() if found.first}
    assert reasons['MaskRCNN'] == 'made for instance segmentation'
    assert reasons['RPN'] == 'proposals without classes'
    assert reasons['FastRCNN'] == 'its proposals come from a file'
    assert reasons['GLIP'] == 'classes are words of a text, not numbers'
    assert reasons['LAD'] == 'distills a trained teacher of its own'
    assert reasons['CrowdDet'] == 'made for a single class'
    assert reasons['SoftTeacher'] == 'made for semi-supervised object detection'


@pytest.mark.parametrize('found', [found for found in tried() if found.first], ids=name)
def test_what_is_read_is_what_mmengine_loads(found):
    loaded = Config.fromfile(found.path).model.to_dict()
    read = model_outline(found.path)
    assert classes(read) == classes(loaded) == (found.detector, *found.heads)
    assert types(read) <= types(loaded)


def test_small_is_small_and_nothing_is_shared():
    found = next(found for found in tried() if found.detector == 'DINO')
    first, second = shrunk(found), shrunk(found)
    assert first == second
    before = copy.deepcopy(second)
    first.encoder.layer_cfg.self_attn_cfg.embed_dims = 1
    first.bbox_head.num_classes = 7
    assert second == before
    assert second.bbox_head.num_classes == NUM_CLASSES
    assert second.backbone.depth == 18 and second.neck.in_channels == [32, 64, 128]
    assert second.encoder.layer_cfg.ffn_cfg.feedforward_channels == 128
    assert second.num_queries == second.test_cfg.max_per_img == 20
    assert second.test_cfg.get('score_thr', 0) == 0 and second.backbone.init_cfg is None


def test_the_page_has_all_of_them():
    """Its other cells come from trying them: a slow test compares those."""
    lines = [
        line for line in PAGE.read_text().splitlines() if line.startswith('|') and '.py`' in line
    ]
    rows = [line.split('|')[3].strip(' `') for line in lines]
    assert rows == [found.config for found in tried()]
    page = re.sub(r'\s+', ' ', PAGE.read_text())
    for found in detectors():
        assert not found.left_out or found.left_out in page
