"""CSD: answers to an image and to its mirror image agree."""

from types import SimpleNamespace

import pytest
import torch
from builders.tiny_recipes import build_recipe, tiny_recipe, two_steps
from mmengine.config import Config

from mmssod.engine.preflight import start_problems
from mmssod.engine.preflight.runtime_checks import class_number_problems
from mmssod.methods.csd import ConsistencyRampHook
from mmssod.models.detectors.losses import split_foreground
from mmssod.tiny_detectors import CLASSES, tiny_batch, tiny_detector, tiny_sample

CONFIG = 'configs/csd/demo.py'
SIZE = 64  # px, of the tiny batch


def build(head='plain', **changes):
    config = tiny_recipe(CONFIG, **changes)
    if head != 'plain':
        config.detector.roi_head.bbox_head = tiny_detector(head).roi_head.bbox_head
    return build_recipe(config)


def csd_batch():
    """Labeled images and one view of unlabeled ones."""
    return tuple({name: part[name] for name in ('labeled', 'weak')} for part in tiny_batch())


def step(model, batch=None, seed=3):
    torch.manual_seed(seed)
    return model.loss(*(batch or csd_batch()))


# ---------------------------------------------------------------- two steps


@pytest.mark.parametrize('head', ['plain', 'bucket', 'side'])
def test_losses_are_those_on_file(head, golden):
    steps = two_steps(build(head), csd_batch())
    assert all(s['consistency_loss_cls'] > 0 and s['consistency_loss_bbox'] > 0 for s in steps)
    assert all(s['consistency_foreground'] > 0 for s in steps)
    golden(f'csd_{head}', steps)


def test_the_recipe_is_csds():
    cfg = Config.fromfile('configs/csd/voc.py')
    assert cfg.train_cfg.max_iters == 120000
    hook = cfg.default_hooks.consistency_ramp
    assert (hook.up * 120000, hook.down * 120000) == pytest.approx((32000, 100000))
    assert 'pseudo_labels' not in cfg.default_hooks and 'class_balance' not in cfg.default_hooks
    views = cfg.train_dataloader.dataset.unlabeled.pipeline.views
    assert set(views) == {'type', 'branch_field', 'weak'}


def test_labeled_losses_are_the_detectors_own():
    model = build()
    losses = step(model)
    inputs, samples = csd_batch()
    torch.manual_seed(3)
    expected, _ = split_foreground(model.student.loss(inputs['labeled'], samples['labeled']))
    assert expected.keys() == {n.removeprefix('sup_') for n in losses if n.startswith('sup_')}
    for name, value in expected.items():
        torch.testing.assert_close(losses['sup_' + name], value, msg=name)


# ---------------------------------------------------------------- mirrored answers


def symmetric_answers(model, monkeypatch, head, skew=0.0):
    """A second stage whose answer depends on a box alone, mirrored for mirrored boxes, up to a skew.

    It sees how far a box's center lies to the right of the image's (x), and its top (y).
    """

    def answer(features, rois):
        x = ((rois[:, 1] + rois[:, 3]) / 2 - SIZE / 2) / SIZE
        y = rois[:, 2] / SIZE
        scores = torch.stack([x.square() + 3 + skew * x, y, -y, y * 0], dim=1)
        if head == 'plain':
            deltas = torch.stack([x + skew, y, x.square() + skew * x, y.square()], dim=1)
            return dict(cls_score=scores, bbox_pred=deltas.repeat(1, len(CLASSES)))
        # Left and right of a box to the right of the center are right and left of its mirror.
        sides = torch.stack([x + skew, y, -x, y], dim=1)[:, None, :, None]
        return dict(cls_score=scores, bbox_pred=sides * torch.arange(1.0, 7))

    monkeypatch.setattr(model.student.roi_head, '_bbox_forward', answer)
    return model


