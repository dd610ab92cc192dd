"""Two networks: labels are exchanged, and nothing else of the step is another."""

import copy
from dataclasses import replace

import pytest
import torch
from builders.labels import pseudo
from builders.tiny_recipes import build_recipe, by_name, total
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from mmssod.methods.instant_teaching import co_rectify_detector, second_opinion
from mmssod.methods.instant_teaching.co_rectify_detector import with_predictions
from mmssod.methods.instant_teaching.second_opinion import (
    at_class,
    average,
    detect,
    rectify,
    revise,
    without_duplicates,
)
from mmssod.models.checkpoint_parts import merge_checkpoints
from mmssod.structures import PseudoLabels
from mmssod.tiny_detectors import tiny_batch, tiny_detector, tiny_sample, tiny_semi

NMS = dict(type='nms', iou_threshold=0.5)


def build(head='plain', seed=0, **slots):
    config = {**tiny_semi(head, labeler='GivenLabels'), 'type': 'CoRectifyDetector', **slots}
    return build_recipe(ConfigDict(config), seed)


def equal(first, second):
    return len(first) == len(second) and all(
        torch.equal(getattr(first, name), value) for name, value in vars(second).items()
    )


def step(model, seed=7):
    torch.manual_seed(seed)
    return model.loss(*tiny_batch())


# ---------------------------------------------------------------- the parts, by hand


def test_two_opinions_by_hand():
    first = pseudo([[0, 0, 10, 10], [0, 0, 10, 10]], [0.6, 0.9], [1.0, 0.5])
    second = pseudo([[4, 0, 14, 10], [0, 9, 10, 19]], [0.2, 0.9], [1.0, 1.0])
    mean = average(first, second)
    # p*v: .6 and .2 are shares 3/4 and 1/4; .45 and .9 are 1/3 and 2/3.
    torch.testing.assert_close(
        mean.boxes, torch.tensor([[1.0, 0, 11, 10], [0, 6, 10, 16]]), rtol=0, atol=1e-5
    )
    assert mean.cls_certainty.tolist() == pytest.approx([0.4, 0.9])
    assert mean.loc_certainty.tolist() == pytest.approx([1.0, 0.75])


def test_two_opinions_without_any_certainty_meet_in_the_middle():
    mean = average(pseudo([[0, 0, 2, 2]], [0.0]), pseudo([[2, 2, 4, 4]], [0.0]))
    assert mean.boxes.tolist() == [[1, 1, 3, 3]] and mean.cls_certainty.tolist() == [0.0]


@pytest.mark.parametrize('columns', [1, 3])
def test_each_box_is_scored_at_its_own_class(columns):
    labels = pseudo([[0, 0, 1, 1]] * 2, [0.5, 0.5], labels=[2, 0])
    boxes = torch.arange(2 * 4 * columns, dtype=torch.float).view(2, -1)
    scores = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.6, 0.2, 0.1, 0.1]])
    found = at_class(labels, InstanceData(bboxes=boxes, scores=scores))
    assert found.cls_certainty.tolist() == pytest.approx([0.3, 0.6])
    assert found.loc_certainty.tolist() == [1.0, 1.0]
    expected = [[0, 1, 2, 3], [4, 5, 6, 7]] if columns == 1 else [[8, 9, 10, 11], [12, 13, 14, 15]]
    assert found.boxes.tolist() == expected


def test_duplicates_go_by_class_and_certainty():
    boxes = [[0, 0, 10, 10]] * 3 + [[30, 30, 40, 40]]
    labels = pseudo(boxes, [0.5, 0.8, 0.7, 0.1], labels=[0, 0, 1, 0])
    kept = without_duplicates(labels, NMS)
    assert kept.cls_certainty.tolist() == pytest.approx([0.8, 0.7, 0.1])
    assert len(without_duplicates(pseudo(), NMS)) == 0


