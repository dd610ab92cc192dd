"""ISMT: two heads, each of which learns from the other's teacher, and a memory."""

import pytest
import torch
from builders.tiny_recipes import FEW_BOXES, build_recipe, tiny_recipe, two_steps
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmssod.methods.ismt import HeadLabels
from mmssod.methods.ismt.dual_roi_head import lesson
from mmssod.tiny_detectors import tiny_batch, tiny_sample, tiny_semi

CONFIG = 'configs/ismt/demo.py'
# An untrained detector is sure of little.
LOW = dict(balancer=dict(threshold=0.3, bounds=(0.0, 0.9)), merger=dict(score_thr=0.3))


@pytest.fixture
def model():
    return build_recipe(tiny_recipe(CONFIG, **LOW))


def labels_of(heads):
    """A pseudo label of 26 x 24 px by each of the given heads' teachers."""
    boxes = torch.tensor([[4.0, 4, 30, 28]] * len(heads)).reshape(-1, 4)
    ones = torch.ones(len(heads))
    classes = torch.zeros(len(heads), dtype=torch.long)
    return HeadLabels(boxes, classes, ones, ones, ones, torch.tensor(heads, dtype=torch.long))


def test_losses_are_those_on_file(golden):
    model = build_recipe(tiny_recipe(CONFIG, detector=FEW_BOXES, **LOW))
    steps = two_steps(model)
    assert all(step['pseudo_boxes'] > 0 for step in steps)
    golden('ismt', steps)
    assert len(model.merger.rows) > 0


def test_heads_differ_at_the_start(model):
    head = model.student.roi_head
    names = [name for name, _ in head.bbox_head.named_parameters() if name.endswith('weight')]
    assert len(names) == 4
    for name in names:
        assert not torch.equal(
            head.bbox_head.get_parameter(name), head.second.bbox_head.get_parameter(name)
        )


def test_each_head_has_a_drop_block_of_its_own(model):
    head = model.student.roi_head
    features = torch.ones(2, 3, 7, 7)
    assert head.shared_head is not head.second.shared_head
    first, second = head.shared_head(features), head.second.shared_head(features)
    assert (first == 0).any() and not torch.equal(first, second)
    teacher = model.labeler.teacher.roi_head
    assert torch.equal(teacher.shared_head(features), features)
    assert torch.equal(teacher.second.shared_head(features), features)


@pytest.mark.parametrize('teacher', [0, 1])
def test_a_head_learns_from_the_others_teacher_only(model, teacher):
    inputs, samples = tiny_batch(unlabeled=1)
    model.zero_grad()
    losses, _ = model.unsupervised_loss(inputs['strong'], samples['strong'], [labels_of([teacher])])
    model.parse_losses(losses)[0].backward()
    heads = [model.student.roi_head, model.student.roi_head.second]
    moved = [head.bbox_head.fc_cls.weight.grad.abs().sum() > 0 for head in heads]
    assert moved == [teacher == 1, teacher == 0]
    assert model.student.rpn_head.rpn_cls.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('heads', [[], [0], [1], [0, 1], [0, 1, 1]])
def test_lessons_by_hand(heads):
    sample = tiny_sample(boxes=0)
    sample.gt_instances = labels_of(heads).to_ground_truth()
    for head in (0, 1):
        expected = [other for other in heads if other != head]
        found = lesson(head, sample)
        assert (found.gt_instances.heads.tolist() if expected else found) == (expected or None)
    assert sample.gt_instances.heads.tolist() == heads


def test_true_boxes_teach_both():
    sample = tiny_sample(boxes=2)
    assert lesson(0, sample) is sample and lesson(1, sample) is sample


def test_an_image_without_a_lesson_counts_as_one_without_loss(model):
    """Two images, of which one teaches the head: half the loss of that one alone."""
    inputs, samples = tiny_batch(unlabeled=2)
    strong, samples = inputs['strong'], samples['strong']
    found = []
    for targets in ([labels_of([1])], [labels_of([1]), labels_of([0])]):
        torch.manual_seed(0)
        number = len(targets)
        losses, _ = model.unsupervised_loss(strong[:number], samples[:number], targets)
        found.append(losses['loss_cls'])
    # Batch statistics of the backbone differ a little between one image and two.
    assert found[1].item() == pytest.approx(found[0].item() / 2, rel=0.2)


