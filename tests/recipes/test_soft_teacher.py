"""Soft Teacher: a choice of boxes for each loss, background weighted by the teacher."""

import copy
import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from builders.labels import pseudo
from builders.tiny_recipes import FEW_BOXES, build_recipe, tiny_recipe, two_steps
from mmcv.transforms import Compose
from mmdet.registry import HOOKS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from mmssod.datasets.transforms.steps import as_list
from mmssod.models import PseudoLabelDetector
from mmssod.models.pseudo.rescoring_teacher import box_deviation, jitter
from mmssod.structures import view_change
from mmssod.tiny_detectors import tiny_batch, tiny_detector, tiny_sample

CONFIG = 'configs/soft_teacher/demo.py'
# Without training p is about 0.6, and boxes move with their start.
UNTRAINED = dict(rpn_threshold=0.55, cls_threshold=0.58, max_deviation=0.1)


def build(head='plain', **changes):
    config = tiny_recipe(CONFIG, **changes)
    if head == 'bucket':
        heads = tiny_detector(head).roi_head.bbox_head
        config.detector.roi_head.bbox_head = heads
    return build_recipe(config)


def candidates(p=(0.95, 0.95), v=(1.0, 1.0)):
    """Two boxes in each of the two strong views of the tiny batch."""
    return [pseudo(tiny_sample().gt_instances.bboxes, p, v, [0, 1])] * 2


def answer_with(model, monkeypatch, background=1.0, box=None):
    """A teacher that answers each box with fixed scores and the box that is given, or its own."""

    def rescore(boxes):
        answers = []
        for value in boxes:
            scores = value.new_full((len(value), 4), (1 - background) / 3)
            scores[:, -1] = background
            place = value if box is None else value.new_tensor(box).expand(len(value), 4)
            answers.append(InstanceData(scores=scores, bboxes=place))
        return answers

    monkeypatch.setattr(model.labeler, 'rescore', rescore)
    model.labeler.samples = tiny_batch()[1]['weak']
    return model


def unsupervised(model, targets, seed=5):
    """Losses of the tiny batch's strong views."""
    inputs, samples = tiny_batch()
    model.labeler.samples = samples['weak']
    torch.manual_seed(seed)
    return model.unsupervised_loss(inputs['strong'], samples['strong'], targets)[0]


# ---------------------------------------------------------------- two steps


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_losses_are_those_on_file(head, golden):
    steps = two_steps(build(head, detector=FEW_BOXES, **UNTRAINED))
    for name in ('pseudo_boxes', 'unsup_sure_boxes', 'unsup_steady_boxes'):
        assert all(step[name] > 0 for step in steps), name
    golden(f'soft_teacher_{head}', steps)


def test_the_recipe_is_soft_teachers():
    cfg = Config.fromfile('configs/soft_teacher/coco_partial.py')
    model = cfg.model
    assert (model.balancer.threshold, model.rpn_threshold, model.cls_threshold) == (0.5, 0.9, 0.9)
    assert (model.max_deviation, model.num_jitters, model.jitter_scale) == (0.02, 10, 0.06)
    assert (model.unsup_weight, model.selector.certainty) == (4.0, 'p')
    assert cfg.default_hooks.ema_teacher.ema_decay == 0.999
    assert cfg.default_hooks.ema_teacher.burn_in == 0
    assert cfg.train_dataloader.sampler.counts == dict(labeled=1, unlabeled=4)
    assert cfg.train_cfg.max_iters == 180000
    assert not cfg.load_from
    demo = Config.fromfile(CONFIG)
    assert (demo.model.max_deviation, demo.default_hooks.ema_teacher.ema_decay) == (0.04, 0.99)
    full = Config.fromfile('configs/soft_teacher/coco_full.py')
    assert full.model.unsup_weight == 2.0


