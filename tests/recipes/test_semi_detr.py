"""Semi-DETR: hybrid matching, mined candidates, queries of one object that agree between both views."""

import copy
import math
from functools import cache
from types import SimpleNamespace

import pytest
import torch
from builders.tiny_recipes import (
    assert_same,
    build_recipe,
    by_name,
    tiny_recipe,
    total,
    two_steps,
    with_hidden_boxes,
)
from mmdet.models.losses import FocalLoss
from mmdet.models.task_modules.assigners import HungarianAssigner
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmssod.engine.preflight.start_checks import weight_findings
from mmssod.methods.semi_detr import HybridAssigner, HybridClassLoss, MatchingStageHook
from mmssod.methods.semi_detr.hybrid_head import match_many
from mmssod.methods.semi_detr.query_dino import hidden_from_others
from mmssod.methods.semi_detr.query_teacher import outstanding
from mmssod.methods.semi_detr.semi_detr_detector import cost_limit, query_difference
from mmssod.structures import PseudoLabels
from mmssod.tiny_detectors import tiny_batch

CONFIG = 'configs/semi_detr/demo.py'
COSTS = [
    dict(type='FocalLossCost', weight=2.0),
    dict(type='BBoxL1Cost', weight=5.0, box_format='xywh'),
    dict(type='IoUCost', iou_mode='giou', weight=2.0),
]
SMALL = dict(
    num_queries=20, test_cfg=dict(max_per_img=20), dn_cfg=dict(group_cfg=dict(num_dn_queries=4))
)


def build(first=True, **changes):
    """The recipe, tiny, in a stage; scores of all classes are about 0.5, so that there are pseudo labels."""
    model = copy.deepcopy(built())
    for name, value in changes.items():
        setattr(model, name, value)
    model.student.bbox_head.assigner.match(one_to_many=first)
    return model


@cache
def built():
    model = build_recipe(tiny_recipe(CONFIG, detector=SMALL))
    for name, parameter in model.named_parameters():
        if 'cls_branches' in name and name.endswith('bias'):
            parameter.data.fill_(0.0)
    model.labeler.update(model.student, 0.0)
    return model


def labels_of(scores, boxes=None):
    scores = torch.tensor(scores)
    boxes = torch.zeros(len(scores), 4) if boxes is None else torch.tensor(boxes).reshape(-1, 4)
    ones = torch.ones_like(scores)
    return PseudoLabels(boxes, torch.zeros_like(scores).long(), scores, ones, ones)


# ---------------------------------------------------------------- two steps


def test_losses_are_those_on_file(golden):
    steps = two_steps(build())
    assert all(step['pseudo_boxes'] > 0 and step['unsup_loss_consistency'] > 0 for step in steps)
    golden('semi_detr', steps)


def test_the_recipe_is_semi_detrs():
    lengths = dict(
        coco_partial=(120000, 1, 2, 4.0), coco_full=(240000, 4, 4, 2.0), voc=(80000, 1, 4, 4.0)
    )
    for name, (iterations, labeled, unlabeled, weight) in lengths.items():
        cfg = Config.fromfile(f'configs/semi_detr/{name}.py')
        model, hooks = cfg.model, cfg.default_hooks
        assert (model.balancer.threshold, model.unsup_weight, model.consistency_weight) == (
            0.4,
            weight,
            10.0,
        )
        assert (model.predict_with, model.empty_images) == ('student', 'background')
        assigner = model.detector.train_cfg.assigner
        assert (assigner.topk, assigner.alpha, assigner.beta) == (13, 1.0, 6.0)
        assert [dict(cost) for cost in assigner.match_costs] == COSTS
        assert (hooks.ema_teacher.ema_decay, hooks.ema_teacher.ramp) == (0.999, True)
        assert hooks.matching_stage.first == 0.5
        assert cfg.train_dataloader.sampler.counts == dict(labeled=labeled, unlabeled=unlabeled)
        assert (cfg.train_cfg.max_iters, cfg.optim_wrapper.optimizer.lr) == (iterations, 0.0001)


# ---------------------------------------------------------------- one to many


