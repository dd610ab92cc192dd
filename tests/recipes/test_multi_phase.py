"""Multi-Phase: thresholds that match counts, the easy half, agreement of phases, RoI weights, Weighted Boxes Fusion."""

import math
import sys

import pytest
import torch
from builders.tiny_recipes import build_recipe, make_sure, tiny_recipe, two_steps
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmssod.methods.multi_phase.labels import (
    above,
    agreement,
    boxes_per_image,
    easiest,
    matching_thresholds,
    threshold_grid,
)
from mmssod.methods.multi_phase.overlap_weighted_roi_head import marked, overlap_weight
from mmssod.methods.multi_phase.running import Plan
from mmssod.tiny_detectors import tiny_detector, tiny_sample

SETTINGS = ('coco_full', 'voc', 'demo')
GRID = threshold_grid()


def box(score, image=0, category=1, corner=(0, 0), size=(10, 10)):
    return dict(
        image_id=image, category_id=category, bbox=[*map(float, (*corner, *size))], score=score
    )


def scores(boxes):
    return [found['score'] for found in boxes]


def config(name):
    return Config.fromfile(f'configs/multi_phase/{name}.py')


# ------------------------------------------------------------------ thresholds


def test_the_grid():
    assert (GRID[0], GRID[5], GRID[-1], len(GRID)) == (0.1, 0.15, 1.0, 91)


def test_labeled_boxes_an_image():
    annotations = dict(
        images=[{}] * 4,
        categories=[dict(id=1), dict(id=2), dict(id=7)],
        annotations=[
            *[dict(category_id=1, iscrowd=0)] * 2,
            *[dict(category_id=2)] * 4,
            dict(category_id=2, iscrowd=1),
        ],
    )
    assert boxes_per_image(annotations) == {1: 0.5, 2: 1.0, 7: 0.0}


@pytest.mark.parametrize(
    ('wanted', 'threshold', 'left'),
    [
        (0.0, 0.9, 0),  # the lowest that leaves none: a box at it is not above it
        (0.5, 0.8, 1),  # one box in two images
        (1.0, 0.3, 2),
        (1.2, 0.3, 2),
        (1.4, 0.1, 3),
        (9.0, 0.1, 3),  # more than there are: all
    ],
)
def test_thresholds_by_hand(wanted, threshold, left):
    detections = [box(s) for s in (0.9, 0.3, 0.8)]
    found = matching_thresholds(detections, 2, {1: wanted}, GRID)
    assert found == {1: threshold}
    assert len(above(detections, found)) == left


def test_thresholds_are_of_each_class():
    detections = [box(0.9), box(0.5), box(0.6, category=2), box(0.2, category=2)]
    found = matching_thresholds(detections, 2, {1: 0.5, 2: 1.0, 3: 0.5}, GRID)
    assert found == {1: 0.5, 2: 0.1, 3: 0.1}
    assert scores(above(detections, found)) == [0.9, 0.6, 0.2]


def test_of_equal_distances_the_lowest():
    assert matching_thresholds([box(0.9), box(0.5)], 1, {1: 1.5}, GRID) == {1: 0.1}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), max_size=30), st.floats(0, 4), st.integers(1, 10))
def test_no_other_threshold_matches_better(values, wanted, images):
    detections = [box(value) for value in values]
    found = matching_thresholds(detections, images, {1: wanted}, GRID)[1]
    assert found in GRID

    def distance(threshold):
        return abs(len(above(detections, {1: threshold})) / images - wanted)

    assert distance(found) == min(map(distance, GRID))
    assert all(distance(t) > distance(found) for t in GRID if t < found)


# ------------------------------------------------------------------ the easy half


@pytest.mark.parametrize(
    ('means', 'kept'),
    [([], []), ([0.2], [0]), ([0.2, 0.9], [1]), ([0.5, 0.7, 0.6], [1]), ([0.5] * 4, [0, 1])],
)
def test_half_of_the_images(means, kept):
    assert [b['image_id'] for b in easiest([box(m, image=i) for i, m in enumerate(means)])] == kept