def compared(model):
    """The consistency losses of the unlabeled images of the tiny batch."""
    inputs, samples = csd_batch()
    features = model.student.extract_feat(inputs['weak'])
    proposals = model.proposals(features, samples['weak'])
    assert all(len(proposal) > 1 for proposal in proposals)
    return model.consistency_loss([model.answers(inputs['weak'], features, proposals)])


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_a_network_that_answers_mirrored_has_no_loss(head, monkeypatch):
    model = build(head)
    if head == 'bucket':  # logits and offsets alike
        answer = symmetric_answers(model, monkeypatch, head).student.roi_head._bbox_forward

        def both(features, rois):
            result = answer(features, rois)
            return dict(result, bbox_pred=result['bbox_pred'].repeat(1, 2, 1, 1))

        monkeypatch.setattr(model.student.roi_head, '_bbox_forward', both)
    else:
        symmetric_answers(model, monkeypatch, head)
    losses = compared(model)
    assert losses['consistency_foreground'] == 1
    assert losses['consistency_loss_cls'].item() == pytest.approx(0, abs=1e-6)
    assert losses['consistency_loss_bbox'].item() == pytest.approx(0, abs=1e-6)


def test_a_network_that_does_not_has(monkeypatch):
    losses = compared(symmetric_answers(build(), monkeypatch, 'plain', skew=0.5))
    assert losses['consistency_loss_cls'] > 1e-4
    # dx: (x + 0.5) + (-x + 0.5) = 1 for each box, and dw adds to it.
    assert losses['consistency_loss_bbox'] > 0.25


def test_background_is_masked(monkeypatch):
    model = symmetric_answers(build(), monkeypatch, 'plain', skew=0.5)
    answer = model.student.roi_head._bbox_forward

    def background(features, rois):
        result = answer(features, rois)
        result['cls_score'][:, -1] = 10.0
        return result

    monkeypatch.setattr(model.student.roi_head, '_bbox_forward', background)
    losses = compared(model)
    assert losses['consistency_foreground'] == 0
    assert losses['consistency_loss_cls'] == losses['consistency_loss_bbox'] == 0


def test_one_background_roi_does_not_count():
    model = build()
    torch.manual_seed(0)
    scores, others = torch.rand(2, 3, 4).softmax(dim=-1)
    scores[1] = torch.tensor([0.1, 0.1, 0.1, 0.7])
    scores[[0, 2]] = torch.tensor([0.7, 0.1, 0.1, 0.1])
    boxes, mirrored = torch.rand(2, 3, 12)
    before = model.consistency_loss([(scores, others, boxes, mirrored)])
    others[1], mirrored[1] = torch.tensor([0.0, 0.0, 1.0, 0.0]), 100.0
    assert model.consistency_loss([(scores, others, boxes, mirrored)]) == before
    mirrored[2] = 100.0
    after = model.consistency_loss([(scores, others, boxes, mirrored)])
    assert after['consistency_loss_bbox'] > before['consistency_loss_bbox']


def test_class_specific_boxes_are_compared_at_the_images_best_class():
    model = build()
    scores = torch.tensor([[0.1, 0.6, 0.1, 0.2]])
    boxes = torch.zeros(1, 12)
    mirrored = boxes.clone()
    mirrored[0, :4] = 7.0  # of class 0: not the best
    losses = model.consistency_loss([(scores, scores, boxes, mirrored)])
    assert losses['consistency_loss_bbox'] == 0
    mirrored[0, 4:8] = torch.tensor([0.0, 2.0, 0.0, 0.0])
    losses = model.consistency_loss([(scores, scores, boxes, mirrored)])
    assert losses['consistency_loss_bbox'] == 1.0


def test_all_images_form_one_mean():
    """Of one and three foreground RoIs in two branches, each counts a quarter."""
    model = build()
    scores = torch.tensor([[0.7, 0.1, 0.1, 0.1]])
    zeros, twos = torch.zeros(1, 12), torch.zeros(1, 12)
    twos[0, 1] = 2.0  # dy of class 0: a loss of 4 / 4
    one = (scores, scores, zeros, twos)
    three = tuple(value.repeat(3, 1) for value in (scores, scores, zeros, zeros))
    assert model.consistency_loss([one, three])['consistency_loss_bbox'] == 0.25


def test_the_best_proposals_are_compared():
    model = build(num_rois=5)
    inputs, samples = csd_batch()
    features = model.student.extract_feat(inputs['weak'])
    proposals = model.proposals(features, samples['weak'])
    assert all((p.scores.diff() <= 0).all() for p in proposals)
    assert len(model.answers(inputs['weak'], features, proposals).scores) == 2 * 5


