"""STAC: a teacher that never changes, a student that does not start from it, a strong view with geometry."""

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from builders.labels import pseudo
from builders.tiny_recipes import FEW_BOXES, build_recipe, by_name, tiny_recipe, two_steps
from mmdet.registry import MODELS, TRANSFORMS
from mmdet.structures.bbox import bbox_overlaps
from mmengine.config import Config
from mmengine.registry import OPTIMIZERS

from mmssod.datasets.transforms.steps import as_list
from mmssod.models.detectors.pseudo_label_detector import project
from mmssod.tiny_detectors import tiny_batch

FOLDER = Path('configs/stac')
CONFIG = FOLDER / 'demo.py'
STUDENTS = sorted(file for file in FOLDER.glob('*.py') if not file.stem.startswith('teacher'))
PUBLISHED = [file for file in STUDENTS if file.stem != 'demo']
TEACHERS = {file.stem: FOLDER / f'teacher_{file.stem}.py' for file in STUDENTS}
TEACHERS['demo'] = Path('configs/demo/teacher_plain.py')
ALL_LOSSES = ('loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'loss_bbox')
LOW = dict(balancer=dict(threshold=0.3, bounds=(0.0, 0.9)))  # the tiny detector is not sure of much


def name(file):
    return file.stem


def build(checkpoint='', **changes):
    labeler = dict(checkpoint=str(checkpoint))
    return build_recipe(tiny_recipe(CONFIG, labeler=labeler, **{**LOW, **changes}))


def test_losses_are_those_on_file(golden):
    steps = two_steps(build(detector=FEW_BOXES))
    assert all(step['pseudo_boxes'] > 0 for step in steps)
    golden('stac', steps)


# ---------------------------------------------------------------- teacher and student


@pytest.fixture
def checkpoint(tmp_path):
    """A trained teacher's file: a plain detector's."""
    torch.manual_seed(5)
    teacher = MODELS.build(tiny_recipe(CONFIG).detector)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape))
        # As `build_recipe` sets it, so that all of the teacher can be compared with the file.
        teacher.roi_head.bbox_head.fc_cls.bias.copy_(torch.tensor([2.0, 1.0, 0.0, 0.0]))
    file = tmp_path / 'teacher.pth'
    torch.save(dict(state_dict=teacher.state_dict()), file)
    return file


def test_the_student_does_not_start_from_the_teacher(checkpoint):
    model = build(checkpoint)
    stored = torch.load(checkpoint)['state_dict']
    alone = build()  # the same seed without a teacher's file: where a student starts
    for key, value in stored.items():
        assert torch.equal(model.labeler.teacher.state_dict()[key], value), key
        assert torch.equal(model.student.state_dict()[key], alone.student.state_dict()[key]), key
    trained = [key for key in stored if key.endswith('weight') and 'bn' not in key]
    assert len(trained) > 20
    assert not any(torch.equal(model.student.state_dict()[key], stored[key]) for key in trained)


def test_the_teacher_stays_what_it_was(checkpoint):
    model = build(checkpoint)
    two_steps(model)
    stored = torch.load(checkpoint)['state_dict']
    for key, value in model.labeler.teacher.state_dict().items():
        assert torch.equal(value, stored[key]), key


@pytest.mark.parametrize('file', STUDENTS, ids=name)
def test_teacher_and_student_are_one_detector_and_the_file_is_the_teachers_last(file):
    student, teacher = Config.fromfile(file), Config.fromfile(TEACHERS[file.stem])
    assert student.load_from is None
    assert student.model.labeler.type == 'FrozenTeacher'
    if file.stem == 'demo':  # the teacher of all demos, with the demo's own loss
        teacher.model.rpn_head.loss_bbox = student.model.detector.rpn_head.loss_bbox
    assert student.model.detector == teacher.model
    last = f'{teacher.work_dir}/iter_{teacher.train_cfg.max_iters}.pth'
    assert student.model.labeler.checkpoint == last
    backbone = student.model.detector.backbone
    assert backbone.get('pretrained') or backbone.init_cfg.type == 'Pretrained'
    tests = [[step for step in cfg.val_dataloader.dataset.pipeline] for cfg in (student, teacher)]
    assert tests[0] == tests[1]


def test_fold_and_percent_lead_to_their_teacher(monkeypatch):
    monkeypatch.setenv('PERCENT', '5')
    monkeypatch.setenv('FOLD', '3')
    student, teacher = (
        Config.fromfile(FOLDER / f'{file}.py') for file in ('coco_partial', 'teacher_coco_partial')
    )
    assert student.model.labeler.checkpoint == f'{teacher.work_dir}/iter_180000.pth'
    assert '3@5' in teacher.work_dir and '3@5' in student.work_dir


# ---------------------------------------------------------------- losses


