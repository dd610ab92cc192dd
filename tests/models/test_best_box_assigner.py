"""Anchors and RoIs belong to boxes as in Detectron2, and what lies on an ignored box is in no loss."""

from pathlib import Path

import pytest
import torch
from mmdet.models.task_modules.assigners import MaxIoUAssigner
from mmdet.registry import TASK_UTILS
from mmengine.config import Config
from mmengine.structures import InstanceData

ROOT = Path(__file__).parents[2]
MODEL = Config.fromfile(ROOT / 'configs/certainty/teacher_voc.py').model
STAGES = {name: MODEL.train_cfg[name].assigner for name in ('rpn', 'rcnn')}


def boxes(rows, key='bboxes'):
    tensor = torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)
    return InstanceData(**{key: tensor, 'labels': torch.arange(len(tensor))})


def assign(stage, priors, true, ignored=None, **changed):
    assigner = TASK_UTILS.build({**STAGES[stage], **changed})
    left_out = None if ignored is None else boxes(ignored)
    found = assigner.assign(boxes(priors, 'priors'), boxes(true), left_out)
    return found.gt_inds.tolist(), found.labels.tolist()


def test_a_low_quality_match_stays_with_the_box_it_overlaps_most():
    """IoU of the one anchor 0.9 with the first box and 80/90 with the second, whose best it is."""
    first, second, anchor = [0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 9]
    assert assign('rpn', [anchor], [first, second]) == ([1], [0])
    assert assign('rpn', [anchor], [first, second], type='MaxIoUAssigner') == ([2], [1])


def test_each_box_gets_its_best_anchors_however_small_the_iou():
    """A box of 1 px in an anchor of 100 px: IoU 1 %. Two such anchors are equally good, a third one is far away."""
    anchors, box = [[0, 0, 10, 10], [0, 0, 10, 10], [20, 20, 30, 30]], [4, 4, 5, 5]
    assert assign('rpn', anchors, [box]) == ([1, 1, 0], [0, 0, -1])
    assert assign('rpn', anchors, [box], min_pos_iou=0.3)[0] == [0, 0, 0]


def test_a_box_that_overlaps_no_anchor_gets_none():
    anchors, box = [[0, 0, 10, 10], [20, 20, 30, 30]], [40, 40, 50, 50]
    assert assign('rpn', anchors, [box])[0] == [0, 0]
    assert assign('rpn', anchors, [box], min_pos_iou=0)[0] == [1, 1]  # why the limit is not 0


def test_rois_have_no_low_quality_matches():
    """IoU 0.49, 0.5 and 0.51 of RoIs with a box; the first alone is background, though it is the best there is."""
    rois = [[0, 0, 10, height] for height in (4.9, 5.0, 5.1)]
    assert assign('rcnn', rois, [[0, 0, 10, 10]])[0] == [0, 1, 1]
    assert assign('rcnn', rois[:1], [[0, 0, 10, 10]])[0] == [0]


def expected(iou, low_quality, high, low):
    """Detectron2's rule: labels by the best IoU, then 1 for the best priors of each box; targets by the best IoU."""
    best, target = iou.max(dim=0)
    label = torch.where(best >= high, 1, torch.where(best >= low, -1, 0))
    if low_quality:
        label[(iou == iou.max(dim=1, keepdim=True).values).any(dim=0)] = 1
    return torch.where(label == 1, target + 1, label)


@pytest.mark.parametrize('stage', STAGES)
@pytest.mark.parametrize('number', [1, 2, 7])
def test_the_rule_holds_for_any_boxes(stage, number):
    """Corners on a coarse grid, so that many overlaps are equal; no box is without an overlap."""
    generator = torch.Generator().manual_seed(number)
    corner = torch.randint(0, 6, (60, 2), generator=generator).float()
    size = torch.randint(1, 6, (60, 2), generator=generator).float()
    priors = torch.cat([corner, corner + size], dim=1).tolist()
    true = priors[:number]
    assigner = TASK_UTILS.build(STAGES[stage])
    iou = assigner.iou_calculator(boxes(true).bboxes, boxes(priors).bboxes)
    rule = STAGES[stage]
    wanted = expected(iou, rule.match_low_quality, rule.pos_iou_thr, rule.neg_iou_thr)
    assert assign(stage, priors, true)[0] == wanted.tolist()
    assert {1, 0} <= set(wanted.tolist())
    if stage == 'rcnn':
        assert assign(stage, priors, true) == assign(stage, priors, true, type='MaxIoUAssigner')


@pytest.mark.parametrize('stage', STAGES)
@pytest.mark.parametrize('true', [[], [[0, 0, 10, 10]]])
def test_what_lies_on_an_ignored_box_is_neither_foreground_nor_background(stage, true):
    """Shares of the priors that lie on the ignored box: 1, 0.6, 0.5, 0."""
    ignored = [[100, 0, 200, 100]]
    priors = [[120, 20, 160, 60], [90, 0, 115, 10], [90, 0, 110, 10], [0, 20, 10, 30]]
    assert assign(stage, priors, true, ignored)[0] == [-1, -1, 0, 0]
    assert assign(stage, priors, true, ignored)[1] == [-1] * 4
    assert assign(stage, priors, true, [])[0] == [0] * 4
    assert assign(stage, priors, true, ignored, ignore_iof_thr=-1)[0] == [0] * 4


def test_mmdet_takes_ignored_boxes_for_background_where_there_is_no_other():
    """Why ``assign`` is overridden; when mmdet changes this, so can we."""
    rule = {key: value for key, value in STAGES['rcnn'].items() if key != 'type'}
    assigner = MaxIoUAssigner(**rule)
    found = assigner.assign(boxes([[1, 1, 9, 9]], 'priors'), boxes([]), boxes([[0, 0, 10, 10]]))
    assert found.gt_inds.tolist() == [0]


@pytest.mark.parametrize('stage', STAGES)
def test_no_priors(stage):
    assert assign(stage, [], [[0, 0, 10, 10]], [[0, 0, 5, 5]]) == ([], [])
    assert assign(stage, [], [], [[0, 0, 5, 5]]) == ([], [])