def test_the_mean_says_what_is_easy_and_all_boxes_stay():
    detections = [box(0.9, 0), box(0.1, 0), box(0.6, 1)]
    assert easiest(detections) == [detections[2]]
    assert easiest(detections, share=1.0) == detections


# ------------------------------------------------------------------ agreement


def test_agreement_by_hand():
    # IoU of shifts by 3 and 4 px: 7 / 13 and 6 / 14.
    first = [box(0.9), box(0.8, corner=(100, 0)), box(0.7, corner=(200, 0)), box(0.6, image=1)]
    second = [
        box(0.5, corner=(3, 0)),
        box(0.95, corner=(104, 0)),  # overlaps too little
        box(0.85, category=2, corner=(200, 0)),  # another class
    ]
    assert agreement(first, second) == [first[0]]
    assert agreement(second, first) == [first[0]]
    # IoU 6 / 14 is above 0.4: of that pair the second's, of the first one the first's, before any suppression.
    assert agreement(first, second, iou=0.4) == [second[1], first[0]]
    assert agreement(first, second, iou=0.4, nms_iou=1.0) == [second[1], first[0]]


def test_phases_that_agree_give_each_box_once():
    boxes = [box(0.9), box(0.8, image=3), box(0.7, image=3, corner=(50, 50))]
    assert agreement(boxes, boxes) == boxes


@pytest.mark.parametrize('other', [[], [box(0.9, image=1)]])
def test_one_phase_alone_is_no_agreement(other):
    assert agreement([box(0.9)], other) == agreement(other, [box(0.9)]) == []


# ------------------------------------------------------------------ RoI weights


@pytest.mark.parametrize('iou', [0.0, 0.2, 0.5, 0.7, 1.0])
def test_overlap_weight_by_hand(iou):
    expected = 0.25 + 0.75 * math.exp(-50 * math.exp(-15 * iou))
    assert overlap_weight(torch.tensor([iou])).item() == pytest.approx(expected)


def test_overlap_weight_rises_from_a_quarter_to_one():
    weights = overlap_weight(torch.linspace(0, 1, 101))
    assert (weights.diff() >= 0).all()
    assert weights[0] == 0.25 and weights[-1] > 0.9999
    assert weights[20].item() == pytest.approx(0.312, abs=1e-3)
    assert weights[50].item() == pytest.approx(0.979, abs=1e-3)


def sampled(pseudo):
    """Weights of the foreground RoIs of one image: proposals that are its two boxes moved by 6 px, and the boxes."""
    head = MODELS.build(
        tiny_detector('plain')
        | dict(roi_head=tiny_detector('plain').roi_head | dict(type='OverlapWeightedRoIHead'))
    ).roi_head
    sample = tiny_sample()
    if pseudo:
        sample.set_metainfo(dict(pseudo_labeled=True))
    boxes = marked(sample).gt_instances
    shift = torch.tensor([6.0, 0, 6, 0])
    proposals = InstanceData(
        priors=torch.cat([boxes.bboxes + shift, torch.tensor([[0.0, 0, 2, 2]])])
    )
    assigned = head.bbox_assigner.assign(proposals, boxes)
    result = head.bbox_sampler.sample(assigned, proposals, boxes)
    assert 'pseudo' not in sample.gt_instances
    return result


def test_rois_of_pseudo_labeled_images_weigh_by_overlap():
    found = sampled(pseudo=True)
    # The boxes are 26 and 30 px wide.
    moved = {iou: overlap_weight(torch.tensor(iou)).item() for iou in (20 / 32, 24 / 36)}
    expected = sorted([*moved.values(), *[overlap_weight(torch.tensor(1.0)).item()] * 2])
    assert sorted(found.pos_weights.tolist()) == pytest.approx(expected)
    # Background that touches no box: a quarter.
    assert found.neg_weights.tolist() == [0.25]


def test_other_images_weigh_as_they_did():
    found = sampled(pseudo=False)
    assert (found.pos_weights.tolist(), found.neg_weights.tolist()) == ([1.0] * 4, [1.0])


