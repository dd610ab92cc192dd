"""MixPL: remembered views under strong ones and side by side, erased patches, labeled images re-sampled."""

import copy
from collections import deque
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from builders.tiny_recipes import FEW_BOXES, build_recipe, tiny_recipe, two_steps
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmssod.methods.mixpl import MixPLDetector, ViewMemoryHook, view_memory_hook
from mmssod.methods.mixpl.collage import collage, erased, mirrored_to_fit, mosaic_of_four
from mmssod.structures import PseudoLabels, View, Views
from mmssod.tiny_detectors import tiny_batch, tiny_detector, tiny_semi

CONFIG = 'configs/mixpl/demo.py'
SURE = dict(balancer=dict(threshold=0.3), memory_size=4)  # without training p is about 0.6
NUMBERS = ('mosaic_weight', 'mosaic_sizes', 'patches', 'patch_size', 'unsup_weight')


def build(memory_size=4, **changes):
    """The demo's model, tiny; with other numbers alone a copy of one that is built once."""
    if not changes.keys() <= {*NUMBERS}:
        return build_recipe(tiny_recipe(CONFIG, **{**SURE, **changes, 'memory_size': memory_size}))
    model = copy.deepcopy(built())
    model.memory = deque(maxlen=memory_size)
    for name, value in changes.items():
        setattr(model, name, value)
    return model


@cache
def built():
    return build_recipe(tiny_recipe(CONFIG, **SURE))


def labels_at(*boxes):
    """Boxes of classes 0, 1, ...; p, v and weight of number n are n + .1, .2 and .3."""
    numbers = torch.arange(len(boxes))
    parts = [numbers + share for share in (0.1, 0.2, 0.3)]
    return PseudoLabels(torch.tensor(boxes, dtype=torch.float).reshape(-1, 4), numbers, *parts)


def view(height, width, value, *boxes):
    sample = DetDataSample(metainfo=dict(img_shape=(height, width), pad_shape=(height, width)))
    return View(torch.full((3, height, width), float(value)), sample, labels_at(*boxes))


def remember(model, number=4, boxes=((4, 4, 30, 28),)):
    """Fill the memory with noise, every view with the same boxes."""
    generator = torch.Generator().manual_seed(3)
    for _ in range(number):
        image = torch.randn(3, 48, 64, generator=generator).half()
        ones = torch.ones(len(boxes))
        places = torch.tensor(boxes, dtype=torch.float).reshape(-1, 4)
        model.memory.append((image, PseudoLabels(places, ones.long(), ones, ones, ones)))
    return model


# ---------------------------------------------------------------- two steps


def test_losses_are_those_on_file(golden):
    steps = two_steps(remember(build(detector=FEW_BOXES)))
    for name in ('pseudo_boxes', 'unsup_loss_cls', 'unsup_mosaic_loss_cls'):
        assert all(step[name] > 0 for step in steps), name
    golden('mixpl', steps)


def test_the_recipe_is_mixpls():
    cfg = Config.fromfile('configs/mixpl/coco_partial.py')
    model = cfg.model
    assert (model.balancer.threshold, model.selector.certainty) == (0.7, 'p')
    assert (model.memory_size, model.unsup_weight, model.mosaic_weight) == (8, 2.0, 0.5)
    assert (model.mosaic_sizes, model.patches, model.max_erased) == ((400, 800), (1, 19), 0.7)
    assert model.patch_size == (0.0, 0.1)
    hook = cfg.default_hooks.ema_teacher
    assert (hook.ema_decay, hook.interval, hook.ramp) == (0.9998, 3, True)
    assert cfg.train_dataloader.sampler.counts == dict(labeled=1, unlabeled=4)
    assert (cfg.train_cfg.max_iters, cfg.optim_wrapper.clip_grad.max_norm) == (180000, 20.0)
    assert not cfg.load_from and not cfg.model.labeler.get('checkpoint')
    fcos, dino = (Config.fromfile(f'configs/mixpl/{n}_coco_partial.py') for n in ('fcos', 'dino'))
    assert (fcos.model.balancer.threshold, fcos.model.selector.certainty) == (0.4, 'p*v')
    assert (dino.model.balancer.threshold, dino.model.selector.certainty) == (0.4, 'p')
    assert (dino.train_cfg.max_iters, dino.optim_wrapper.optimizer.lr) == (90000, 0.0001)
    for each in (cfg, fcos, dino):  # the detector erases, and not the pipeline
        strong = each.train_dataloader.dataset.unlabeled.pipeline.views.strong
        assert list(strong) == ['type', 'resize', 'flip', 'augment', 'pack']