def test_the_teachers_say_which_head_it_was(model):
    inputs, samples = tiny_batch(unlabeled=2)
    labels = model.labeler(inputs['weak'], samples['weak'], model.student)
    teacher = model.labeler.teacher
    features = teacher.extract_feat(inputs['weak'])
    proposals = teacher.rpn_head.predict(features, samples['weak'], rescale=False)
    for number, head in enumerate((teacher.roi_head, teacher.roi_head.second)):
        plain = super(type(head), head) if number == 0 else head
        answers = plain.predict(features, proposals, samples['weak'])
        for found, answer in zip(labels, answers, strict=True):
            assert torch.equal(found.boxes[found.heads == number], answer.bboxes)
            assert torch.equal(found.cls_certainty[found.heads == number], answer.scores)
    assert sum(map(len, labels)) > 0


def test_each_head_has_an_ema_teacher(model):
    model.labeler.update(model.student, 0.0)
    for part in ('bbox_head', 'second.bbox_head'):
        head = model.student.roi_head.get_submodule(part)
        theirs = model.labeler.teacher.roi_head.get_submodule(part)
        assert torch.equal(head.fc_cls.weight, theirs.fc_cls.weight)
        before = head.fc_cls.weight.detach().clone()
        with torch.no_grad():
            head.fc_cls.weight.add_(1.0)
        model.labeler.update(model.student, 0.75)
        torch.testing.assert_close(theirs.fc_cls.weight, before + 0.25)


def test_two_heads_that_agree_answer_as_one(model):
    head = model.labeler.teacher.roi_head
    head.second.load_state_dict(
        {k: v for k, v in head.state_dict().items() if not k.startswith('second.')}
    )
    inputs, samples = tiny_batch()
    results = model.labeler.teacher.predict(inputs['weak'], samples['weak'], rescale=False)
    labels = model.labeler(inputs['weak'], samples['weak'], model.student)
    for result, both in zip(results, labels, strict=True):
        one = both.select(both.heads == 0)
        best = one.cls_certainty.sort(descending=True, stable=True)[1]
        torch.testing.assert_close(result.pred_instances.scores, one.cls_certainty[best])


def test_memory_survives_a_resume():
    model = build_recipe(tiny_recipe(CONFIG, **LOW))
    two_steps(model)
    other = build_recipe(tiny_recipe(CONFIG, **LOW), seed=1)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.merger.rows, model.merger.rows)


def test_fields_of_a_gathered_value():
    empty = InstanceData(
        bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long), scores=torch.zeros(0)
    )
    one = InstanceData(
        bboxes=torch.ones(1, 4), labels=torch.ones(1, dtype=torch.long), scores=torch.ones(1)
    )
    assert HeadLabels.from_heads([empty, empty]).heads.tolist() == []
    assert HeadLabels.from_heads([empty, one]).heads.tolist() == [1]
    both = HeadLabels.from_heads([one, one])
    assert both.heads.tolist() == [0, 1]
    assert both.select(both.heads == 1).to_ground_truth().heads.tolist() == [1]
    assert both.weighted(torch.tensor([1.0, 3.0])).heads.tolist() == [0, 1]


def test_a_detector_with_one_head_is_refused():
    with pytest.raises(TypeError, match="two RoI heads, got CertaintyRoIHead; set .*'DualRoIHead'"):
        MODELS.build(tiny_semi('plain', labeler='DualTeacher'))


@pytest.mark.parametrize('name', ['coco_full', 'voc', 'demo'])
def test_the_final_detector_is_a_plain_one_on_the_memorys_labels(name):
    first, final = (Config.fromfile(f'configs/ismt/{name}{end}.py') for end in ('', '_final'))
    plain = dict(first.model.detector)
    plain['roi_head'] = {
        key: value for key, value in plain['roi_head'].items() if key != 'shared_head'
    } | dict(type='CertaintyRoIHead')
    assert final.model == plain
    assert final.train_dataloader.dataset.pseudo.ann_file == f'{first.work_dir}/labels.json'
    assert 0 < first.default_hooks.ema_teacher.burn_in < first.train_cfg.max_iters