def test_pseudo_labeled_images_without_a_box_weigh_1():
    head = MODELS.build(tiny_recipe('configs/multi_phase/demo_phase_2.py')).roi_head
    boxes = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
    boxes.pseudo = torch.zeros(0, dtype=torch.bool)
    proposals = InstanceData(priors=torch.tensor([[0.0, 0, 2, 2]]))
    assigned = head.bbox_assigner.assign(proposals, boxes)
    assert head.bbox_sampler.sample(assigned, proposals, boxes).neg_weights.tolist() == [1.0]


def batch(pseudo):
    samples = [tiny_sample(0), tiny_sample(1)]
    if pseudo:
        samples[1].set_metainfo(dict(pseudo_labeled=True))
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)), samples


def test_losses_are_those_on_file(golden):
    recipe = tiny_recipe('configs/multi_phase/demo_phase_2.py')
    steps = two_steps(build_recipe(recipe), batch(pseudo=True))
    plain = two_steps(build_recipe(recipe), batch(pseudo=False))
    for name in ('loss_cls', 'loss_bbox'):
        assert 0.5 * plain[0][name] < steps[0][name] < plain[0][name]
    assert steps[0]['loss_rpn_bbox'] == plain[0]['loss_rpn_bbox']
    golden('multi_phase', steps)


# ------------------------------------------------------------------ Weighted Boxes Fusion


def ensemble(weights=(0.7, 1.0, 1.7)):
    pytest.importorskip('ensemble_boxes')
    members = [tiny_detector('plain')] * len(weights)
    return MODELS.build(dict(type='WBFEnsemble', members=members, weights=weights))


def answer(*found):
    return InstanceData(
        bboxes=torch.tensor([corners for corners, _, _ in found], dtype=torch.float).reshape(-1, 4),
        scores=torch.tensor([score for _, score, _ in found], dtype=torch.float),
        labels=torch.tensor([label for _, _, label in found], dtype=torch.long),
    )


def test_weighted_boxes_fusion_by_hand():
    left, right = [0, 0, 100, 100], [10, 0, 110, 100]  # IoU 90 / 110
    fused = ensemble().fuse([answer((left, 0.5, 2)), answer(), answer((right, 0.4, 2))])
    # Weights times scores: 0.35 and 0.68. The score: their mean times two of three members' shares.
    share = 0.68 / (0.35 + 0.68)
    expected = torch.tensor([[10 * share, 0, 100 + 10 * share, 100]])
    torch.testing.assert_close(fused.bboxes, expected, atol=1e-3, rtol=0)
    assert fused.scores.item() == pytest.approx((0.35 + 0.68) / 2 * 2 / 3.4, rel=1e-5)
    assert fused.labels.tolist() == [2]


def test_boxes_below_the_overlap_or_of_other_classes_stay_apart():
    square = [0, 0, 100, 100]
    fused = ensemble().fuse(
        [answer((square, 0.9, 0)), answer(([30, 0, 130, 100], 0.9, 0)), answer((square, 0.9, 1))]
    )
    assert sorted(fused.labels.tolist()) == [0, 0, 1]
    # Found by one of three, the score falls to the member's share; best first.
    shares = [0.9 * weight / 3.4 for weight in (1.7, 1.0, 0.7)]
    assert fused.scores.tolist() == pytest.approx(shares)
    assert fused.labels[0] == 1


@pytest.mark.parametrize(
    'answers', [[answer()] * 3, [answer(), answer(), answer(([1, 2, 3, 4], 0.5, 1))]]
)
def test_few_boxes(answers):
    fused = ensemble().fuse(answers)
    assert len(fused) == sum(map(len, answers))
    assert fused.bboxes.shape == (len(fused), 4) and fused.labels.dtype == torch.long


def test_an_ensemble_predicts():
    model = ensemble((1.0, 2.0)).eval()
    make_sure(model)
    (result,) = model.predict(torch.randn(1, 3, 64, 64), [tiny_sample()])
    assert 0 < len(result.pred_instances) <= 100


@pytest.mark.parametrize('weights', [(1.0,), (1.0, 0.0)])
def test_a_weight_for_each_member(weights):
    members = [tiny_detector('plain')] * 2
    with pytest.raises(ValueError, match='weight above 0 for each of 2 members'):
        MODELS.build(dict(type='WBFEnsemble', members=members, weights=weights))


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ensemble_boxes', None)
    with pytest.raises(ImportError, match=r"pip install 'mmssod\[wbf\]'"):
        MODELS.build(dict(type='WBFEnsemble', members=[tiny_detector('plain')], weights=(1.0,)))


