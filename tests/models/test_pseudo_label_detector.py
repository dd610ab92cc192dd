"""The training step: what it may not change, what it must react to."""

import copy

import numpy as np
import pytest
import torch
from builders.labels import pseudo
from builders.tiny_recipes import make_sure, total
from mmdet.registry import MODELS

from mmssod import equations
from mmssod.models.detectors.losses import mean_losses, scale_losses
from mmssod.structures import Views, view_change
from mmssod.tiny_detectors import tiny_batch, tiny_detector, tiny_sample, tiny_semi


def build(head='bucket', **slots):
    torch.manual_seed(0)
    model = MODELS.build(tiny_semi(head, **slots))
    model.init_weights()
    return model.train()


def step(model, batch=None, seed=7):
    torch.manual_seed(seed)
    return model.loss(*(batch or tiny_batch()))


@pytest.mark.parametrize('labeler', ['FrozenTeacher', 'EMATeacher', 'SelfLabeler'])
@pytest.mark.parametrize('head', ['bucket', 'side', 'plain'])
def test_step_learns_in_the_student_alone(labeler, head):
    model = make_sure(build(head, labeler=labeler))
    losses = step(model)
    assert losses['pseudo_boxes'] > 0
    assert {name.split('_')[0] for name in losses if 'loss' in name} == {'sup', 'unsup'}
    total(losses).backward()
    assert all(p.grad is None for p in model.labeler.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.student.parameters())


def test_teacher_stays_in_eval_mode_without_gradients():
    model = build()
    model.train()
    assert model.student.training
    assert not any(module.training for module in model.labeler.modules())
    assert not any(parameter.requires_grad for parameter in model.labeler.parameters())
    state = copy.deepcopy(model.labeler.state_dict())
    step(make_sure(model))
    changed = [n for n, v in model.labeler.state_dict().items() if not torch.equal(v, state[n])]
    assert all('fc_cls.bias' in name for name in changed)


def test_self_labeler_leaves_the_student_in_train_mode():
    model = build(labeler=dict(type='SelfLabeler'))
    step(model)
    assert model.student.training
    assert model.student.backbone.training


def test_unsup_weight_and_loss_weights():
    model = make_sure(build())
    one = step(model)
    model = make_sure(build(unsup_weight=3.0, unsup_loss_weights=dict(loss_rpn_bbox=0.0)))
    three = step(model)
    for name, value in one.items():
        if 'loss' in name:
            factor = 1 if name.startswith('sup_') else 0 if name.endswith('rpn_bbox') else 3
            found, expected = torch.as_tensor(three[name]), factor * torch.as_tensor(value)
            assert torch.allclose(found, expected), name


def test_equation_2():
    model = make_sure(build(unsup_weight=0.5))
    losses = step(model)
    model = make_sure(build(unsup_weight=1.0))
    plain = step(model)
    supervised, unsupervised = total(plain, 'sup_'), total(plain, 'unsup_')
    expected = equations.total_loss(supervised, unsupervised, 0.5)
    assert total(losses).item() == pytest.approx(expected.item(), rel=1e-6)


def test_unknown_loss_name_is_an_error():
    with pytest.raises(ValueError, match=r"\['loss_typo'\].*'loss_cls'"):
        step(make_sure(build(unsup_loss_weights=dict(loss_typo=1.0))))


def test_loss_lists_are_scaled_as_a_whole():
    losses = dict(loss_rpn_cls=[torch.tensor(1.0), torch.tensor(2.0)], acc=torch.tensor(5.0))
    scaled = scale_losses(losses, 2.0, dict(loss_rpn_cls=0.5))
    assert [value.item() for value in scaled['loss_rpn_cls']] == [1.0, 2.0]
    assert scaled['acc'] == 5.0


def test_burn_in_is_supervised_training():
    model = make_sure(build())
    model.unsupervised = False
    assert all(name.startswith('sup_') for name in step(model))


def test_burn_in_needs_no_unlabeled_images():
    """As the sampler leaves them out: the losses are the same, to the bit."""
    model = build()
    model.unsupervised = False
    (inputs, samples), found = tiny_batch(), []
    alone = {'labeled': inputs['labeled']}, {**samples, 'weak': [], 'strong': []}
    for batch in ((inputs, samples), alone):
        torch.manual_seed(3)
        found.append(total(model.loss(*batch)))
    assert torch.equal(*found)


@pytest.mark.parametrize('policy', ['skip', 'background'])
def test_images_without_pseudo_labels(policy):
    # A threshold that nothing passes: every image is empty.
    slots = dict(balancer=dict(type='ClassBalancer', threshold=1.0), empty_images=policy)
    model = build(**slots)
    losses = step(model)
    assert losses['pseudo_boxes'] == 0
    unsup = total(losses, 'unsup_')
    assert (unsup.item() == 0) == (policy == 'skip')
    # also a zero loss reaches every parameter, as distributed training needs
    total(losses).backward()
    assert all(p.grad is not None for p in model.student.parameters() if p.requires_grad)