def test_the_authors_recipe_differs_in_what_it_says():
    theirs, mmdets = (
        Config.fromfile(f'configs/soft_teacher/{name}.py')
        for name in ('authors_coco_partial', 'coco_partial')
    )
    hook = HOOKS.build(theirs.default_hooks.ema_teacher)
    # min(0.999, 1 - 1 / (t + 1)) after steps 0, 1, 2; the first one copies the student.
    assert [hook.decay_at(t) for t in (0, 1, 2, 10_000)] == pytest.approx([0, 1 / 2, 2 / 3, 0.999])
    assert not HOOKS.build(mmdets.default_hooks.ema_teacher).ramp
    assert theirs.optim_wrapper.type == 'AmpOptimWrapper'
    assert [cfg.param_scheduler[0].end for cfg in (theirs, mmdets)] == [500, 1000]
    assigner = theirs.model.detector.train_cfg.rpn.assigner
    assert (assigner.type, assigner.min_pos_iou) == ('MaxIoUAssigner', 0.3)
    theirs.model.detector.train_cfg.rpn.assigner = mmdets.model.detector.train_cfg.rpn.assigner
    theirs.model.selector.min_size = mmdets.model.selector.min_size
    assert theirs.model == mmdets.model and theirs.train_dataloader == mmdets.train_dataloader


def test_labeled_images_of_the_authors_batches():
    """Each of 5 is labeled with probability 1/5, and at least one and at most four are: README.md's 1.33."""
    shares = [math.comb(5, k) * 0.2**k * 0.8 ** (5 - k) for k in range(6)]
    mean = sum(share * min(max(k, 1), 4) for k, share in enumerate(shares))
    assert mean == pytest.approx(1.327, abs=1e-3)


# ---------------------------------------------------------------- how steady a box is


def test_deviation_by_hand():
    # Two jitters of one box, 10 and 12 px wide and 20 px high; only the right side moves, by 2.
    boxes = torch.tensor([[0.0, 0, 10, 20], [0.0, 0, 12, 20]])
    # Standard deviation of (10, 12) is sqrt(2), the mean width 11, and three sides rest.
    assert box_deviation(boxes, 2).tolist() == pytest.approx([2**0.5 / 11 / 4])
    assert box_deviation(torch.zeros(0, 4), 2).shape == (0,)


def test_sides_are_shaken_in_units_of_the_box():
    torch.manual_seed(0)
    boxes = torch.tensor([[0.0, 0, 100, 10]])
    shifts = jitter(boxes, 4000, 0.06) - boxes
    assert shifts.std(dim=0)[0].tolist() == pytest.approx([6, 0.6, 6, 0.6], rel=0.05)


def test_a_teacher_that_always_answers_the_same_box_is_steady(monkeypatch):
    model = answer_with(build(), monkeypatch, box=[4.0, 4, 30, 28])
    found = model.labeler.deviations(candidates(), 10, 0.06)
    assert [value.tolist() for value in found] == [[0.0, 0.0]] * 2


def test_a_teacher_that_moves_with_its_start_is_as_unsteady_as_the_jitter(monkeypatch):
    model = answer_with(build(), monkeypatch)
    torch.manual_seed(0)
    found = model.labeler.deviations(candidates(), 1000, 0.06)
    assert torch.cat(found).tolist() == pytest.approx([0.06] * 4, rel=0.1)


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_the_class_of_a_box_chooses_among_refined_boxes(head):
    model = build(head)
    inputs, samples = tiny_batch()
    model.labeler(inputs['weak'], samples['weak'], model.student)
    none = [labels.select(slice(0)) for labels in candidates()]
    one_empty = [candidates()[0], none[0]]
    for labels, sizes in ((candidates(), [2, 2]), (one_empty, [2, 0]), (none, [0, 0])):
        found = model.labeler.deviations(labels, 3, 0.06)
        assert [len(value) for value in found] == sizes
        assert all((value >= 0).all() for value in found)


def test_deviation_takes_the_place_of_v(monkeypatch):
    model = build()
    monkeypatch.setattr(
        model.labeler,
        'deviations',
        lambda labels, times, scale: [torch.full((len(x),), 0.25) for x in labels],
    )
    inputs, samples = tiny_batch()
    found = model.pseudo_labels(inputs['weak'], samples['weak'])
    assert sum(map(len, found)) > 0
    assert all((labels.loc_certainty == 0.75).all() for labels in found)