# ---------------------------------------------------------------- one canvas


def test_mixup_by_hand():
    first, other = view(2, 4, 2, (0, 0, 2, 2)), view(4, 2, 6, (0, 1, 2, 3), (1, 1, 2, 2))
    mixed = collage((first, other), [(1, 0), (0, 1)], (4, 4), share=0.5)
    expected = [[0, 3, 3, 0], [1, 4, 4, 1], [1, 4, 4, 1], [0, 3, 3, 0]]
    assert mixed.image[0].tolist() == expected
    assert mixed.labels.boxes.tolist() == [[0, 1, 2, 3], [1, 1, 3, 3], [2, 1, 3, 2]]
    assert mixed.labels.labels.tolist() == [0, 0, 1]
    for name, values in dict(
        cls_certainty=(0.1, 0.1, 1.1), loc_certainty=(0.2, 0.2, 1.2), weights=(0.3, 0.3, 1.3)
    ).items():
        assert getattr(mixed.labels, name).tolist() == pytest.approx(values)
    assert (mixed.sample.img_shape, mixed.sample.pad_shape) == ((4, 4), (32, 32))
    assert first.image.unique().tolist() == [2] and len(first.labels) == 1


def test_where_one_image_is_alone_the_other_counts_as_the_blank():
    mixed = collage((view(1, 2, 14), view(1, 1, 34)), [(0, 0), (0, 0)], (1, 3), 0.5, fill=114.0)
    assert mixed.image[0].tolist() == [[24, 64, 114]]  # (14 + 34) / 2, (14 + 114) / 2


def test_mosaic_by_hand():
    """Sides of 10 to 20 px: quarters are 32 high and 16 wide; each view touches the center."""
    box = (1, 2, 5, 6)
    views = [view(20, 16, 1, box), view(10, 12, 2, box), view(10, 10, 3), view(17, 16, 4, box, box)]
    mosaic = mosaic_of_four(views)
    assert tuple(mosaic.image.shape) == (3, 64, 32) and mosaic.sample.img_shape == (64, 32)
    image = mosaic.image[0]
    parts = {1: (12, 32, 0, 16), 2: (22, 32, 16, 28), 3: (32, 42, 6, 16), 4: (32, 49, 16, 32)}
    expected = torch.zeros(64, 32)
    for value, (top, bottom, left, right) in parts.items():
        expected[top:bottom, left:right] = value
    assert torch.equal(image, expected)
    places = [[1, 14, 5, 18], [17, 24, 21, 28], [17, 34, 21, 38], [17, 34, 21, 38]]
    assert mosaic.labels.boxes.tolist() == places
    assert mosaic.labels.labels.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize('boxes', [(), ((0, 0, 4, 4),)])
def test_a_mosaic_of_equal_images_is_four_of_them(boxes):
    mosaic = mosaic_of_four([view(16, 16, place, *boxes) for place in range(4)])
    assert torch.equal(mosaic.image[0, ::16, ::16], torch.tensor([[0.0, 1], [2, 3]]))
    corners = mosaic.labels.boxes[:, :2].tolist()
    assert corners == ([[0, 0], [16, 0], [0, 16], [16, 16]] if boxes else [])