def test_many_queries_a_box_by_hand():
    """Two boxes, two queries each: box 0 wants queries 0 and 1, box 1 wants 1 and 3; query 1 fits box 1 better."""
    measure = torch.tensor([[0.8, 0.0], [0.4, 0.3], [0.1, 0.1], [0.0, 0.6], [0.2, 0.0]])
    ious = torch.tensor([[0.9, 0.0], [0.5, 0.6], [0.4, 0.4], [0.0, 0.7], [0.6, 0.0]])
    owners, quality = match_many(measure, ious, topk=2)
    assert owners.tolist() == [1, 2, 0, 2, 0]
    # The best query of a box has the greatest IoU of its queries: .9, and of box 1 .7, whose other has .3 / .6 of it.
    assert quality.tolist() == pytest.approx([0.9, 0.35, 0, 0.7, 0], rel=1e-5)


def test_no_box_one_query_and_no_overlap():
    none = match_many(torch.zeros(3, 0), torch.zeros(3, 0), topk=13)
    assert [part.tolist() for part in none] == [[0, 0, 0], [0, 0, 0]]
    one = match_many(torch.tensor([[0.5]]), torch.tensor([[0.8]]), topk=13)
    assert one[0].tolist() == [1] and one[1].item() == pytest.approx(0.8, rel=1e-5)
    apart = match_many(torch.tensor([[0.0], [0.5]]), torch.tensor([[0.0], [0.8]]), topk=2)
    assert apart[0].tolist() == [0, 1]


def predictions():
    """Two queries on a box of 20 x 10 px: one on its left half (IoU 0.5, score 0.5), one on it (score 0.2)."""
    predicted = InstanceData(
        scores=torch.tensor([[0.0, -9.0], [math.log(0.25), -9.0]]),
        bboxes=torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 20, 10]]),
    )
    truth = InstanceData(bboxes=torch.tensor([[0.0, 0, 20, 10]]), labels=torch.tensor([0]))
    return predicted, truth, dict(img_shape=(40, 40))


def test_the_measure_is_score_times_iou_to_the_sixth():
    assigner = HybridAssigner(COSTS)
    assigner.match(one_to_many=True)
    predicted, truth, meta = predictions()
    result = assigner.assign(predicted, truth, img_meta=meta)
    assert result.gt_inds.tolist() == [1, 1] and result.labels.tolist() == [0, 0]
    # 0.5 * 0.5 ** 6 = 0.0078125 and 0.2 * 1; the greatest IoU is 1.
    assert assigner.quality.tolist() == pytest.approx([0.0078125 / 0.2, 1.0], rel=1e-5)


def test_the_second_stage_is_mmdets_matching():
    assigner, theirs = HybridAssigner(COSTS), HungarianAssigner(COSTS)
    predicted, truth, meta = predictions()
    result = assigner.assign(predicted, truth, img_meta=meta)
    expected = theirs.assign(predicted, truth, img_meta=meta)
    assert torch.equal(result.gt_inds, expected.gt_inds) and assigner.quality is None


def test_the_cost_of_a_match_by_hand():
    """Of the query that lies on the box: -2 for a GIoU of 1, no cost of place, the focal cost of a score of 0.2."""
    costs, boxes = HybridAssigner(COSTS).costs(*predictions())
    positive = 0.25 * (1 - 0.2) ** 2 * -math.log(0.2)
    negative = 0.75 * 0.2**2 * -math.log(1 - 0.2)
    assert boxes.tolist() == [0]
    assert costs.item() == pytest.approx(2 * (positive - negative) - 2, rel=1e-4)


# ---------------------------------------------------------------- losses of the head


def test_focal_loss_of_labels_and_quality_loss_of_labels_and_qualities():
    loss = HybridClassLoss(use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=2.0)
    logits, labels = torch.zeros(2, 2), torch.tensor([1, 2])  # the second is background
    plain = FocalLoss(use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=2.0)
    assert loss(logits, labels, avg_factor=1.0) == plain(logits, labels, avg_factor=1.0)
    found = loss(logits, (labels, torch.tensor([0.25, 0.0])), torch.ones(2), avg_factor=1.0)
    # Cross-entropy is log 2 everywhere; (0.5 - 0.25) ** 2 once, and 0.5 ** 2 at the three others.
    assert found.item() == pytest.approx(2 * math.log(2) * (0.25**2 + 3 * 0.25), rel=1e-5)


