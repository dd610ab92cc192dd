"""LabelMatch: as many boxes as labels, a part of them true, the others learned proposal by proposal."""

import copy

import pytest
import torch
import torch.nn.functional as F
from builders.tiny_recipes import FEW_BOXES, build_recipe, tiny_recipe, two_steps
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmssod.methods.labelmatch.labelmatch_detector import sharpened
from mmssod.models import MatchingBalancer, PseudoLabelDetector
from mmssod.structures import PseudoLabels
from mmssod.tiny_detectors import tiny_batch, tiny_detector, tiny_sample

CONFIG = 'configs/labelmatch/demo.py'
EVERY_ROI = dict(train_cfg=dict(rcnn=dict(sampler=dict(num=10_000))))
MATCHED = dict(balancer=dict(first=1, limits=(0.05, 1.0)))


def build(head='plain', **changes):
    config = tiny_recipe(CONFIG, **changes)
    if head == 'bucket':
        config.detector.roi_head.bbox_head = tiny_detector(head).roi_head.bbox_head
    model = build_recipe(config)
    for name, parameter in model.named_parameters():
        if name.endswith('fc_cls.weight'):
            parameter.data.mul_(30)  # certainties of several levels, which thresholds can part
    model.balancer.initialize(torch.tensor([10, 10, 10]), num_images=2)
    return model


def candidates(p=(0.9, 0.5)):
    """Two boxes in each of the two strong views of the tiny batch."""
    boxes, ones = tiny_sample().gt_instances.bboxes, torch.ones(2)
    labels = PseudoLabels(boxes, torch.tensor([0, 1]), torch.tensor(p), ones, ones)
    return [labels, labels]


def taught(model, monkeypatch, scores, box=None, reliable=(True, False)):
    """A teacher that gives each RoI fixed scores, and the given box or the RoI; which boxes are reliable is given."""

    def rescore(boxes):
        return [
            InstanceData(
                scores=value.new_tensor(scores).expand(len(value), 4),
                bboxes=value if box is None else value.new_tensor(box).expand(len(value), 4),
            )
            for value in boxes
        ]

    monkeypatch.setattr(model.labeler, 'rescore', rescore)
    monkeypatch.setattr(model, 'reliable', lambda labels: torch.tensor(reliable)[: len(labels)])
    return model


def unsupervised(model, targets, seed=5):
    """Losses of the tiny batch's strong views."""
    inputs, samples = tiny_batch()
    model.labeler.samples = samples['weak']
    torch.manual_seed(seed)
    return model.unsupervised_loss(inputs['strong'], samples['strong'], targets)[0]


# ---------------------------------------------------------------- two steps


def test_losses_are_those_on_file(golden):
    steps = two_steps(build(detector=FEW_BOXES, **MATCHED))
    for step in steps:
        assert (
            step['pseudo_boxes'] > step['unsup_reliable_boxes'] > 0 and step['unsup_loss_soft'] > 0
        )
    golden('labelmatch', steps)


def test_the_recipe_is_labelmatchs():
    cfg = Config.fromfile('configs/labelmatch/coco_partial.py')
    model, balancer = cfg.model, cfg.model.balancer
    assert (balancer.share, balancer.recent, balancer.limits) == (1.0, 10000, (0.05, 1.0))
    assert (model.reliable_share, model.temperature, model.unsup_weight) == (0.2, 0.5, 2.0)
    assert (model.promoted_score, model.promoted_iou) == (0.8, 0.8)
    assert cfg.default_hooks.ema_teacher.ema_decay == 0.996
    assert cfg.train_dataloader.sampler.counts == dict(labeled=2, unlabeled=2)
    assert cfg.train_cfg.max_iters == 160000
    pipelines = cfg.train_dataloader.dataset.unlabeled.pipeline.views
    assert list(pipelines.weak)[1:3] == ['resize', 'flip'] and 'cutout' in pipelines.strong
    assert 'cutout' not in cfg.train_dataloader.dataset.labeled.pipeline.branch.labeled
    full, voc = (Config.fromfile(f'configs/labelmatch/{n}.py') for n in ('coco_full', 'voc'))
    assert (full.train_cfg.max_iters, full.optim_wrapper.optimizer.lr) == (540000, 0.004)
    assert (voc.train_cfg.max_iters, voc.optim_wrapper.optimizer.lr) == (80000, 0.0025)