def test_labels_go_through_samples():
    labels = [pseudo(), pseudo([[0, 0, 5, 5]], [0.8], [0.5], [2])]
    samples = [tiny_sample(0), tiny_sample(1)]
    filled = with_predictions(samples, labels)
    assert not any('pred_instances' in sample or 'gt_instances' in filled for sample in samples)
    model = build()
    found = model.labeler(torch.zeros(2, 3, 64, 64), filled, model.student)
    assert all(equal(a, b) for a, b in zip(found, labels, strict=True))


# ---------------------------------------------------------------- laws


@pytest.mark.parametrize('changed', [0, 1])
def test_labels_are_exchanged(changed, monkeypatch):
    """A network's targets change with the other's last opinion, and not with its own."""
    model = build(seed=3)
    inputs, samples = tiny_batch()
    plain = model.exchange(inputs['weak'], samples['weak'])
    score = second_opinion.score_boxes
    asked = []

    def doubt(detector, *args):
        labels = score(detector, *args)
        asked.append(detector)
        if detector is not model.networks[changed] or len(asked) <= 2:  # the first round
            return labels
        return [replace(value, cls_certainty=value.cls_certainty / 2) for value in labels]

    monkeypatch.setattr(second_opinion, 'score_boxes', doubt)
    other = model.exchange(inputs['weak'], samples['weak'])
    own, across = changed, 1 - changed
    assert all(equal(a, b) for a, b in zip(plain[own], other[own], strict=True))
    assert not any(equal(a, b) for a, b in zip(plain[across], other[across], strict=True))
    assert all(len(labels) for labels in plain[0] + plain[1])


def test_each_network_learns_from_what_was_made_for_it(monkeypatch):
    model = build()
    answers = [
        [pseudo([[2, 2, 30, 30]], [0.9])] * 2,
        [pseudo([[4, 4, 60, 60]] * 2, [0.9, 0.8])] * 2,
    ]
    monkeypatch.setattr(model, 'exchange', lambda inputs, samples: answers)
    seen = {}
    for name, part in (('first', model), ('second', model.second)):

        def mixer(strong, *labeled, name=name):
            seen[name] = [labels.boxes for labels in strong.labels]
            return strong

        part.mixer = mixer_module(mixer)
    losses = step(model)
    assert losses['pseudo_boxes'] == 1 and losses['second_pseudo_boxes'] == 2
    # The strong view is mirrored.
    assert all(boxes.tolist() == [[34, 2, 62, 30]] for boxes in seen['first'])
    assert all(boxes.tolist() == [[4, 4, 60, 60]] * 2 for boxes in seen['second'])


def mixer_module(function):
    module = torch.nn.Module()
    module.forward = function
    return module


def test_two_rounds_by_hand(monkeypatch):
    """Opinions of one network are 0.9, of the other 0.5: what 0.7 becomes for each, of three copies the surest."""
    model = build(balancer=dict(type='ClassBalancer', threshold=0.6))
    box = [[2.0, 2, 30, 30]]
    inputs, samples = tiny_batch(unlabeled=1)
    pools = []

    def score(detector, features, samples, pool):
        pools.append([labels.cls_certainty.tolist() for labels in pool])
        said = 0.9 if detector is model.student else 0.5
        return [replace(labels, cls_certainty=torch.full((len(labels),), said)) for labels in pool]

    found = iter([pseudo(box * 2, [0.7, 0.59]), pseudo()])  # 0.59 is below the threshold
    monkeypatch.setattr(second_opinion, 'score_boxes', score)
    monkeypatch.setattr(co_rectify_detector, 'detect', lambda *args: ((), [next(found)]))
    for_first, for_second = model.exchange(inputs['weak'], samples['weak'])
    # Revised by each: (0.7 + 0.9) / 2 and (0.7 + 0.5) / 2; then all three once more.
    assert pools[:2] == [[pytest.approx([0.7])]] * 2
    assert pools[2:] == [[pytest.approx([0.8, 0.6, 0.7])]] * 2
    assert for_first[0].cls_certainty.tolist() == pytest.approx([(0.8 + 0.5) / 2])
    assert for_second[0].cls_certainty.tolist() == pytest.approx([(0.8 + 0.9) / 2])