def test_a_remembered_view_is_mirrored_and_fits():
    image = torch.arange(8.0).reshape(1, 2, 4).repeat(3, 1, 1)
    given = View(image, view(2, 4, 0).sample, labels_at((0, 0, 1, 2), (2, 1, 4, 2)))
    same = mirrored_to_fit(given, (100, 4))
    assert same.image[0].tolist() == [[3, 2, 1, 0], [7, 6, 5, 4]]
    assert same.labels.boxes.tolist() == [[3, 0, 4, 2], [0, 1, 2, 2]]
    twice = mirrored_to_fit(given, (4, 9))
    assert twice.image[0, 0].tolist() == [3, 3, 2, 2, 1, 1, 0, 0]
    assert twice.labels.boxes.tolist() == [[6, 0, 8, 4], [0, 2, 4, 4]]
    assert twice.labels.weights.tolist() == pytest.approx([0.3, 1.3])
    half = mirrored_to_fit(given, (1, 2))
    assert half.image.shape == (3, 1, 2) and half.sample.img_shape == (1, 2)
    assert half.labels.boxes.tolist() == [[1.5, 0, 2, 1], [0, 0.5, 1, 1]]
    assert mirrored_to_fit(view(40, 2, 0), (10, 10)).image.shape == (3, 10, 1)


# ---------------------------------------------------------------- patches


def test_erasing_by_hand():
    given = view(10, 10, 1, (0, 0, 10, 1), (0, 1, 10, 2))
    gone = erased(given, [(0, 0, 7, 1), (0, 1, 6, 2)])
    assert gone.image[0, :2].tolist() == [[0] * 7 + [1] * 3, [0] * 6 + [1] * 4]
    assert gone.labels.labels.tolist() == [1]  # 0.7 of the other is gone, 0.6 of this
    assert given.image.min() == 1 and len(given.labels) == 2
    assert (
        len(erased(given, [(0, 0, 4, 2), (2, 0, 6, 2)]).labels) == 0
    )  # where both lie counts twice
    assert erased(given, [(2, 2, 3, 3)], fill=5.0).image.max() == 5
    assert len(erased(given, []).labels) == 2
    assert len(erased(view(4, 4, 1), [(0, 0, 4, 4)]).labels) == 0