# ---------------------------------------------------------------- thresholds


def test_two_thresholds_of_one_balancer():
    """Of ten boxes of a class on one image, with five labels an image: above .5 there are five, above .9 is one."""
    balancer = MatchingBalancer(1, first=1, limits=(0.05, 1.0))
    balancer.initialize(torch.tensor([5]), num_images=1)
    values = torch.arange(1, 11) / 10 - 0.025
    balancer.observe([torch.zeros(10).long()], [values])
    for share, number in ((1.0, 5), (0.2, 1), (2.0, 10)):
        assert (values > balancer.thresholds_at(share)).sum() == number
    assert torch.equal(balancer.thresholds(), balancer.thresholds_at(1.0))


def test_a_box_is_reliable_above_the_higher_threshold():
    model = build(**MATCHED)
    model.balancer.initialize(torch.tensor([5, 5, 5]), num_images=1)
    values = torch.tensor([0.9, 0.8, 0.6, 0.5])
    model.balancer.observe([torch.tensor([0, 0, 1, 1])], [values])
    assert [model.reliable(labels).tolist() for labels in candidates((0.9, 0.5))] == [
        [True, False]
    ] * 2
    assert model.reliable(candidates((0.5, 0.9))[0]).tolist() == [False, True]
    assert model.reliable(candidates()[0].select(slice(0))).tolist() == []


# ---------------------------------------------------------------- who learns what


def test_scores_are_sharpened_as_their_logits():
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    for temperature in (0.5, 1.0, 2.0):
        torch.testing.assert_close(
            sharpened(logits.softmax(-1), temperature), (logits / temperature).softmax(-1)
        )
    assert sharpened(torch.tensor([0.6, 0.3, 0.1]), 0.5).tolist() == pytest.approx(
        [36 / 46, 9 / 46, 1 / 46]
    )


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_with_reliable_boxes_alone_it_is_plain_pseudo_labels(head, monkeypatch):
    def model():
        made = build(head, detector=EVERY_ROI)
        return taught(made, monkeypatch, [0.25] * 4, reliable=(True, True))

    found = unsupervised(model(), candidates())
    plain = model()
    inputs, samples = tiny_batch()
    torch.manual_seed(5)
    known, _ = PseudoLabelDetector.unsupervised_loss(
        plain, inputs['strong'], samples['strong'], candidates()
    )
    assert found.pop('loss_soft') == 0
    assert set(found) - set(known) == {'reliable_boxes', 'promoted_boxes'}
    for name, value in known.items():
        torch.testing.assert_close(found[name], value, msg=name)


def test_rois_on_uncertain_boxes_learn_the_teachers_scores(monkeypatch):
    """Half of each: cross entropy to the sharpened scores, over all RoIs that are asked for; no class, no place."""
    scores = [0.1, 0.4, 0.1, 0.4]
    model = taught(build(unsup_weight=1.0), monkeypatch, scores)
    seen = []
    head, loss = model.student.roi_head.bbox_head, model.student.roi_head.bbox_head.loss
    monkeypatch.setattr(head, 'loss', lambda *args, **kw: seen.append(args) or loss(*args, **kw))
    found = unsupervised(model, candidates())
    logits, _, _, labels, weights, _, box_weights = seen[0]
    uncertain = labels == 1
    assert uncertain.any() and (labels == 0).any()
    assert (weights[uncertain] == 0).all() and (box_weights[uncertain] == 0).all()
    assert (weights[~uncertain] == 1).all() and (box_weights[labels == 0] == 1).all()
    targets = torch.tensor([1.0, 16, 1, 16]) / 34
    entropy = -(targets * F.log_softmax(logits[uncertain], dim=-1)).sum()
    total = 2 * model.student.roi_head.train_cfg.sampler.num
    assert found['loss_soft'].item() == pytest.approx(entropy.item() / total, rel=1e-5)
    assert (found['reliable_boxes'], found['promoted_boxes']) == (1, 0)


def test_weights_of_classes_weigh_the_soft_loss(monkeypatch):
    def soft(weights):
        model = taught(build(), monkeypatch, [0.25] * 4)
        targets = [labels.weighted(torch.tensor(weights)) for labels in candidates()]
        return unsupervised(model, targets)['loss_soft'].item()

    assert soft([1.0, 3.0, 1.0]) == pytest.approx(3 * soft([5.0, 1.0, 1.0]), rel=1e-5)