def test_one_empty_image_of_two_is_left_out():
    model = make_sure(build())
    inputs, samples = tiny_batch(unlabeled=2)
    targets = model.pseudo_labels(inputs['weak'], samples['weak'])
    nothing = targets[1].select(torch.zeros(len(targets[1]), dtype=torch.bool))
    torch.manual_seed(3)
    both, _ = model.unsupervised_loss(inputs['strong'], samples['strong'], [targets[0], nothing])
    torch.manual_seed(3)
    first, _ = model.unsupervised_loss(inputs['strong'][:1], samples['strong'][:1], targets[:1])
    # Half of the images take part: as much as two processes with one image each would find in the mean.
    assert 2 * total(both).item() == pytest.approx(total(first).item(), rel=1e-5)


def test_counts_act_from_the_next_step_on():
    balancer = dict(type='ClassBalancer', threshold=0.3, threshold_power=0.05, weight_power=0.6)
    model = make_sure(build(balancer=balancer))
    model.balancer.initialize(torch.tensor([100, 10, 1]))
    weights, counted = model.balancer.weights(), model.balancer.count.clone()
    step(model)
    assert (model.balancer.count - counted).sum() > 0
    assert not torch.equal(model.balancer.weights(), weights)


def test_class_weights_reach_labeled_losses():
    def supervised(power):
        balancer = dict(type='ClassBalancer', weight_power=power)
        model = build(balancer=balancer)
        model.balancer.initialize(torch.tensor([1, 1, 1000]))
        return step(model)['sup_loss_bbox_cls']

    # Classes 0 and 1, which the batch holds, are rare: their weight is above 1.
    assert supervised(0.6) > supervised(0.0)


def test_view_change_maps_weak_pixels_to_strong_ones():
    matrix = view_change(tiny_sample(0), tiny_sample(0, flip=True))
    point = torch.tensor([10.0, 20.0, 1.0], dtype=torch.float64)
    assert (matrix @ point).tolist() == [54.0, 20.0, 1.0]
    back = view_change(tiny_sample(0, flip=True), tiny_sample(0))
    assert torch.allclose(back @ matrix, torch.eye(3, dtype=torch.float64))


def test_plain_checkpoint_starts_student_and_teacher():
    torch.manual_seed(5)
    plain = MODELS.build(tiny_detector('bucket')).state_dict()
    model = build()
    missing, unexpected = model.load_state_dict(copy.deepcopy(plain), strict=False)
    assert not unexpected
    assert all(name.startswith('balancer') for name in missing)
    for name, value in plain.items():
        assert torch.equal(model.student.state_dict()[name], value)
        assert torch.equal(model.labeler.teacher.state_dict()[name], value)


def test_teacher_with_its_own_checkpoint_keeps_it(tmp_path):
    torch.manual_seed(5)
    own = MODELS.build(tiny_detector('bucket')).state_dict()
    torch.save(dict(state_dict=own), tmp_path / 'teacher.pth')
    model = build(labeler=dict(type='FrozenTeacher', checkpoint=str(tmp_path / 'teacher.pth')))
    torch.manual_seed(6)
    model.load_state_dict(MODELS.build(tiny_detector('bucket')).state_dict(), strict=False)
    name = 'rpn_head.rpn_cls.weight'
    assert torch.equal(model.labeler.teacher.state_dict()[name], own[name])
    assert not torch.equal(model.student.state_dict()[name], own[name])


def test_own_checkpoint_has_everything():
    model = make_sure(build())
    model.balancer.initialize(torch.tensor([5, 3, 1]))
    state = copy.deepcopy(model.state_dict())
    assert not any('statistics' in name for name in state)
    other = build()
    other.load_state_dict(state)  # strict
    assert torch.equal(other.balancer.count, model.balancer.count)
    assert bool(other.balancer.initialized)


@pytest.mark.parametrize('who', ['student', 'teacher'])
def test_prediction_comes_from_the_one_asked_for(who):
    model = build(predict_with=who).eval()
    assert model.predictor is (model.student if who == 'student' else model.labeler.teacher)
    results = model.predict(torch.randn(1, 3, 64, 64), [tiny_sample()])
    assert {'bboxes', 'scores', 'labels', 'cls_certainty', 'loc_certainty'} <= set(
        results[0].pred_instances.keys()
    )


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="'skip' or 'background', got 'drop'"):
        build(empty_images='drop')
    with pytest.raises(ValueError, match="got 'teacher' with SelfLabeler"):
        build(labeler=dict(type='SelfLabeler'), predict_with='teacher')
    with pytest.raises(TypeError, match='unsup_wight'):
        build(unsup_wight=1.0)