def test_the_second_network_has_views_of_its_own():
    def losses(**second):
        inputs, samples = tiny_batch()
        for branch, shift in second.items():
            inputs[f'second_{branch}'] = inputs[branch] + shift
            samples[f'second_{branch}'] = samples[branch]
        torch.manual_seed(7)
        return by_name(build().loss(inputs, samples))

    shared, same, other = losses(), losses(labeled=0, strong=0), losses(strong=0.5)
    assert same.keys() == shared.keys() == other.keys()
    assert all(torch.equal(same[name], value) for name, value in shared.items())
    changed = {name for name, value in shared.items() if not torch.equal(other[name], value)}
    assert changed and all(name.startswith('second_unsup_') for name in changed)


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_two_equal_networks_give_what_one_gives(head):
    model = build(head)
    model.second.student.load_state_dict(model.student.state_dict())
    inputs, samples = tiny_batch()
    weak = inputs['weak'], samples['weak']
    first, second = model.exchange(*weak)
    with torch.no_grad():
        features, alone = detect(model.student, *weak)
        alone = [model.selector(labels, model.balancer.thresholds()) for labels in alone]
        again = revise(model.student, features, samples['weak'], alone)
        both = [PseudoLabels.cat([a, a, b]) for a, b in zip(again, alone, strict=True)]
        alone = rectify(model.student, features, samples['weak'], both)
    for ours, theirs, one in zip(first, second, alone, strict=True):
        assert len(one) > 0
        for found in (ours, theirs):
            assert len(found) == len(one)
            torch.testing.assert_close(found.boxes, one.boxes, rtol=1e-4, atol=1e-3)
            torch.testing.assert_close(found.cls_certainty, one.cls_certainty)
            assert torch.equal(found.labels, one.labels)


@pytest.mark.parametrize('silent', [(0,), (1,), (0, 1)])
def test_empty_answers_of_one_or_both(silent, monkeypatch):
    model = build()
    inputs, samples = tiny_batch()
    plain = detect

    def quiet(detector, *args):
        features, found = plain(detector, *args)
        if detector in [model.networks[index] for index in silent]:
            found = [labels.select(slice(0)) for labels in found]
        return features, found

    monkeypatch.setattr(co_rectify_detector, 'detect', quiet)
    first, second = model.exchange(inputs['weak'], samples['weak'])
    assert (sum(map(len, first + second)) == 0) == (len(silent) == 2)
    losses = step(model)
    total(losses).backward()
    assert torch.isfinite(total(losses))
    # Also a zero loss reaches every parameter, as distributed training needs.
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_one_image_empty_and_one_not(monkeypatch):
    model = build()
    inputs, samples = tiny_batch()
    features, found = detect(model.student, inputs['weak'], samples['weak'])
    pool = [found[0].select(slice(0)), found[1]]
    empty, full = rectify(model.student, features, samples['weak'], pool)
    assert len(empty) == 0 and len(full) > 0


# ---------------------------------------------------------------- the step


def test_each_network_learns_from_its_own_losses():
    model = build()
    losses = step(model)
    assert any(name.startswith('second_unsup_loss') for name in losses)
    ours = [v for k, v in losses.items() if 'loss' in k and not k.startswith('second_')]
    sum(sum(v) if isinstance(v, list) else v for v in ours).backward()
    assert all(p.grad is None for p in model.second.parameters())
    assert any(p.grad is not None and p.grad.any() for p in model.student.parameters())
    assert model.student.training and model.second.student.training


def test_burn_in_is_supervised_training_of_both(monkeypatch):
    model = build()
    model.unsupervised = False
    monkeypatch.setattr(model, 'exchange', None)
    losses = step(model)
    assert all(name.removeprefix('second_').startswith('sup_') for name in losses)


def test_the_networks_start_different_and_the_first_is_tested():
    model = build().eval()
    weights = [net.rpn_head.rpn_cls.weight for net in model.networks]
    assert not torch.equal(*weights)
    inputs = torch.randn(1, 3, 64, 64)
    (found,) = model.predict(inputs, [tiny_sample()])
    (own,) = model.student.predict(inputs, [tiny_sample()])
    assert len(found.pred_instances) > 0
    assert torch.equal(found.pred_instances.bboxes, own.pred_instances.bboxes)