def head_losses(weight):
    """Losses of one layer in the first stage: two queries on the only box, of this weight."""
    head = build().student.bbox_head
    predicted, truth, meta = predictions()
    truth.weights = torch.tensor([weight])
    logits = torch.cat([predicted.scores, torch.full((2, 1), -9.0)], dim=1)[None]
    boxes = torch.tensor([[[0.125, 0.125, 0.25, 0.25], [0.25, 0.125, 0.5, 0.25]]])  # cx cy w h
    head.calls = head.layers = 1
    head.sums = []
    return head.loss_by_feat_single(logits, boxes, [truth], [meta])


def test_boxes_count_by_quality():
    """L1: the query on the half is 0.125 off in cx and 0.25 in w; its quality is 0.0390625, and the sum 1.039."""
    _, bbox, iou = head_losses(1.0)
    share = 0.0078125 / 0.2
    assert bbox.item() == pytest.approx(10 * share * 0.375 / (1 + share), rel=1e-4)
    assert iou.item() == pytest.approx(2 * share * 0.5 / (1 + share), rel=1e-4)


def test_a_weight_of_two_doubles_what_a_box_contributes():
    once, twice = head_losses(1.0), head_losses(2.0)
    for single, double in zip(once[1:], twice[1:], strict=True):
        assert double.item() == pytest.approx(2 * single.item(), rel=1e-5)


def test_several_queries_that_answer_for_one_object_are_one_prediction():
    head = build(first=False).student.bbox_head
    logits = torch.full((20, 3), -9.0)
    logits[:3, 0], logits[3, 1] = torch.tensor([2.0, 1.0, 0.0]), 1.0
    boxes = torch.full((20, 4), 0.5)
    meta = dict(img_shape=(64, 64))
    assert len(head._predict_by_feat_single(logits, boxes, meta, rescale=False)) == 20
    head.assigner.match(one_to_many=True)
    found = head._predict_by_feat_single(logits, boxes, meta, rescale=False)
    assert found.labels.tolist() == [0, 1]
    none = head._predict_by_feat_single(torch.full((20, 3), -9.0), boxes, meta, rescale=False)
    assert len(none) == 0


# ---------------------------------------------------------------- pseudo labels


def test_candidates_stand_out_of_their_image():
    """Mean 0.4, deviation 0.2 (of three)."""
    assert outstanding(labels_of([0.6, 0.2, 0.4])).cls_certainty.tolist() == pytest.approx([0.6])
    assert len(outstanding(labels_of([0.59, 0.61, 0.0]))) == 0
    assert len(outstanding(labels_of([0.1]))) == 1 and len(outstanding(labels_of([]))) == 0


def test_the_limit_lies_in_the_midst_of_the_cheap_ones():
    costs = torch.tensor([5.0, 1.0, 1.1, 5.1, 1.2, 4.9])
    assert cost_limit(costs).item() == pytest.approx(1.1)
    assert cost_limit(torch.tensor([3.0])).item() == 3.0
    assert cost_limit(torch.zeros(0)).item() == -math.inf
    assert cost_limit(torch.full((4,), 2.0)).item() == 2.0
    assert cost_limit(torch.tensor([1.0, 9.0])).item() == 1.0


def mined_of(scores, costs, monkeypatch):
    """Candidates of two images that are mined, by their scores."""
    model = build()
    inputs, samples = tiny_batch()
    model.labeler(inputs['weak'], samples['weak'], model.student)
    boxes = [[4.0, 4, 30, 28], [30.0, 20, 60, 50], [10.0, 34, 28, 60], [40.0, 2, 62, 18]]
    model.labeler.candidates = [labels_of(part, boxes[: len(part)]) for part in scores]
    given = iter(costs)
    answer = lambda *_: (torch.tensor(cost := next(given)), torch.arange(len(cost)))  # noqa: E731
    monkeypatch.setattr(model.student.bbox_head.assigner.assigner, 'costs', answer)
    encoded = model.student.encode(inputs['strong'], samples['strong'])
    strong = [copy.copy(sample) for sample in samples['strong']]
    return [labels.cls_certainty.tolist() for labels in model.mined(encoded, strong)]