# ---------------------------------------------------------------- who learns from which box


def test_an_unsteady_box_is_classified_but_not_regressed(monkeypatch):
    model = answer_with(build(), monkeypatch)
    steady = unsupervised(model, candidates())
    model = answer_with(build(), monkeypatch)
    unsteady = unsupervised(model, candidates(v=(0.9, 0.9)))
    assert steady['loss_bbox'] > 0 and steady['steady_boxes'] == 2
    assert unsteady['loss_bbox'] == 0 and unsteady['steady_boxes'] == 0
    assert unsteady['loss_cls'] == steady['loss_cls']
    assert unsteady['sure_boxes'] == 2


def test_a_steady_box_of_low_score_is_regressed_but_background_to_the_class(monkeypatch):
    model = answer_with(build(), monkeypatch)
    unsure = unsupervised(model, candidates(p=(0.6, 0.6)))
    nothing = [labels.select(slice(0)) for labels in candidates()]
    without = unsupervised(answer_with(build(), monkeypatch), nothing)
    assert unsure['loss_bbox'] > 0 and without['loss_bbox'] == 0
    assert unsure['loss_cls'] == without['loss_cls']
    assert unsure['loss_rpn_bbox'][0] == without['loss_rpn_bbox'][0]


def test_thresholds_of_rpn_and_class_are_two(monkeypatch):
    model = answer_with(build(rpn_threshold=0.5), monkeypatch)
    losses = unsupervised(model, candidates(p=(0.6, 0.6)))
    assert sum(losses['loss_rpn_bbox']) > 0
    assert losses['sure_boxes'] == 0


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_all_losses_of_boxes_go_by_steadiness(head, monkeypatch):
    losses = unsupervised(answer_with(build(head), monkeypatch), candidates(v=(0.9, 0.9)))
    names = ['loss_bbox'] if head == 'plain' else ['loss_bbox_cls', 'loss_bbox_reg']
    assert [n for n in losses if n.startswith('loss_bbox')] == names
    assert all(losses[name] == 0 for name in names)


# ---------------------------------------------------------------- background


def test_background_counts_as_the_teacher_believes(monkeypatch):
    """Loss = sum of w * cross-entropy over sum of w, w = 1 for foreground and the background score else."""
    model = answer_with(build(unsup_weight=1.0), monkeypatch, background=0.25)
    seen = []
    head = model.student.roi_head.bbox_head
    loss = head.loss
    monkeypatch.setattr(head, 'loss', lambda *args, **kw: seen.append(args) or loss(*args, **kw))
    found = unsupervised(model, candidates())['loss_cls']
    scores, _, _, labels, weights = seen[0][:5]  # the pass of classification
    background = labels == 3
    assert background.any() and (~background).any()
    expected_weights = torch.where(background, 0.25, 1.0)
    assert torch.equal(weights, expected_weights)
    entropy = F.cross_entropy(scores, labels, reduction='none')
    expected = (expected_weights * entropy).sum() / expected_weights.sum()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.equal(seen[1][4], torch.ones_like(seen[1][4]))  # that of regression is plain


def test_background_is_asked_where_it_lies_in_the_weak_view(monkeypatch):
    model = build()
    asked, sampled = [], []
    monkeypatch.setattr(
        model.labeler,
        'rescore',
        lambda boxes: (
            asked.extend(boxes) or [InstanceData(scores=torch.ones(len(b), 4)) for b in boxes]
        ),
    )
    scores = model.background_scores
    monkeypatch.setattr(model, 'background_scores', lambda r, s: sampled.extend(r) or scores(r, s))
    unsupervised(model, candidates())
    for boxes, result in zip(asked, sampled, strict=True):
        left, top, right, bottom = result.neg_priors.unbind(dim=1)  # strong views are mirrored
        mirrored = torch.stack([64 - right, top, 64 - left, bottom], dim=1)
        torch.testing.assert_close(boxes, mirrored)


