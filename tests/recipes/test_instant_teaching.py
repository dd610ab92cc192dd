"""Instant-Teaching, with and without co-rectify, and its mixup in the paper's method."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from builders.tiny_recipes import FEW_BOXES, build_recipe, tiny_recipe, two_steps
from mmdet.registry import TRANSFORMS
from mmengine.config import Config

from mmssod.datasets.transforms.steps import as_list
from mmssod.models.pseudo.mixing import mixup
from mmssod.tiny_detectors import tiny_batch

DEMO = 'configs/instant_teaching/demo.py'
CO_RECTIFY = 'configs/instant_teaching/co_rectify_demo.py'
MIXUP = 'configs/certainty/beyond/demo_mixup.py'
CONFIGS = sorted(Path('configs/instant_teaching').glob('*.py'))
# Without training nothing is as certain as 0.9; v is near 1 / K.
SURE = dict(balancer=dict(threshold=0.3))
SOME = dict(balancer=dict(threshold=0.05, bounds=(0.0, 0.9)))


@pytest.mark.parametrize(
    ('name', 'config', 'changes'),
    [
        ('instant_teaching', DEMO, SURE),
        ('co_rectify', CO_RECTIFY, SURE),
        ('certainty_mixup', MIXUP, SOME),
    ],
)
def test_losses_are_those_on_file(name, config, changes, golden):
    steps = two_steps(build_recipe(tiny_recipe(config, detector=FEW_BOXES, **changes)))
    assert all(step['pseudo_boxes'] > 0 for step in steps)
    golden(name, steps)


def test_the_network_labels_for_itself_from_the_first_step_on():
    model = build_recipe(tiny_recipe(DEMO, **SURE))
    inputs, samples = tiny_batch()
    before = model.pseudo_labels(inputs['weak'], samples['weak'])
    model.student.roi_head.bbox_head.fc_cls.bias.data.add_(torch.tensor([0.5, 0.0, 0.0, 0.0]))
    after = model.pseudo_labels(inputs['weak'], samples['weak'])
    assert list(model.labeler.parameters()) == []  # no second network, so no EMA either
    assert before[0].cls_certainty.sum() != after[0].cls_certainty.sum()


def seen_by_the_student(model):
    """Views of one step before and after mixing."""
    seen = []
    model.mixer.register_forward_hook(lambda module, args, out: seen.append((args[0], out)))
    torch.manual_seed(0)
    model.loss(*tiny_batch())
    return seen[0]


def test_a_box_weighs_its_share_whatever_its_score():
    changes = dict(mixer=dict(prob=1.0, mixers=dict(mosaic=dict(prob=0.0))))
    model = build_recipe(tiny_recipe(DEMO, **SURE, **changes))
    strong, mixed = seen_by_the_student(model)
    shares = []
    for plain, labels in zip(strong.labels, mixed.labels, strict=True):
        assert len(plain) > 0 and (plain.weights == 1).all() and (plain.cls_certainty < 1).all()
        share = labels.weights[0].item()
        shares.append(share)
        assert torch.allclose(labels.weights[: len(plain)], torch.tensor(share))
        assert torch.allclose(labels.weights[len(plain) :], torch.tensor(1 - share))
    assert any(0 < share < 1 for share in shares)


@pytest.mark.parametrize('weight', [0.1, 0.5])
def test_weights_are_soft_labels(weight):
    """They count in the loss of classes, by hand, and not in that of boxes."""
    model = build_recipe(tiny_recipe(DEMO, **SURE, mixer=dict(prob=0.0)))
    inputs, samples = tiny_batch()
    labels = model.pseudo_labels(inputs['weak'], samples['weak'])
    head, seen, losses = model.student.roi_head.bbox_head, [], []
    head.loss = lambda *args: seen.append(args) or type(head).loss(head, *args)
    for factor in (1.0, weight):
        torch.manual_seed(0)
        targets = [value.scaled(factor) for value in labels]
        losses.append(model.unsupervised_loss(inputs['strong'], samples['strong'], targets)[0])
    assert losses[0]['loss_bbox'] > 0 and losses[1]['loss_bbox'] == losses[0]['loss_bbox']
    scores, _, _, classes, *_ = seen[1]
    soft = torch.eye(4)[classes]  # the source's targets: lambda at the class and 0 elsewhere
    soft[classes < 3] *= weight
    expected = -(scores.log_softmax(dim=1) * soft).sum() / len(scores)
    torch.testing.assert_close(losses[1]['loss_cls'], expected)


def test_images_without_a_box_are_background():
    model = build_recipe(tiny_recipe(DEMO, balancer=dict(threshold=1.0), mixer=dict(prob=0.0)))
    losses = model.loss(*tiny_batch())
    assert losses['pseudo_boxes'] == 0
    assert losses['unsup_loss_cls'] > 0 and losses['unsup_loss_bbox'] == 0


def test_mixed_weights_of_the_papers_method_are_alpha_times_the_share(monkeypatch):
    changes = dict(mixer=dict(prob=1.0), balancer=dict(**SOME['balancer'], weight_power=0.6))
    model = build_recipe(tiny_recipe(MIXUP, **changes))
    model.balancer.initialize(torch.tensor([100, 10, 1]))
    alpha = model.balancer.weights().float()
    monkeypatch.setattr('mmssod.models.pseudo.mixers.mixup', lambda a, b, share: mixup(a, b, 0.25))
    strong, mixed = seen_by_the_student(model)
    for plain, labels in zip(strong.labels, mixed.labels, strict=True):
        ours, theirs = labels.labels[: len(plain)], labels.labels[len(plain) :]
        assert len(ours) > 0 and len(theirs) > 0
        assert torch.allclose(labels.weights[: len(plain)], 0.25 * alpha[ours])
        assert torch.allclose(labels.weights[len(plain) :], 0.75 * alpha[theirs])


# ---------------------------------------------------------------- what the configs say


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_the_sources_numbers(path):
    cfg = Config.fromfile(path)
    model = cfg.model
    assert (model.balancer.threshold, model.balancer.threshold_power) == (0.9, 0)
    assert (model.unsup_weight, model.unsup_loss_weights) == (1.0, {})
    assert (model.selector.type, model.selector.certainty) == ('ThresholdSelector', 'p')
    assert model.detector.roi_head.type == 'ClassWeightedRoIHead'
    assert model.empty_images == 'background'
    assert model.detector.train_cfg.rcnn.sampler.num == 64
    assert model.detector.test_cfg.rcnn.score_thr == 0.001
    assert (model.mixer.type, model.mixer.prob) == ('RandomMixer', 0.5)
    assert model.mixer.mixers.mixup.alpha == 1.0
    assert tuple(model.mixer.mixers.mosaic.cut_range) == (0.25, 0.75)
    assert cfg.load_from is None
    both = path.stem.startswith('co_rectify')
    assert model.type == ('CoRectifyDetector' if both else 'PseudoLabelDetector')
    assert model.labeler == dict(type='GivenLabels' if both else 'SelfLabeler')
    if 'demo' in path.stem:
        return
    # The mean of two losses at 0.01, 1e-4 and 35 is their sum at half, twice and twice (test_stac.py has the law).
    optimizer, clip = cfg.optim_wrapper.optimizer, cfg.optim_wrapper.clip_grad.max_norm
    assert (optimizer.lr, optimizer.weight_decay, clip) == (0.005, 0.0002, 70)
    assert (cfg.param_scheduler[0].start_factor, cfg.param_scheduler[0].end) == (1 / 3, 200)
    assert tuple(cfg.val_dataloader.dataset.pipeline[1].scale) == (1024, 800)
    assert cfg.auto_scale_lr.base_batch_size == 16
    assert cfg.train_dataloader.sampler.counts == dict(labeled=1, unlabeled=1)
    data = cfg.train_dataloader.dataset
    labeled = data.labeled.pipeline
    views = [*(data.unlabeled.pipeline.views[view] for view in ('weak', 'strong'))]
    if both:
        views += [labeled.branch.labeled, labeled.branch.second_labeled]
        views.append(data.unlabeled.pipeline.views.second_strong)
    else:
        views.append(labeled)
    for view in views:
        assert [tuple(scale) for scale in view.resize.scale] == [(1024, 500), (1024, 800)]


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_the_strong_view(path):
    """Numpy's generator alone decides; each step is switched off by its probability."""
    steps = Config.fromfile(path).train_dataloader.dataset.unlabeled.pipeline.views.strong
    pack = steps.pop('pack')
    assert pack.type == 'PackDetInputs' and steps.pop('resize').type == 'RandomResize'
    probs = {name: step.prob for name, step in steps.items() if name != 'type'}
    others = dict.fromkeys(['tone', 'shift', 'jpeg', 'shuffle', 'blur'], 0.2)
    assert probs == dict(flip=0.5, cutout=0.5, **others)
    image = np.random.RandomState(0).randint(0, 256, (60, 80, 3), np.uint8)

    def view(seed):
        np.random.seed(seed)
        return transform(dict(img=image.copy(), img_shape=(60, 80)))['img']

    transform = TRANSFORMS.build(steps)
    assert all((view(seed) == view(seed)).all() for seed in range(20))
    assert len({view(seed).tobytes() for seed in range(20)}) > 10
    for name in probs:
        steps[name].prob = 0.0
    transform = TRANSFORMS.build(steps)
    assert all((view(seed) == image).all() for seed in range(20))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_each_view_has_a_size_of_its_own(path, tmp_path):
    pixels = np.random.RandomState(0).randint(0, 256, (90, 120, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'image.png'), pixels)
    pipelines = Config.fromfile(path).train_dataloader.dataset
    np.random.seed(0)
    heights = {}
    for source in ('labeled', 'unlabeled'):
        results = dict(
            img_path=str(tmp_path / 'image.png'), img_id=0, instances=[], height=90, width=120
        )
        for step in as_list(pipelines[source].pipeline):
            results = TRANSFORMS.build(step)(results)
        heights |= {n: view.shape[1] for n, view in results['inputs'].items() if view is not None}
    both = path.stem.startswith('co_rectify')
    second = {'second_labeled', 'second_strong'} if both else set()
    assert heights.keys() == {'labeled', 'weak', 'strong'} | second
    assert len(set(heights.values())) == len(heights)