def test_mined_are_the_cheap_ones_and_the_sure_ones(monkeypatch):
    """Costs of both images are one mixture; 0.5 is sure, and dear."""
    mined = mined_of([[0.1, 0.2, 0.5], [0.3, 0.05]], [[1.0, 5.0, 5.1], [1.1, 1.2]], monkeypatch)
    assert mined == [pytest.approx([0.1, 0.5]), pytest.approx([0.3])]
    assert mined_of([[], []], [[], []], monkeypatch) == [[], []]


# ---------------------------------------------------------------- queries


def test_who_sees_whom():
    """One query that is asked, one of denoising (which matching ones do not see), two of matching."""
    own = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 0, 0]]).bool()
    hidden = hidden_from_others(1, torch.zeros(2, 3, 8), own, matching=2)
    assert hidden.int().tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    alone = hidden_from_others(2, torch.zeros(2, 1, 8), None, matching=1)
    assert alone.int().tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0]]


@pytest.mark.parametrize('training', [True, False])
def test_dinos_own_queries_do_not_see_those_that_are_asked(training):
    student = build().student.train(training)
    student.backbone.eval()
    inputs, samples = tiny_batch()
    with torch.no_grad():
        encoded = student.encode(inputs['labeled'], samples['labeled'])
        answers = []
        for content in (None, torch.randn(2, 3, 256)):
            torch.manual_seed(0)
            boxes = torch.full((2, 3, 4), 0.5)
            answers.append(student.decode(encoded, samples['labeled'], content, boxes)[0])
    for name in ('hidden_states', 'references'):
        for one, other in zip(answers[0][name], answers[1][name], strict=True):
            assert torch.allclose(one, other, atol=1e-5), name


def test_equal_queries_differ_by_nothing():
    queries = torch.randn(3, 5, 8)
    assert query_difference(queries, queries.clone()) == 0
    assert query_difference(queries, 7 * queries).item() == pytest.approx(0, abs=1e-10)
    assert query_difference(queries, -queries).item() == pytest.approx(3 * 4 / 8, rel=1e-5)
    ours, theirs = (torch.randn(1, 2, 8, requires_grad=True) for _ in range(2))
    query_difference(ours, theirs).backward()
    assert ours.grad.abs().sum() > 0 and theirs.grad is None


def test_equal_networks_and_views_agree():
    """Both ask the same queries then, and the loss is zero; in another view, or of another teacher, it is not."""

    def loss(model, weak, strong):
        inputs, samples = tiny_batch()
        model.labeler(inputs[weak], samples[weak], model.student)
        encoded = model.student.encode(inputs[strong], samples[strong])
        mined = [
            labels.select(slice(2 - place)) for place, labels in enumerate(model.labeler.candidates)
        ]
        assert [len(labels) for labels in mined] == [2, 1]
        return model.agreement(encoded, samples[strong], mined)[1].item()

    model = build()
    model.student.backbone.eval()
    assert loss(model, 'weak', 'weak') == pytest.approx(0, abs=1e-8)
    assert loss(model, 'weak', 'strong') > 1e-5
    for parameter in model.labeler.teacher.decoder.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    assert loss(model, 'weak', 'weak') > 1e-5


# ---------------------------------------------------------------- stages


def losses_of(model, batch=None):
    torch.manual_seed(4)
    return model.loss(*(batch or tiny_batch()))


def plain_recipe():
    """The recipe with mmdet's own DINO as student and the core's detector around it; only the teacher is asked."""
    recipe = tiny_recipe(CONFIG, detector=SMALL, type='PseudoLabelDetector')
    for name in ('consistency_weight', 'strides'):
        recipe.pop(name)
    recipe.labeler.detector = copy.deepcopy(recipe.detector)
    recipe.detector.type = 'DINO'
    recipe.detector.bbox_head.type = 'DINOHead'
    recipe.detector.bbox_head.loss_cls.type = 'FocalLoss'
    recipe.detector.train_cfg.assigner = dict(type='HungarianAssigner', match_costs=COSTS)
    return recipe


def test_the_second_stage_is_a_mean_teacher_over_dino():
    model = build(first=False)
    theirs = build_recipe(plain_recipe())
    theirs.student.load_state_dict(model.student.state_dict())
    theirs.labeler.load_state_dict(model.labeler.state_dict())
    ours, expected = losses_of(model), losses_of(theirs)
    assert ours.pop('unsup_loss_consistency') == 0 and ours.pop('unsup_mined_boxes') == 0
    assert ours.keys() == expected.keys() and ours['pseudo_boxes'] > 0
    for name, value in by_name(expected).items():
        assert ours[name].item() == pytest.approx(value.item(), rel=1e-5), name