def test_patches_lie_inside_and_are_as_many_and_as_large_as_said():
    model = build(patches=(2, 5), patch_size=(0.25, 0.5))
    torch.manual_seed(0)
    drawn = [model.draw_patches(20, 40) for _ in range(300)]
    assert {len(patches) for patches in drawn} == {2, 3, 4, 5}
    left, top, right, bottom = np.array([patch for patches in drawn for patch in patches]).T
    assert left.min() == top.min() == 0 and right.max() == 40 and bottom.max() == 20
    assert {*(bottom - top)} == {5, 6, 7, 8, 9} and ((right - left) // 2 >= bottom - top).all()
    assert build(patches=(0, 0)).draw_patches(20, 40) == []


# ---------------------------------------------------------------- the memory


def step_on(model, number):
    """Losses on two strong views that are ``number`` everywhere, with as many boxes in the first."""
    inputs, samples = tiny_batch()
    strong = torch.full_like(inputs['strong'], float(number))
    boxes = torch.tensor([[8.0, 8, 40, 40]]).repeat(number, 1)
    ones = torch.ones(number)
    labels = PseudoLabels(boxes, ones.long(), ones, ones, ones)
    return model.unsupervised_loss(strong, samples['strong'], [labels, labels.select(slice(0))])[0]


def test_the_last_views_are_remembered_as_they_came():
    model = build(memory_size=4)
    for number in (1, 2, 3):
        step_on(model, number)
    values = [(image.unique().tolist(), len(labels)) for image, labels in model.memory]
    assert values == [([2], 2), ([2], 0), ([3], 3), ([3], 0)]  # oldest first, nothing erased


def test_nothing_is_mixed_until_the_memory_is_full(monkeypatch):
    model = build(memory_size=4)
    seen = seen_by_the_student(model, monkeypatch)
    names = [set(step_on(model, number)) for number in (1, 2, 3)]
    assert names[0] == names[1] and len(seen) == 4
    assert names[2] - names[0] == {f'mosaic_{name}' for name in names[0]}
    assert [len(labels) for labels in seen[1].labels] == [2, 0]
    assert sorted(len(labels) for labels in seen[2].labels) in ([0, 4], [1, 3])  # 3, 0; 1, 0
    assert [len(labels) for labels in seen[3].labels] == [1 + 2]
    values = [image[:, :16, :16].unique().tolist() for image in seen[2].inputs]
    assert all({*value} <= {0, 1.5, 2, 0.5} for value in values)


def seen_by_the_student(model, monkeypatch):
    """What it is given from now on, one value a pass."""
    seen, loss = [], model.student.loss

    def watched(inputs, samples):
        boxes = [sample.gt_instances for sample in samples]
        seen.append(Views(inputs, samples, boxes))
        return loss(inputs, samples)

    monkeypatch.setattr(model.student, 'loss', watched)
    model.patches = (0, 0)
    return seen


def test_mixup_takes_the_oldest_and_the_mosaic_the_newest(monkeypatch):
    model = build(memory_size=6, mosaic_sizes=(32, 32))
    seen = seen_by_the_student(model, monkeypatch)
    for number in (1, 2, 3, 4):
        step_on(model, number)
    mixed, mosaic = seen[-2:]
    assert sorted(image.max().item() for image in mixed.inputs) == [2.5, 2.5]  # (4 + 1) / 2
    assert mosaic.inputs.shape == (1, 3, 64, 64)
    assert sorted(mosaic.inputs[0, 0, 16::32, 16::32].flatten().tolist()) == [2, 2, 3, 3]


def test_a_larger_batch_than_the_memory_goes_around(monkeypatch):
    model = remember(build(memory_size=4))
    inputs, samples = tiny_batch(unlabeled=6)
    labels = [labels_at((8, 8, 40, 40))] * 6
    seen = seen_by_the_student(model, monkeypatch)
    model.unsupervised_loss(inputs['strong'], samples['strong'], labels)
    assert [len(boxes) for boxes in seen[0].labels] == [2] * 6 and len(model.memory) == 4


def test_images_of_different_sizes_are_mixed(monkeypatch):
    model = remember(build())
    inputs, samples = tiny_batch()
    first = samples['strong'][0]
    first.set_metainfo(dict(img_shape=(40, 64), pad_shape=(64, 64)))
    seen = seen_by_the_student(model, monkeypatch)
    losses, _ = model.unsupervised_loss(
        inputs['strong'], samples['strong'], [labels_at((8, 8, 40, 40))] * 2
    )
    assert torch.isfinite(losses['loss_cls'])
    # Remembered views are 48 x 64: as high as they, or as the strong view, whichever is higher.
    assert [sample.img_shape for sample in seen[0].samples] == [(48, 64), (64, 64)]
    assert seen[0].inputs.shape == (2, 3, 64, 64)
    for boxes, sample in zip(seen[0].labels, seen[0].samples, strict=True):
        height, width = sample.img_shape
        assert (boxes.bboxes >= 0).all()
        assert (boxes.bboxes <= torch.tensor([width, height, width, height])).all()


@pytest.mark.parametrize('old', [(), ((4, 4, 30, 28),)])
def test_without_any_pseudo_box(old):
    """A batch that has none counts 0; the mosaic has those that are remembered."""
    model = remember(build(balancer=dict(threshold=1.0, bounds=(0, 1))), boxes=old)
    losses = model.loss(*tiny_batch())
    assert losses['pseudo_boxes'] == 0
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)
    total.backward()
    mosaic = sum(sum(v) for n, v in losses.items() if 'mosaic_loss_rpn' in n)
    assert (mosaic > 0) == bool(old) and (losses['unsup_loss_cls'] > 0) == bool(old)