# ---------------------------------------------------------------- what it is without its differences


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_sure_and_steady_it_is_plain_pseudo_labels(head, monkeypatch):
    """With background sure, too, and every RoI sampled, so that both learn from the same ones."""

    def model():
        every_roi = dict(train_cfg=dict(rcnn=dict(sampler=dict(num=10_000))))
        return answer_with(build(head, detector=every_roi), monkeypatch)

    soft = unsupervised(model(), candidates())
    plain = model()
    inputs, samples = tiny_batch()
    torch.manual_seed(5)
    expected, _ = PseudoLabelDetector.unsupervised_loss(
        plain, inputs['strong'], samples['strong'], candidates()
    )
    assert set(soft) - set(expected) == {'sure_boxes', 'steady_boxes'}
    for name, value in expected.items():
        torch.testing.assert_close(soft[name], value, msg=name)


# ---------------------------------------------------------------- what it leaves alone


def test_a_step_leaves_the_settings_of_the_teacher():
    model = build(**UNTRAINED)
    settings = copy.deepcopy(model.labeler.teacher.roi_head.test_cfg)
    model.loss(*tiny_batch())
    assert model.labeler.teacher.roi_head.test_cfg == settings
    assert model.labeler.features is None  # the weak views' memory is free in the backward pass


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_without_any_candidate_images_are_background(head):
    model = build(head, balancer=dict(threshold=1.0))
    losses = model.loss(*tiny_batch())
    assert losses['pseudo_boxes'] == losses['unsup_sure_boxes'] == 0
    assert losses['unsup_loss_cls'] > 0
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)


# ---------------------------------------------------------------- settings


def test_settings_that_make_no_sense():
    for changes, message in (
        (
            dict(labeler=dict(type='EMATeacher')),
            "labeler.type='RescoringTeacher', got 'EMATeacher'",
        ),
        (dict(empty_images='skip'), "empty_images='background', got 'KeepImages' and 'skip'"),
        (dict(cls_treshold=0.9), 'cls_treshold'),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            build(**changes)
    standard = dict(roi_head=dict(type='StandardRoIHead'))
    with pytest.raises(TypeError, match=r'CertaintyRoIHead, got FasterRCNN with .*StandardRoIHead'):
        build(detector=standard)


def test_a_teacher_without_images_says_so():
    with pytest.raises(RuntimeError, match='before forget'):
        build().labeler.rescore([torch.zeros(1, 4)])


# ---------------------------------------------------------------- views


@pytest.mark.parametrize('name', ['coco_partial', 'coco_full', 'demo'])
def test_views_know_the_way_to_each_other(name, tmp_path):
    """A bright square is found where the homographies of both views say it is."""
    image = np.zeros((160, 160, 3), np.uint8)
    image[60:100, 40:90] = 255
    cv2.imwrite(str(tmp_path / 'square.png'), image)
    pipeline = Config.fromfile(f'configs/soft_teacher/{name}.py').train_dataloader.dataset
    with DefaultScope.overwrite_default_scope('mmdet'):
        pipeline = Compose(as_list(pipeline.unlabeled.pipeline))
    np.random.seed(1)
    for _ in range(3):
        record = dict(img_path=str(tmp_path / 'square.png'), img_id=0, instances=[])
        samples = pipeline(record)['data_samples']
        weak, strong = samples['weak'], samples['strong']
        assert samples['labeled'] is None
        if name == 'demo':
            assert weak.img_shape == strong.img_shape == (160, 160)
        else:
            assert all(400 <= min(view.img_shape) <= 1200 for view in (weak, strong))
        center = torch.tensor([65.0, 80.0, 1.0], dtype=torch.float64)
        to_weak = torch.as_tensor(weak.homography_matrix, dtype=torch.float64)
        to_strong = torch.as_tensor(strong.homography_matrix, dtype=torch.float64)
        there = view_change(weak, strong) @ to_weak @ center
        torch.testing.assert_close(there / there[2], to_strong @ center / (to_strong @ center)[2])


def test_replaced_v_travels_with_its_box():
    labels = candidates(v=(0.75, 1.0))[0]
    moved = labels.project(torch.eye(3), (64, 64)).select(torch.tensor([1, 0]))
    assert moved.loc_certainty.tolist() == [1.0, 0.75]
