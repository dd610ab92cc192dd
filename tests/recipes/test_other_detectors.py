"""Other detectors in the recipes that need only ``loss`` and ``predict``; readable errors in the others."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from builders.tiny_recipes import FEW_BOXES, build_recipe, tiny_recipe, two_steps, with_hidden_boxes
from mmdet.registry import MODELS
from mmengine.config import ConfigDict

from mmssod.engine.preflight.parts import built_part_problems
from mmssod.engine.preflight.runtime_checks import class_number_problems
from mmssod.tiny_detectors import CLASSES, tiny_batch, tiny_detector, tiny_semi

CASCADE = 'configs/demo/student_cascade.py'
RETINANET = 'configs/demo/student_retinanet.py'


def cascade(weight_power=0.0, **changes):
    balancer = dict(threshold=0.4, weight_power=weight_power)
    return build_recipe(tiny_recipe(CASCADE, balancer=balancer, **changes))


def sure(model, layer):
    """Let a one-stage student and its teacher be sure of class 0 everywhere (after a sigmoid)."""
    for name, parameter in model.named_parameters():
        if name.endswith(f'{layer}.bias'):
            parameter.data[:: len(CLASSES)] = 1.0
    return model


def retinanet(**changes):
    return sure(build_recipe(tiny_recipe(RETINANET, **changes)), 'retina_cls')


def fcos_config():
    base = tiny_recipe(RETINANET).detector
    base.type = 'FCOS'
    base.bbox_head = ConfigDict(
        type='FCOSHead',
        num_classes=len(CLASSES),
        in_channels=16,
        stacked_convs=1,
        feat_channels=16,
        strides=[8, 16, 32, 64, 128],
        norm_cfg=None,
    )
    base.train_cfg = None
    return base


def fcos():
    config = ConfigDict(tiny_semi(), detector=fcos_config())
    config.balancer.update(threshold=0.3)
    return sure(build_recipe(config), 'conv_cls')


# ---------------------------------------------------------------- two steps


@pytest.mark.parametrize(
    ('name', 'build'),
    [
        ('cascade', partial(cascade, detector=FEW_BOXES)),
        ('retinanet', partial(retinanet, detector=dict(test_cfg=dict(max_per_img=5)))),
        ('fcos', fcos),
    ],
)
def test_losses_are_those_on_file(name, build, golden):
    steps = two_steps(build())
    assert all(step['pseudo_boxes'] > 0 for step in steps)
    assert sum(v for n, v in steps[0].items() if n.startswith('unsup_') and 'loss' in n) > 0
    golden(f'other_{name}', steps)


@pytest.mark.parametrize('labeler', ['EMATeacher', 'SelfLabeler'])
@pytest.mark.parametrize('build', [cascade, retinanet])
def test_with_other_labelers(build, labeler):
    model = build(labeler=dict(_delete_=True, type=labeler))
    assert two_steps(model)[1]['pseudo_boxes'] > 0
    if labeler == 'EMATeacher':
        model.labeler.update(model.student, 0.0)
        for ours, theirs in zip(
            model.labeler.teacher.parameters(), model.student.parameters(), strict=True
        ):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ('recipe', 'detector'), [('stac', CASCADE), ('stac', RETINANET), ('unbiased_teacher', CASCADE)]
)
def test_of_other_recipes(recipe, detector):
    config = tiny_recipe(f'configs/{recipe}/demo.py', balancer=dict(threshold=0.3, bounds=(0, 1)))
    config.detector = tiny_recipe(detector).detector
    config.labeler.pop('checkpoint', None)  # the student's own weights label
    model = sure(build_recipe(config), 'retina_cls')
    batch = tiny_batch()
    losses = model.loss(*batch)
    assert losses['pseudo_boxes'] > 0
    for stage in range(3 if detector == CASCADE else 0):
        assert losses[f'unsup_s{stage}.loss_cls'] > 0
        regressed = losses[f'unsup_s{stage}.loss_bbox'] > 0
        assert regressed == (recipe == 'stac')


@pytest.mark.parametrize('build', [retinanet, fcos])
def test_nothing_leaks(build):
    assert two_steps(build(), with_hidden_boxes(tiny_batch())) == two_steps(build())


# ---------------------------------------------------------------- Cascade R-CNN: weights and certainties


def test_cascade_counts_foreground_for_thresholds_and_weights():
    model = cascade(weight_power=0.6)
    model.balancer.initialize(torch.tensor([100, 10, 1]))
    before = model.balancer.count.clone()
    losses = model.loss(*tiny_batch())
    assert not any('fg_' in name for name in losses)
    assert (model.balancer.count - before).sum() > 0


def test_cascade_weights_reach_every_stage():
    def stages(power):
        model = cascade(weight_power=power)
        model.unsupervised = False
        model.balancer.initialize(torch.tensor([1, 1, 1000]))  # the batch holds rare classes
        torch.manual_seed(1)
        losses = model.loss(*tiny_batch())
        return [losses[f'sup_s{stage}.loss_bbox'] for stage in range(3)]

    for weighted, plain in zip(stages(0.6), stages(0.0), strict=True):
        assert weighted > plain


def test_cascade_with_buckets_knows_v():
    config = tiny_recipe(CASCADE)
    config.detector.roi_head.bbox_head = [
        tiny_detector('bucket').roi_head.bbox_head for _ in range(3)
    ]
    config.balancer.update(threshold=0.05, bounds=(0.0, 0.9))
    model = build_recipe(config)
    inputs, samples = tiny_batch()
    labels = model.pseudo_labels(inputs['weak'], samples['weak'])
    assert any((value.loc_certainty < 1).any() for value in labels)
    assert all(step['pseudo_boxes'] > 0 for step in two_steps(model))


# ---------------------------------------------------------------- recipes that need an RoI head


def problems(model):
    """What the checks before training say of a model."""
    loader = SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=CLASSES)))
    runner = SimpleNamespace(model=model, train_dataloader=loader)
    return [str(p) for p in (*class_number_problems(runner), *built_part_problems(runner))]


@pytest.mark.parametrize('build', [cascade, retinanet, fcos])
def test_checks_before_training_pass(build):
    assert not problems(build())


@pytest.mark.parametrize('knob', ['threshold_power', 'weight_power'])
def test_class_weights_and_thresholds_need_a_head_that_weighs_boxes(knob):
    assert not problems(retinanet(balancer={knob: 0.5}))
    model = fcos()
    setattr(model.balancer, knob, 0.5)
    (problem,) = problems(model)
    assert 'FCOSHead with' in problem
    assert "'CertaintyRoIHead' or 'CertaintyCascadeRoIHead', or a one-stage detector" in problem


def test_one_stage_detectors_count_foreground_and_weigh_boxes():
    def step(power):
        model = retinanet(balancer=dict(weight_power=power))
        model.unsupervised = False
        model.balancer.initialize(torch.tensor([1, 1, 1000]))  # the batch holds rare classes
        before = model.balancer.count.clone()
        losses = model.loss(*tiny_batch())
        assert (model.balancer.count - before).sum() > 0
        return sum(losses['sup_loss_bbox'])

    assert step(0.6) > 2 * step(0.0)


def test_class_weights_with_mmdets_cascade_head_are_refused():
    config = tiny_recipe(CASCADE, balancer=dict(weight_power=0.6))
    config.detector.roi_head.type = 'CascadeRoIHead'
    (problem,) = problems(build_recipe(config))
    assert "CascadeRoIHead with {'threshold_power'" in problem


@pytest.mark.parametrize('recipe', ['soft_teacher', 'csd'])
@pytest.mark.parametrize('detector', ['retinanet', 'fcos', 'cascade'])
def test_recipes_of_two_stages_say_what_they_need(recipe, detector):
    config = tiny_recipe(f'configs/{recipe}/demo.py')
    config.detector = dict(
        retinanet=lambda: tiny_recipe(RETINANET).detector,
        fcos=fcos_config,
        cascade=lambda: tiny_recipe(CASCADE).detector,
    )[detector]()
    needed = dict(soft_teacher='CertaintyRoIHead', csd='StandardRoIHead')[recipe]
    found = 'CertaintyCascadeRoIHead' if detector == 'cascade' else 'no RoI head'
    with pytest.raises(TypeError, match=f'needs a two-stage detector .*{needed}, got .*{found}'):
        MODELS.build(config)