def test_the_second_balancer_starts_as_the_first_and_counts_for_itself():
    model = build()
    step(model)  # nothing to start from yet
    model = build()
    model.balancer.initialize(torch.tensor([30, 20, 10]))
    step(model)
    both = model.balancer, model.second.balancer
    assert all(balancer.initialized for balancer in both)
    assert all((balancer.count > torch.tensor([30, 20, 9])).all() for balancer in both)
    assert not torch.equal(both[0].certainty_sum, both[1].certainty_sum)
    before = both[1].count.clone()
    step(model)
    assert (both[1].count >= before).all() and both[1].count.sum() > before.sum()


def test_a_plain_checkpoint_starts_the_first_alone():
    torch.manual_seed(5)
    plain = MODELS.build(tiny_detector('plain')).state_dict()
    model = build()
    second = copy.deepcopy(model.second.state_dict())
    _, unexpected = model.load_state_dict(copy.deepcopy(plain), strict=False)
    assert not unexpected
    assert all(
        torch.equal(model.student.state_dict()[name], value) for name, value in plain.items()
    )
    assert all(
        torch.equal(model.second.state_dict()[name], value) for name, value in second.items()
    )


def test_its_own_checkpoint_restores_both_and_gives_the_first(tmp_path):
    model, other = build(seed=0), build(seed=1)
    step(model)
    other.load_state_dict(copy.deepcopy(model.state_dict()))  # strict
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'run.pth')
    merged = merge_checkpoints([str(tmp_path / 'run.pth')])['state_dict']
    assert merged.keys() == {f'members.0.{name}' for name in model.student.state_dict()}


def test_another_start_for_the_second(tmp_path):
    torch.manual_seed(5)
    start = MODELS.build(tiny_detector('plain'))
    torch.save(start.state_dict(), tmp_path / 'second.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'second.pth'))
    model = build(second_detector=dict(**tiny_detector('plain'), init_cfg=init))
    weights = [net.rpn_head.rpn_cls.weight for net in (*model.networks, start)]
    assert torch.equal(weights[1], weights[2]) and not torch.equal(weights[0], weights[1])


def test_any_two_stage_detector_can_be_rectified():
    """Cascade R-CNN: stages of box heads, and a RoI head without weights."""
    config = tiny_detector('plain')
    stage = dict(config.roi_head.bbox_head, reg_class_agnostic=True)
    config.roi_head.update(
        type='CascadeRoIHead',
        num_stages=2,
        stage_loss_weights=[1, 0.5],
        bbox_head=[copy.deepcopy(stage), copy.deepcopy(stage)],
    )
    config.train_cfg.rcnn = [copy.deepcopy(config.train_cfg.rcnn) for _ in range(2)]
    losses = step(build(detector=config))
    assert losses['pseudo_boxes'] > 0 and losses['second_pseudo_boxes'] > 0


def one_stage_detector():
    return dict(
        type='RetinaNet',
        data_preprocessor=tiny_detector().data_preprocessor,
        backbone=tiny_detector().backbone,
        neck=tiny_detector().neck,
        bbox_head=dict(type='RetinaHead', num_classes=3, in_channels=16, feat_channels=16),
    )


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="type='GivenLabels'.*got SelfLabeler"):
        build(labeler=dict(type='SelfLabeler'))
    with pytest.raises(TypeError, match='expected a two-stage detector .* got RetinaNet'):
        build(detector=one_stage_detector())
    with pytest.raises(ValueError, match='the same classes, got 3 and 4'):
        build(second_detector=tiny_detector('plain', num_classes=4))
    with pytest.raises(TypeError, match='unsup_wight'):
        build(unsup_wight=1.0)


def test_given_labels_must_be_given():
    model = MODELS.build(tiny_semi(labeler='GivenLabels'))
    with pytest.raises(ValueError, match='CoRectifyDetector.*SelfLabeler'):
        model.loss(*tiny_batch())