# ---------------------------------------------------------------- weights


def unsupervised(**changes):
    model = remember(build(**changes))
    inputs, samples = tiny_batch()
    torch.manual_seed(5)
    labels = [labels_at((8, 8, 40, 40))] * 2
    return model.unsupervised_loss(inputs['strong'], samples['strong'], labels)[0]


def test_the_mosaic_counts_half_and_all_of_it_twice():
    plain = unsupervised(unsup_weight=1.0, mosaic_weight=1.0)
    weighted = unsupervised()
    assert plain['mosaic_loss_cls'] > 0 < plain['loss_bbox']
    for name in ('loss_cls', 'loss_bbox'):
        assert weighted[name].item() == pytest.approx(2 * plain[name].item())
        assert weighted[f'mosaic_{name}'].item() == pytest.approx(plain[f'mosaic_{name}'].item())
    assert weighted['mosaic_acc'] == plain['mosaic_acc']  # no loss


def test_class_weights_come_along_with_one_line_of_config(monkeypatch):
    """The paper's certainty (p*v, DT, RE) on MixPL: weights of boxes in both mixtures, counts from both."""
    certainty = dict(threshold=0.05, bounds=(0.0, 0.9), threshold_power=0.05, weight_power=0.6)
    config = tiny_recipe(CONFIG, memory_size=4, balancer=certainty, selector=dict(certainty='p*v'))
    config.detector.roi_head.bbox_head = tiny_detector('bucket').roi_head.bbox_head
    model = build_recipe(config)
    model.balancer.initialize(torch.tensor([100, 10, 1]))
    alpha = model.balancer.weights()
    for _ in range(2):
        model.loss(*tiny_batch())
    for _, labels in model.memory:
        assert len(labels) > 0 and (labels.loc_certainty < 1).all()
    remembered = torch.cat([labels.weights for _, labels in model.memory])
    assert len(remembered.unique()) > 1 and alpha.min() < remembered.mean() < alpha.max()
    seen = seen_by_the_student(model, monkeypatch)
    before = model.balancer.count.sum()
    model.loss(*tiny_batch())
    _, mixed, mosaic = seen
    assert {*mosaic.labels[0].weights.tolist()} == {*remembered.tolist()}
    assert all(len(boxes.weights.unique()) > 1 for boxes in mixed.labels)
    counted = model.balancer.count.sum() - before
    monkeypatch.setattr(model, 'mosaic', lambda sample: mosaic_of_four([view(32, 32, 0)] * 4))
    before = model.balancer.count.sum()
    model.loss(*tiny_batch())
    assert counted > model.balancer.count.sum() - before > 0


# ---------------------------------------------------------------- what it leaves alone


def test_nothing_given_is_changed_and_nothing_leaks():
    model = remember(build())
    batch = tiny_batch()
    before = copy.deepcopy(batch)
    held = list(model.memory)
    memory = copy.deepcopy(held)
    model.loss(*batch)
    for name, images in before[0].items():
        assert torch.equal(images, batch[0][name])
    for name, samples in before[1].items():
        for now, then in zip(batch[1][name], samples, strict=True):
            assert now.metainfo.keys() == then.metainfo.keys()
            assert now.gt_instances.keys() == then.gt_instances.keys()
    for (image, labels), (other, theirs) in zip(held, memory, strict=True):
        assert torch.equal(image, other) and torch.equal(labels.boxes, theirs.boxes)
    clean = two_steps(remember(build()))
    inputs, samples = tiny_batch()
    for sample in samples['weak'] + samples['strong']:
        sample.gt_instances = InstanceData(
            bboxes=torch.full((3, 4), float('nan')), labels=torch.tensor([0, 1, 2])
        )
    assert two_steps(remember(build()), (inputs, samples)) == clean