def unsupervised(**changes):
    model = build(**changes)
    torch.manual_seed(7)
    return by_name(model.loss(*tiny_batch()), 'unsup_')


def test_all_four_losses_learn_with_twice_the_weight():
    ours, ones = unsupervised(), unsupervised(unsup_weight=1.0)
    assert sorted(ours) == sorted(ALL_LOSSES)
    for key, loss in ours.items():
        assert loss > 0
        torch.testing.assert_close(loss, 2 * ones[key])


@pytest.mark.parametrize('file', STUDENTS, ids=name)
def test_the_numbers_of_the_public_code(file):
    cfg = Config.fromfile(file)
    model = cfg.model
    assert (model.balancer.threshold, model.selector.certainty) == (0.9, 'p')
    assert (model.balancer.threshold_power, model.balancer.weight_power) == (0, 0)
    assert model.unsup_weight == 2.0 and model.empty_images == 'skip'
    assert model.unsup_loss_weights == {}  # 1 for all
    rois = model.detector.train_cfg.rcnn.sampler.num
    assert rois == (256 if file.stem == 'voc' else 64)
    if file.stem != 'demo':
        assert cfg.train_dataloader.sampler.counts == dict(labeled=1, unlabeled=1)
        assert cfg.auto_scale_lr.base_batch_size == 8 * 2


def steps_of_training(cfg, losses=1.0):
    """Where three steps with a config's optimizer lead two weights, at losses times a factor."""
    weights = torch.tensor([1.0, -2.0], requires_grad=True)
    optimizer = OPTIMIZERS.build({'params': [weights], **cfg.optim_wrapper.optimizer})
    for step in range(3):
        optimizer.zero_grad()
        (losses * (weights**2 * torch.tensor([1.0, step])).sum()).backward()
        optimizer.step()
    return weights.detach()


@pytest.mark.parametrize('file', PUBLISHED, ids=name)
def test_a_step_is_that_of_halved_losses_at_the_teachers_rate(file):
    """Half the rate and twice the weight decay, by a law of SGD."""
    student, teacher = Config.fromfile(file), Config.fromfile(TEACHERS[file.stem])
    assert teacher.optim_wrapper.optimizer.lr == (0.008 if file.stem == 'voc' else 0.01)
    torch.testing.assert_close(steps_of_training(student), steps_of_training(teacher, losses=0.5))
    assert not torch.allclose(steps_of_training(student), steps_of_training(teacher))


@pytest.mark.parametrize('file', PUBLISHED + sorted(FOLDER.glob('teacher_*.py')), ids=name)
def test_schedules_and_sizes_of_the_public_code(file):
    cfg = Config.fromfile(file)
    steps = cfg.param_scheduler[-1]
    ends = [round(share * cfg.train_cfg.max_iters) for share in steps.shares]
    kind = file.stem.removeprefix('teacher_')
    known = dict(coco_partial=[120000, 160000], coco_full=[420000, 500000])
    known['voc'] = [7500] if file.stem.startswith('teacher') else [7500, 15000]
    assert ends == known[kind]
    test = cfg.val_dataloader.dataset.pipeline[1]
    rcnn = (cfg.model.get('detector') or cfg.model).test_cfg.rcnn
    resize = cfg.train_dataloader.dataset.labeled.pipeline.resize
    if kind == 'voc':
        assert len(cfg.param_scheduler) == 1 and steps.gamma == (0.1 if len(ends) == 1 else 0.3)
        assert tuple(test.scale) == tuple(resize.scale) == (1000, 600)
        assert (rcnn.score_thr, rcnn.nms.iou_threshold) == (0.0001, 0.3)
    else:
        assert cfg.param_scheduler[0].start_factor == 0.33  # 0.0033 of 0.01
        assert tuple(test.scale) == (1333, 800)
        assert [tuple(scale) for scale in resize.scale] == [(1333, 500), (1333, 800)]
        assert (rcnn.score_thr, rcnn.nms.iou_threshold) == (0.05, 0.5)


def test_the_proposals_loss_by_hand():
    """Huber of 1/9, divided by it: half a square within it, one less half of it beyond."""
    loss = MODELS.build(
        Config.fromfile(FOLDER / 'coco_partial.py').model.detector.rpn_head.loss_bbox
    )
    found = loss(
        torch.tensor([[0.0, 1 / 18, 1 / 9, 1.0]]), torch.zeros(1, 4), reduction_override='none'
    )
    torch.testing.assert_close(found, torch.tensor([[0.0, 1 / 72, 1 / 18, 17 / 18]]))


def test_a_label_needs_more_than_nine_tenths():
    model = MODELS.build(tiny_recipe(CONFIG, labeler=dict(checkpoint='')))
    # v does not count
    candidates = pseudo(p=[0.89, 0.901, 0.95], v=[0.1] * 3, labels=[0, 1, 2])
    assert model.selector(candidates, model.balancer.thresholds()).cls_certainty.tolist() == (
        pytest.approx([0.901, 0.95])
    )