@pytest.mark.parametrize(
    ('scores', 'moved', 'promoted'),
    [
        ([0.1, 0.85, 0.05, 0.0], 0.0, True),
        ([0.15, 0.75, 0.1, 0.0], 0.0, False),  # of another class, perhaps
        ([0.1, 0.85, 0.05, 0.0], 20.0, False),  # elsewhere
    ],
)
def test_a_box_that_the_teacher_finds_again_is_reliable(scores, moved, promoted, monkeypatch):
    # The second box in the weak view, which is mirrored: 30 20 60 50 of 64 px.
    model = taught(build(), monkeypatch, scores, box=[4.0 + moved, 20.0, 34.0 + moved, 50.0])
    found = unsupervised(model, candidates())
    assert found['promoted_boxes'] == promoted
    assert (found['loss_soft'] == 0) == promoted


def test_the_teacher_is_asked_where_rois_lie_in_the_weak_view(monkeypatch):
    model = taught(build(), monkeypatch, [0.25] * 4)
    asked, given = [], []
    rescore, answers = model.labeler.rescore, model.answers
    monkeypatch.setattr(
        model.labeler, 'rescore', lambda boxes: asked.extend(boxes) or rescore(boxes)
    )
    monkeypatch.setattr(
        model, 'answers', lambda results, *args: given.extend(results) or answers(results, *args)
    )
    unsupervised(model, candidates())
    for boxes, result in zip(asked, given, strict=True):
        left, top, right, bottom = result.pos_priors[result.pos_assigned_gt_inds == 1].unbind(dim=1)
        torch.testing.assert_close(boxes, torch.stack([64 - right, top, 64 - left, bottom], dim=1))


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_none_one_many(head):
    model = build(head, reliable_share=0.2)
    inputs, samples = tiny_batch()
    model.labeler(inputs['weak'], samples['weak'], model.student)
    full, none = candidates()[0], candidates()[0].select(slice(0))
    for targets in ([none, none], [full.select(slice(1, 2)), none], [full, full]):
        model.labeler(inputs['weak'], samples['weak'], model.student)
        losses = unsupervised(model, targets)
        assert all(
            torch.isfinite(torch.as_tensor(v)).all()
            for v in losses.values()
            if not isinstance(v, list)
        )
        assert (losses['loss_soft'] > 0) == any(map(len, targets))  # p of 0.5 is not sure


def test_nothing_given_is_changed_and_the_teacher_does_not_learn():
    model = build(**MATCHED)
    batch = tiny_batch()
    before = copy.deepcopy(batch[1])
    model.parse_losses(model.loss(*batch))[0].backward()
    assert all(p.grad is None for p in model.labeler.parameters())
    assert model.labeler.features is None
    for branch, samples in before.items():
        for now, then in zip(batch[1][branch], samples, strict=True):
            assert set(now.gt_instances.keys()) == set(then.gt_instances.keys())


def test_the_papers_certainty_combines():
    """CA, DT and RE, a line each; DT until thresholds are matched."""
    changes = dict(selector=dict(certainty='p*v'), reliable_share=0.5)
    changes['balancer'] = dict(first=1, threshold_power=0.05, weight_power=0.6)
    model = build('bucket', **changes)
    steps = two_steps(model)
    assert steps[1]['pseudo_boxes'] > 0 and steps[1]['unsup_loss_soft'] > 0
    assert model.balancer.weights().unique().numel() > 1


def test_mixed_precision_stays_finite():
    model = build(**MATCHED)
    with torch.autocast('cpu', torch.bfloat16):
        total, _ = model.parse_losses(model.loss(*tiny_batch()))
    assert torch.isfinite(total)


def test_settings_that_make_no_sense():
    for changes, message in (
        (
            dict(labeler=dict(type='EMATeacher')),
            "labeler.type='RescoringTeacher', got 'EMATeacher'",
        ),
        (dict(balancer=dict(_delete_=True, type='ClassBalancer')), "type='MatchingBalancer'"),
        (dict(empty_images='skip'), "empty_images='background', got 'KeepImages' and 'skip'"),
        (dict(reliable_share=1.5), 'reliable_share <= balancer.share=1.0'),
        (dict(temperature=0.0), 'temperature > 0'),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            build(**changes)