# ------------------------------------------------------------------ configs


@pytest.mark.parametrize('name', SETTINGS)
def test_the_methods_numbers(name):
    whole = config(name)
    plan = Plan(**whole.multi_phase)
    assert (plan.grid, plan.easiest) == ((0.1, 1.0, 0.01), 0.5)
    assert (plan.agreement_iou, plan.nms_iou) == (0.5, 0.3)
    fusion = (0.9, 1.0, 1.4) if name == 'voc' else (0.7, 1.0, 1.7)
    assert (whole.model.weights, whole.model.iou_threshold) == (fusion, 0.6)
    phases = [Config.fromfile(file) for file in plan.phases]
    assert [cfg.model for cfg in phases[:1]] * 3 == whole.model.members
    repeats = [cfg.train_dataloader.sampler.get('repeats') for cfg in phases]
    times = dict(coco_full=(1, 2), voc=(1, 1), demo=(2, 4))[name]
    assert repeats == [None, *(dict(labeled=labeled, pseudo=1) for labeled in times)]
    for number, cfg in enumerate(phases):
        assert cfg.work_dir == f'{whole.work_dir}/phase_{number}'
        resizes, flips, _ = cfg.tta_pipeline[-1].transforms
        shorts = dict(
            coco_full=range(400, 1201, 100), voc=range(400, 801, 100), demo=(128, 160, 192)
        )
        assert [resize.scale[1] for resize in resizes] == list(shorts[name])
        assert [flip.prob for flip in flips] == [1.0, 0.0]
        if number:
            assert cfg.model.roi_head.type == 'OverlapWeightedRoIHead'
            pseudo = cfg.train_dataloader.dataset.pseudo
            assert pseudo.ann_file == f'{whole.work_dir}/labels_{number}.json'
            assert list(pseudo.pipeline)[-1] == 'mark'
    if name != 'demo':
        rates = [0.01] * 3 if name == 'voc' else [0.02, 0.02, 0.025]
        assert [cfg.optim_wrapper.optimizer.lr for cfg in phases] == rates
        assert {cfg.auto_scale_lr.base_batch_size for cfg in phases} == {8 if name == 'voc' else 16}
    if name == 'voc':
        pipelines = [
            cfg.train_dataloader.dataset[source].pipeline
            for cfg in phases
            for source in cfg.train_dataloader.dataset
            if source != 'type'
        ]
        assert {tuple(pipeline.resize.scale) for pipeline in pipelines} == {(1000, 600)}
        assert tuple(whole.test_dataloader.dataset.pipeline[1].scale) == (1000, 600)


@pytest.mark.parametrize(
    ('name', 'batch', 'epochs', 'seen'),
    [
        ('coco_full', 16, (12, 8, 7), (117266, 117266 + 123403 / 2, 2 * 117266 + 123403)),
        ('voc', 8, (12, 12, 12), (5011, 5011 + 11540 / 2, 5011 + 11540)),
    ],
)
def test_epochs_as_iterations(name, batch, epochs, seen):
    for number, (times, images) in enumerate(zip(epochs, seen, strict=True)):
        iterations = config(f'{name}_phase_{number}').train_cfg.max_iters
        assert iterations == pytest.approx(times * images / batch, rel=0.005)


def test_repeats_keep_the_sources_share_of_labeled_images():
    """35k labeled and 80k unlabeled images there, 117k and 123k here."""
    for source, ours, unlabeled in ((2, 1, 0.5), (4, 2, 1.0)):
        shares = [
            times * labeled / (times * labeled + unlabeled * others)
            for times, labeled, others in ((source, 35, 80), (ours, 117, 123))
        ]
        assert shares[1] == pytest.approx(shares[0], abs=0.03)


def test_another_number_of_phases():
    with pytest.raises(ValueError, match='expected 3 configs, got 2'):
        Plan(phases=['a.py', 'b.py'])
