"""Detectors that answer as one."""

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.structures import InstanceData

from mmssod.models.checkpoint_parts import merge_checkpoints
from mmssod.models.detectors.ensemble_detector import fuse
from mmssod.tiny_detectors import CLASSES, tiny_detector, tiny_sample, tiny_semi


def answer(boxes=(), p=(), v=(), labels=()):
    p, v = torch.tensor(p, dtype=torch.float), torch.tensor(v, dtype=torch.float)
    return InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float).reshape(-1, 4),
        scores=p * v,
        labels=torch.tensor(labels, dtype=torch.long),
        cls_certainty=p,
        loc_certainty=v,
    )


LEFT = answer([[0, 0, 10, 10], [50, 50, 60, 60]], [0.8, 0.5], [1.0, 0.5], [0, 1])
RIGHT = answer([[2, 0, 12, 10]], [0.4], [1.0], [0])


def equal(a, b):
    assert set(a.keys()) == set(b.keys())
    for name in a.keys():
        torch.testing.assert_close(a[name], b[name])


@pytest.mark.parametrize('one', [answer(), RIGHT, LEFT])
def test_members_that_agree_are_one(one):
    equal(fuse([one], 0.5), one)
    equal(fuse([one, one], 0.5), one)


def test_hand_worked():
    fused = fuse([LEFT, RIGHT], 0.5)
    # IoU 8 / 12; scores .8 and .4 are weights 2/3 and 1/3. The other box is one member's alone: half of p, all of v.
    torch.testing.assert_close(
        fused.bboxes, torch.tensor([[2 / 3, 0, 32 / 3, 10], [50, 50, 60, 60]])
    )
    assert fused.scores.tolist() == pytest.approx([0.6, 0.125])
    assert fused.cls_certainty.tolist() == pytest.approx([0.6, 0.25])
    assert fused.loc_certainty.tolist() == pytest.approx([1.0, 0.5])
    assert fused.labels.tolist() == [0, 1]


def test_the_order_of_members_does_not_matter():
    equal(fuse([LEFT, RIGHT, answer()], 0.5), fuse([answer(), RIGHT, LEFT], 0.5))


def test_another_class_is_another_object():
    other = answer([[0, 0, 10, 10]], [0.4], [1.0], [1])
    assert len(fuse([LEFT, other], 0.5)) == 3


def test_heads_without_certainties():
    plain = InstanceData(bboxes=LEFT.bboxes, scores=LEFT.scores, labels=LEFT.labels)
    assert set(fuse([plain, plain], 0.5).keys()) == {'bboxes', 'scores', 'labels'}


def test_a_head_with_certainties_and_one_without():
    plain = InstanceData(bboxes=RIGHT.bboxes, scores=RIGHT.scores, labels=RIGHT.labels)
    equal(fuse([LEFT, plain], 0.5), fuse([LEFT, RIGHT], 0.5))  # p = score, v = 1


def test_boxes_without_area_are_dropped():
    flat = answer([[5, 5, 5, 9], [9, 5, 5, 9]], [0.9, 0.9], [1.0, 1.0], [0, 1])
    assert len(fuse([flat], 0.5)) == 0
    equal(fuse([LEFT, flat], 0.5), fuse([LEFT, answer()], 0.5))


def build_ensemble(members=2):
    return MODELS.build(dict(type='EnsembleDetector', members=[tiny_detector('bucket')] * members))


def test_predicts_as_its_members_from_a_merged_checkpoint(tmp_path):
    files = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        files.append(str(tmp_path / f'{seed}.pth'))
        state = MODELS.build(tiny_detector('bucket')).state_dict()
        torch.save(dict(state_dict=state, meta=dict(dataset_meta=dict(classes=CLASSES))), files[-1])
    merged = merge_checkpoints(files)
    ensemble = build_ensemble().eval()
    ensemble.load_state_dict(merged['state_dict'])  # strict
    assert merged['meta']['dataset_meta']['classes'] == CLASSES
    inputs = torch.randn(1, 3, 64, 64)
    (result,) = ensemble.predict(inputs, [tiny_sample()])
    parts = [m.predict(inputs, [tiny_sample()])[0].pred_instances for m in ensemble.members]
    equal(result.pred_instances, fuse(parts, 0.5)[:100])
    assert len(result.pred_instances) > 0 and 'loc_certainty' in result.pred_instances


def test_the_part_of_a_student_run_that_is_merged(tmp_path):
    model = MODELS.build(tiny_semi('bucket'))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'run.pth')
    for part, detector in (('student', model.student), ('teacher', model.labeler.teacher)):
        merged = merge_checkpoints([str(tmp_path / 'run.pth')], part)['state_dict']
        assert merged.keys() == {f'members.0.{name}' for name in detector.state_dict()}


def test_other_classes_are_refused(tmp_path):
    for name in ('cat', 'dog'):
        meta = dict(dataset_meta=dict(classes=(name,)))
        torch.save(dict(state_dict={}, meta=meta), tmp_path / f'{name}.pth')
    with pytest.raises(ValueError, match="'cat'.*'dog'"):
        merge_checkpoints([str(tmp_path / 'cat.pth'), str(tmp_path / 'dog.pth')])


def test_what_an_ensemble_cannot_do():
    with pytest.raises(ValueError, match='at least one detector'):
        MODELS.build(dict(type='EnsembleDetector', members=[]))
    with pytest.raises(NotImplementedError, match='merge_checkpoints'):
        build_ensemble().loss(torch.zeros(1, 3, 32, 32), [])


def test_two_teachers_label():
    model = MODELS.build(
        tiny_semi(
            'bucket',
            labeler=dict(
                type='FrozenTeacher',
                detector=dict(type='EnsembleDetector', members=[tiny_detector('bucket')] * 2),
            ),
        )
    )
    (labels,) = model.labeler(torch.randn(1, 3, 64, 64), [tiny_sample()], model.student)
    assert len(labels) == len(labels.loc_certainty) > 0


def test_a_part_that_a_run_has_not(tmp_path):
    model = MODELS.build(tiny_semi('bucket', labeler=dict(type='SelfLabeler')))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'run.pth')
    with pytest.raises(ValueError, match='a run without a teacher'):
        merge_checkpoints([str(tmp_path / 'run.pth')], 'teacher')