def test_the_mirror_is_made_of_the_image(monkeypatch):
    model = build()
    inputs, samples = csd_batch()
    features = model.student.extract_feat(inputs['weak'])
    proposals = model.proposals(features, samples['weak'])
    seen = []
    extract = model.student.extract_feat
    monkeypatch.setattr(model.student, 'extract_feat', lambda x: seen.append(x) or extract(x))
    model.answers(inputs['weak'], features, proposals)
    assert len(seen) == 1 and torch.equal(seen[0], inputs['weak'].flip(-1))


# ---------------------------------------------------------------- what it leaves alone


def test_unlabeled_images_teach():
    inputs, samples = csd_batch()
    inputs['weak'] = inputs['weak'] * 2
    other = step(build(), (inputs, samples))
    assert other['consistency_loss_cls'] != step(build())['consistency_loss_cls']


def test_every_parameter_learns_something_from_nothing_in_common():
    """Also where no RoI is foreground, each parameter has a gradient, as distributed training needs."""
    model = build()
    with torch.no_grad():
        model.student.roi_head.bbox_head.fc_cls.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 9.0]))
    losses = step(model)
    assert losses['consistency_foreground'] == 0
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(p.grad is not None for p in model.student.parameters() if p.requires_grad)


# ---------------------------------------------------------------- weight


def fake_runner(model, iteration, length=400):
    return SimpleNamespace(model=model, iter=iteration, max_iters=length)


def test_the_weight_scales_both_losses():
    full = step(build(consistency_weight=2.0))
    model = build(consistency_weight=2.0)
    model.ramp = 0.25
    quarter = step(model)
    for name in ('consistency_loss_cls', 'consistency_loss_bbox'):
        torch.testing.assert_close(quarter[name], full[name] / 4)


def test_a_weight_of_zero_is_supervised_training():
    model = build()
    hook = ConsistencyRampHook()
    hook.before_train_iter(fake_runner(model, 0), 0)
    assert all(name.startswith('sup_') for name in step(model))


def test_the_weight_follows_from_the_iteration_alone():
    """A resumed run, whose hook is new, goes on with the same weights."""
    whole, resumed = build(), build()
    hook = ConsistencyRampHook()
    weights = []
    for iteration in range(0, 400, 25):
        hook.before_train_iter(fake_runner(whole, iteration), iteration)
        ConsistencyRampHook().before_train_iter(fake_runner(resumed, iteration), 0)
        assert resumed.ramp == whole.ramp
        weights.append(whole.ramp)
    top = weights.index(1.0)
    assert weights[0] == 0 and weights[:top] == sorted(weights[:top])
    assert weights[-1] < weights[-2] < 1


def test_settings_of_the_hook():
    with pytest.raises(ValueError, match='0 < up <= down < 1, got up=0.5, down=0.4'):
        ConsistencyRampHook(up=0.5, down=0.4)
    with pytest.raises(TypeError, match='needs a ConsistencyDetector, the model is Linear'):
        ConsistencyRampHook().before_train(fake_runner(torch.nn.Linear(1, 1), 0))


# ---------------------------------------------------------------- start, checks, prediction


def test_it_predicts_as_its_student_does():
    model = build().eval()
    inputs = torch.randn(1, 3, SIZE, SIZE)
    found = model.predict(inputs, [tiny_sample()])[0].pred_instances
    expected = model.student.predict(inputs, [tiny_sample()])[0].pred_instances
    assert torch.equal(found.bboxes, expected.bboxes) and len(found) > 0


def test_checks_before_training_pass():
    dataset = SimpleNamespace(metainfo=dict(classes=CLASSES))
    loader = SimpleNamespace(dataset=dataset)
    assert not list(class_number_problems(SimpleNamespace(model=build(), train_dataloader=loader)))
    assert not start_problems(Config.fromfile('configs/csd/coco_partial.py'))


def test_heads_without_a_known_mirror_are_refused():
    sabl = dict(
        type='SABLHead',
        num_classes=3,
        cls_in_channels=16,
        reg_in_channels=16,
        cls_out_channels=32,
        reg_offset_out_channels=16,
        reg_cls_out_channels=16,
        _delete_=True,
    )
    with pytest.raises(TypeError, match='buckets .* of mirror images, got SABLHead'):
        build(detector=dict(roi_head=dict(bbox_head=sabl)))
    with pytest.raises(TypeError, match='num_roi'):
        build(num_roi=3)