def test_settings_that_make_no_sense():
    for changes, message in (
        (dict(memory_size=3), 'memory_size >= 4; got memory_size=3'),
        (dict(mosaic_sizes=(80, 40)), r'mosaic_sizes\[0\] <= mosaic_sizes\[1\]; got'),
        (dict(patch_size=(0.0, 1.0)), 'patch_size'),
        (dict(patches=(3, 2), max_erased=0.0), r'patches\[1\], max_erased > 0; got'),
        (dict(mosaic_weight=-1.0), 'mosaic_weight >= 0'),
        (dict(joint_features=True), 'joint_features=False'),
        (dict(unsup_weight=-1.0), 'weights of losses must be >= 0'),
    ):
        with pytest.raises(ValueError, match=message):
            MixPLDetector.require_values(**changes)
    with pytest.raises(ValueError, match='memory_size >= 4; got memory_size=2'):
        MODELS.build({**tiny_semi(), 'type': 'MixPLDetector', 'memory_size': 2})
    MixPLDetector.require_values(mosaic_weight=0.0, patches=(0, 0), unsup_weight=0.0)


def test_a_run_without_the_hook_is_told():
    (problem,) = build().runtime_problems(SimpleNamespace(hooks=[]))
    assert 'ViewMemoryHook' in problem.expected
    assert not build().runtime_problems(SimpleNamespace(hooks=[ViewMemoryHook()]))


# ---------------------------------------------------------------- checkpoints


def runner_of(model, resume=True):
    return SimpleNamespace(model=model, _resume=resume, hooks=[])


def processes(monkeypatch, size, rank=0, others=()):
    monkeypatch.setattr(view_memory_hook, 'get_world_size', lambda: size)
    monkeypatch.setattr(view_memory_hook, 'get_rank', lambda: rank)
    monkeypatch.setattr(view_memory_hook, 'is_main_process', lambda: rank == 0)
    monkeypatch.setattr(view_memory_hook, 'all_gather_object', lambda own: [own, *others])


def memory_of(number, **changes):
    return remember(SimpleNamespace(memory=deque(maxlen=4)), number, **changes)


def saved(model):
    checkpoint: dict = {}
    hook = ViewMemoryHook()
    hook.before_early_checkpoint(runner_of(model))
    hook.before_save_checkpoint(runner_of(model), checkpoint)
    return checkpoint


def loaded(checkpoint, **runner):
    model = memory_of(0)
    ViewMemoryHook().after_load_checkpoint(runner_of(model, **runner), checkpoint)
    return model.memory


def test_a_resumed_run_remembers_bit_by_bit(tmp_path):
    model = memory_of(4, boxes=((4, 4, 30, 28), (1, 2, 3, 4)))
    model.memory.append((torch.zeros(3, 5, 7).half(), labels_at()))
    torch.save(saved(model), tmp_path / 'file.pth')
    memory = loaded(torch.load(tmp_path / 'file.pth', weights_only=True))
    assert len(memory) == memory.maxlen == 4
    for (image, labels), (other, theirs) in zip(memory, model.memory, strict=True):
        assert torch.equal(image, other) and image.dtype == torch.half
        for name, value in vars(labels).items():
            assert torch.equal(value, getattr(theirs, name)), name


def test_a_run_that_only_starts_from_it_does_not():
    checkpoint = saved(memory_of(4))
    assert not loaded(checkpoint, resume=False) and not loaded({})


def test_processes_remember_views_of_their_own(monkeypatch):
    theirs = saved(memory_of(2))['view_memory'][0]
    processes(monkeypatch, 2, others=[theirs])
    checkpoint = saved(memory_of(3))
    for rank, number in ((0, 3), (1, 2)):
        processes(monkeypatch, 2, rank)
        assert len(loaded(checkpoint)) == number
    for size in (1, 3):  # another number of processes: none of them has a memory of its own
        processes(monkeypatch, size)
        assert not loaded(checkpoint)
    processes(monkeypatch, 2, rank=1)
    assert saved(memory_of(4))['view_memory'] == []  # another process writes the file
