"""Beyond the paper: its labels from a teacher that follows the student, and what that teacher starts as."""

import copy
from types import SimpleNamespace

import torch
from builders.tiny_recipes import FEW_BOXES, build_recipe, tiny_recipe, two_steps
from mmdet.registry import HOOKS
from mmengine.config import Config

from mmssod.tiny_detectors import tiny_batch

CONFIG = 'configs/certainty/beyond/demo_ema.py'
PAPER = 'configs/demo/student.py'
# Without training v is near 1 / K: the thresholds must be low to keep anything.
LOW = dict(balancer=dict(threshold=0.05, bounds=(0.0, 0.9)))


def test_losses_are_those_on_file_and_the_papers_until_the_teacher_moves(golden):
    few = dict(LOW, detector=FEW_BOXES)
    steps = two_steps(build_recipe(tiny_recipe(CONFIG, **few)))
    assert all(step['pseudo_boxes'] > 0 for step in steps)
    golden('certainty_ema', steps)
    assert steps == two_steps(build_recipe(tiny_recipe(PAPER, **few)))


def test_losses_with_the_large_batch_are_those_on_file(golden):
    """A process's share of the 64 images: 4 labeled and 4 unlabeled ones.

    Five boxes per image: among a hundred of an untrained detector rounding decides which anchors are foreground, and
    processors round differently.
    """
    config = 'configs/certainty/beyond/ema_large_batch_coco_partial.py'
    counts = Config.fromfile(config).train_dataloader.sampler.counts
    few = dict(test_cfg=dict(rcnn=dict(max_per_img=5)))
    low = dict(threshold=0.01, bounds=(0.0, 0.9))  # K = 30: v is lower yet
    model = build_recipe(tiny_recipe(config, balancer=low, detector=few))
    steps = two_steps(model, tiny_batch(**counts))
    assert [step['pseudo_boxes'] for step in steps] == [5, 5]
    golden('certainty_ema_large_batch', steps)


def test_the_teacher_starts_where_the_papers_does_and_follows():
    """A plain checkpoint is both; from then on the teacher keeps its share of itself each iteration."""
    model = build_recipe(tiny_recipe(CONFIG, **LOW))
    torch.manual_seed(3)
    start = {
        key: torch.randn_like(v) if v.is_floating_point() else v
        for key, v in model.student.state_dict().items()
    }
    model.load_state_dict(start, strict=False)
    hook = HOOKS.build(Config.fromfile(CONFIG).default_hooks.ema_teacher)
    runner = SimpleNamespace(model=model, iter=0)
    hook.after_load_checkpoint(runner, dict(state_dict=start))
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    assert model.unsupervised  # labels from the first iteration on
    teacher = copy.deepcopy(model.labeler.teacher.state_dict())
    assert all(torch.equal(teacher[key], value) for key, value in start.items())
    with torch.no_grad():
        for parameter in model.student.parameters():
            parameter.add_(1.0)
    hook.after_train_iter(runner, 0)
    for key, parameter in model.labeler.teacher.named_parameters():
        torch.testing.assert_close(parameter, teacher[key] + 0.01, rtol=1e-5, atol=1e-6)


def test_another_teacher_gives_other_labels():
    model = build_recipe(tiny_recipe(CONFIG, **LOW))
    before = model.pseudo_labels(*(part['weak'] for part in tiny_batch()))
    with torch.no_grad():
        model.student.roi_head.bbox_head.fc_cls.bias.add_(torch.tensor([-3.0, 3.0, 0.0, 0.0]))
    model.labeler.update(model.student, 0.5)
    after = model.pseudo_labels(*(part['weak'] for part in tiny_batch()))
    assert {0} == {int(label) for labels in before for label in labels.labels}
    assert 1 in {int(label) for labels in after for label in labels.labels}


def test_the_teacher_is_tested():
    model = build_recipe(tiny_recipe(CONFIG))
    assert model.predictor is model.labeler.teacher