def test_any_dino_starts_it():
    """Its weights go to student and teacher; what makes queries of features begins anew, which stops nothing."""
    model = build()
    weights = {name: value + 1 for name, value in model.student.state_dict().items()}
    found = weight_findings(model, dict(state_dict=dict(weights)), purpose='start')
    assert not found.problems and 'projector.0.conv.weight' in found.warnings[0]
    for part in (model.student, model.labeler.teacher):
        assert all(torch.equal(value, weights[name]) for name, value in part.state_dict().items())


def test_pseudo_labels_have_no_denoising_in_the_first_stage():
    for first in (True, False):
        losses = losses_of(build(first=first))
        denoising = {n: v.item() for n, v in by_name(losses).items() if 'dn_loss' in n}
        assert len(denoising) == 12
        assert all(
            (value == 0) == (first and n.startswith('unsup')) for n, value in denoising.items()
        )
        assert (losses['unsup_loss_consistency'] > 0) == first


@pytest.mark.parametrize('first', [True, False])
@pytest.mark.parametrize('boxes', [True, False])
def test_every_parameter_has_a_gradient(first, boxes):
    model = build(first=first)
    if not boxes:
        model.labeler.teacher.bbox_head.cls_branches.requires_grad_(False)
        for branch in model.labeler.teacher.bbox_head.cls_branches:
            branch.bias.data.fill_(-20.0)
    losses = losses_of(model)
    assert (losses['pseudo_boxes'] > 0) == boxes
    value, _ = model.parse_losses(losses)
    value.backward()
    assert torch.isfinite(value)
    assert not [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]


def test_the_weight_counts_for_all_of_it():
    once, twice = (losses_of(build(unsup_weight=weight)) for weight in (1.0, 2.0))
    assert total(twice, 'unsup_').item() == pytest.approx(
        2 * total(once, 'unsup_').item(), rel=1e-5
    )
    more = losses_of(build(unsup_weight=1.0, consistency_weight=30.0))
    name = 'unsup_loss_consistency'
    assert more[name].item() == pytest.approx(3 * once[name].item(), rel=1e-5)


def test_nothing_given_is_changed_and_nothing_leaks():
    batch = tiny_batch()
    before = copy.deepcopy(batch)
    model = build()
    losses = losses_of(model, batch)
    assert_same(batch, before)
    assert model.labeler.encoded is None and not model.labeler.candidates
    hidden = losses_of(build(), with_hidden_boxes(tiny_batch()))
    assert {n: v.item() for n, v in by_name(hidden).items()} == {
        n: v.item() for n, v in by_name(losses).items()
    }


def test_the_stage_follows_from_the_iteration():
    model = build()
    hook = MatchingStageHook(first=0.5)
    stages = []
    for iteration in (0, 4, 5, 9):  # a run that is resumed begins anywhere
        hook.before_train_iter(SimpleNamespace(model=model, iter=iteration, max_iters=10), 0)
        stages.append(model.student.bbox_head.one_to_many)
    assert stages == [True, True, False, False]
    with pytest.raises(ValueError, match='expected 0 <= first <= 1, got first=2'):
        MatchingStageHook(first=2)
    plain = SimpleNamespace(student=SimpleNamespace(bbox_head=None))
    with pytest.raises(TypeError, match='HybridDINOHead'):
        hook.before_train(SimpleNamespace(model=plain))


def test_parts_that_do_not_fit():
    for changes, message in (
        (dict(labeler=dict(type='EMATeacher')), "labeler.type='QueryTeacher'; got"),
        (
            dict(detector=dict(type='DINO')),
            "detector.type='QueryDINO', labeler|detector.type='QueryDINO'; got DINO",
        ),
        (
            dict(empty_images='skip', consistency_weight=-1.0),
            "empty_images='background', consistency_weight >= 0",
        ),
    ):
        with pytest.raises((ValueError, AttributeError), match=message):
            build_recipe(
                tiny_recipe(CONFIG, detector={**SMALL, **changes.pop('detector', {})}, **changes)
            )