# ---------------------------------------------------------------- views


def steps_of(file, plain=False):
    """Steps of the unlabeled images; ``plain`` without colors and Cutout, so that pixels can be found again."""
    steps = copy.deepcopy(Config.fromfile(file).train_dataloader.dataset.unlabeled.pipeline)
    strong = steps.views.strong
    if plain:
        strong.cutout.prob = 0.0
        for order in strong.color_and_affine.transforms:
            for step in order:
                if step.type == 'RandomChoice':
                    step.transforms = [[]]
                else:
                    step.prob = 1.0
    return [TRANSFORMS.build(step) for step in as_list(steps)]


def views_of(steps, path, seed):
    np.random.seed(seed)
    results = dict(img_path=str(path), img_id=0)
    for step in steps:
        results = step(results)
    return results


def image(path, box=(60, 40, 120, 90), width=180, height=120):
    pixels = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = box
    pixels[y1:y2, x1:x2] = 255
    cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize('file', STUDENTS, ids=name)
def test_the_teacher_sees_the_image_as_its_file_is(file, tmp_path):
    """So its labels are constant: predicting online is predicting once, beforehand."""
    path, steps = image(tmp_path / 'image.png'), steps_of(file)
    seen = [views_of(steps, path, seed) for seed in range(4)]
    weak, strong = ([sample['inputs'][branch] for sample in seen] for branch in ('weak', 'strong'))
    pixels = cv2.imread(str(path))
    assert all(np.array_equal(pixels, view.permute(1, 2, 0).numpy()) for view in weak)
    assert not any(
        view.shape == strong[0].shape and torch.equal(view, strong[0]) for view in strong[1:]
    )


def test_a_pseudo_box_lies_where_its_pixels_went(tmp_path):
    """Through resize and affine, by the homographies that the two views record."""
    box = (60, 40, 120, 90)
    path, steps = image(tmp_path / 'image.png', box), steps_of(CONFIG, plain=True)
    moved = 0
    for seed in range(40):
        sample = views_of(steps, path, seed)
        weak, strong = (sample['data_samples'][branch] for branch in ('weak', 'strong'))
        scale = torch.tensor(weak.scale_factor).repeat(2)
        labels = pseudo(torch.tensor([box]) * scale, [1.0])
        found = project([labels], [weak], [strong])[0].boxes
        bright = sample['inputs']['strong'][0] > 140  # what comes from outside is at 125
        rows, columns = (bright.any(dim=dim).nonzero().flatten() for dim in (1, 0))
        true = torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])[None].float()
        assert bbox_overlaps(found, true).item() > 0.9, seed
        assert (found - true).abs().max() <= 3, seed
        moved += bbox_overlaps(found, labels.boxes).item() < 0.8
    assert moved > 20


def test_nine_colors_one_affine_before_or_after_and_cutout_last():
    strong = Config.fromfile(CONFIG).train_dataloader.dataset.unlabeled.pipeline.views.strong
    assert list(strong) == ['type', 'resize', 'color_and_affine', 'cutout', 'pack']
    first, second = strong.color_and_affine.transforms
    assert first == second[::-1]
    color, affine = first
    kinds = [c[0].type.removeprefix('Fast') if c else 'Identity' for c in color.transforms]
    assert kinds == [
        'Identity', 'AutoContrast', 'Equalize', 'Solarize', 'Color', 'Contrast', 'Brightness', 'Sharpness', 'Posterize',
    ]  # fmt: skip
    assert (affine.type, affine.translate, affine.rotate, affine.shear) == (
        'StrongAffine',
        0.1,
        30,
        30,
    )
    assert (strong.cutout.max_number, strong.cutout.max_side) == (5, 0.2)


def test_numpys_generator_alone_decides(tmp_path):
    path = tmp_path / 'image.png'
    cv2.imwrite(str(path), np.random.RandomState(0).randint(0, 256, (120, 180, 3), np.uint8))
    steps = steps_of(CONFIG)
    draws = [
        [views_of(steps, path, seed)['inputs']['strong'] for seed in range(30)] for _ in range(2)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*draws, strict=True))
    assert len({view.numpy().tobytes() for view in draws[0]}) == 30


def test_posterize_leaves_one_to_four_bits():
    color = Config.fromfile(CONFIG).one_color.transforms[-1][0]
    posterize = TRANSFORMS.build(color)
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    counts = set()
    for seed in range(100):
        np.random.seed(seed)
        counts.add(len(np.unique(posterize(dict(img=every.copy()))['img'])))
    assert counts == {2, 4, 8, 16}