def test_homography_is_not_needed_in_float32():
    sample = tiny_sample()
    sample.set_metainfo(dict(homography_matrix=np.eye(3, dtype=np.float32)))
    assert view_change(sample, sample).dtype == torch.float64


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_mixed_precision_does_not_round_boxes(dtype):
    """500 x 400 px are more than float16 can count, and bfloat16 rounds coordinates by pixels."""
    labels = pseudo([[101.3, 50.7, 601.3, 450.7]], [0.9], [0.9])
    with torch.autocast('cpu', dtype):
        moved = labels.project(torch.eye(3, dtype=torch.float64), (800, 800))
    assert moved.boxes.dtype == torch.float32
    torch.testing.assert_close(moved.boxes, labels.boxes)


def test_rois_stay_in_float32_under_mixed_precision():
    model = make_sure(build())
    seen = []
    extractor = model.student.roi_head.bbox_roi_extractor
    extractor.register_forward_pre_hook(lambda _, args: seen.append(args))
    with torch.autocast('cpu', torch.bfloat16):
        losses = step(model)
    assert torch.isfinite(total(losses))
    assert seen and all(level.dtype == torch.float32 for feats, _ in seen for level in feats)
    assert all(rois.dtype == torch.float32 for _, rois in seen)


def test_a_students_checkpoint_is_a_teachers(tmp_path):
    """Second round: the student of a run becomes the teacher of the next."""
    before = build()
    torch.save(dict(state_dict=before.state_dict()), tmp_path / 'run.pth')
    torch.manual_seed(5)
    model = MODELS.build(
        tiny_semi(labeler=dict(type='FrozenTeacher', checkpoint=str(tmp_path / 'run.pth')))
    )
    model.init_weights()
    for name, value in before.student.state_dict().items():
        assert torch.equal(model.labeler.teacher.state_dict()[name], value)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    torch.save(dict(state_dict={'encoder.weight': torch.zeros(1)}), tmp_path / 'other.pth')
    model = MODELS.build(
        tiny_semi(labeler=dict(type='FrozenTeacher', checkpoint=str(tmp_path / 'other.pth')))
    )
    with pytest.raises(ValueError, match=r"no weight of the teacher.*'encoder'"):
        model.init_weights()


# ---------------------------------------------------------------- branches of labeled images, mixing


def test_labeled_branches_are_averaged(monkeypatch):
    """Losses are means over the branches; foreground candidates of all branches count for Eq. 6."""
    model = build()
    model.unsupervised = False

    def losses(inputs, samples):
        sums = torch.full((3,), float(len(samples)), dtype=torch.float64)
        return dict(loss_cls=inputs.sum(), fg_certainty=sums, fg_count=2 * sums)

    monkeypatch.setattr(model.student, 'loss', losses)
    inputs, samples = tiny_batch()
    for value, branch in ((1.0, 'labeled'), (4.0, 'labeled_strong')):
        inputs[branch], samples[branch] = torch.tensor([value]), samples['labeled']
    found = model.loss(inputs, samples)
    assert found == {'sup_loss_cls': 2.5}
    assert model.balancer.certainty_sum.tolist() == [4.0] * 3
    assert model.balancer.count.tolist() == [8.0] * 3


def test_mean_of_losses_by_hand():
    first = dict(loss_cls=torch.tensor(1.0), loss_rpn=[torch.tensor(2.0), torch.tensor(4.0)])
    second = dict(loss_cls=torch.tensor(3.0), loss_rpn=[torch.tensor(0.0), torch.tensor(8.0)])
    mean = mean_losses([first, second])
    assert mean['loss_cls'] == 2.0
    assert mean['loss_rpn'] == [1.0, 6.0]
    assert mean_losses([first]) == first


class Darken(torch.nn.Module):
    """A mixer that can be seen: strong views become black, and have no targets."""

    def forward(self, strong, labeled_inputs, labeled_samples):
        assert labeled_inputs.shape[0] == len(labeled_samples) == 2
        assert all('weights' in sample.gt_instances for sample in labeled_samples)
        none = [labels.select(slice(0)) for labels in strong.labels]
        return Views(strong.inputs * 0, strong.samples, none)


def test_the_student_sees_what_the_mixer_gives():
    model = make_sure(build(empty_images='background'))
    model.mixer = Darken()
    losses = step(model)
    assert losses['pseudo_boxes'] > 0  # what was kept, mixed away or not
    assert losses['unsup_loss_bbox_cls'] == 0
