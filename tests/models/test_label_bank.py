"""Labels from a bank are those of the frozen teacher that would answer in the step, and so are the losses."""

import copy

import numpy as np
import pytest
import torch
from builders.banks import bank, boxes, image, some_boxes
from builders.tiny_recipes import make_sure, two_steps
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample

from mmssod.label_bank import BOX, BankError, Found, LabelBankFiles
from mmssod.label_bank.labeler import LabelBank, as_labels
from mmssod.label_bank.views import ViewLabeler
from mmssod.models.checkpoint_parts import detector_digest, teacher_digest, weights_digest
from mmssod.tiny_detectors import tiny_batch, tiny_detector, tiny_sample, tiny_semi

UNLABELED = (2, 3)  # ids of the batch's unlabeled images
LOW = dict(type='ClassBalancer', threshold=0.3, threshold_power=0.05, bounds=(0.2, 0.9))


def build(labeler, **slots):
    torch.manual_seed(0)
    slots = dict(balancer=LOW, data_preprocessor=None, **slots)
    model = MODELS.build(tiny_semi(labeler=labeler, **slots))
    model.init_weights()
    return model


def frozen(**slots):
    return make_sure(build('FrozenTeacher', **slots)).train()


def banked(path, **slots):
    return make_sure(build(dict(type='LabelBank', path=str(path)), **slots)).train()


class AsTheyAre(torch.nn.Module):
    """The tiny batch's images are normalized already."""

    def forward(self, data, training):
        return dict(inputs=torch.stack(data['inputs']), data_samples=data['data_samples'])


def make_bank(folder, teacher, images, floor=0.0, mirrored=True):
    """A bank of normalized images, shape (B, 3, H, W), labeled as the tool does it."""
    labeler = ViewLabeler(teacher, AsTheyAre(), mirrored, floor, torch.device('cpu'))
    samples = [tiny_sample(i, boxes=0, size=images.size(-1)) for i in UNLABELED]
    found = labeler(dict(inputs=list(images), data_samples=samples))
    bank(folder, found, floor=floor, mirrored=mirrored)
    return folder


def batch(flipped):
    """A batch whose weak views are mirrored or not, and the plain images."""
    inputs, samples = tiny_batch()
    plain = inputs['weak']
    for place, flip in enumerate(flipped):
        if flip:
            inputs['weak'] = inputs['weak'].clone()
            inputs['weak'][place] = plain[place].flip(-1)
        view = tiny_sample(UNLABELED[place], boxes=0, flip=flip)
        view.set_metainfo(dict(flip=flip, flip_direction='horizontal' if flip else None))
        samples['weak'][place] = view
    return (inputs, samples), plain


def unseen(batch):
    inputs, samples = batch
    return {name: part for name, part in inputs.items() if name != 'weak'}, samples


FLIPS = [(False, False), (True, False), (True, True)]


@pytest.mark.parametrize('flipped', FLIPS)
def test_labels_are_the_frozen_teachers(tmp_path, flipped):
    (inputs, samples), plain = batch(flipped)
    online = frozen()
    expected = online.labeler(inputs['weak'], samples['weak'], online.student)
    make_bank(tmp_path, online.labeler.teacher, plain)
    found = banked(tmp_path).labeler(None, samples['weak'], online.student)
    assert len(found) == len(expected) == 2 and all(len(labels) > 3 for labels in expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours.labels, theirs.labels) and ours.labels.dtype == theirs.labels.dtype
        for name in ('boxes', 'cls_certainty', 'loc_certainty', 'weights'):
            torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), msg=name)


@pytest.mark.parametrize('floor', [0.0, 0.2])
@pytest.mark.parametrize('flipped', FLIPS)
def test_losses_are_those_with_the_frozen_teacher(tmp_path, flipped, floor):
    """Two steps each, weights and counts included; the bank's floor is at the least threshold at most."""
    online_batch, plain = batch(flipped)
    online = frozen()
    make_bank(tmp_path, online.labeler.teacher, plain, floor)
    model = banked(tmp_path)
    model.student.load_state_dict(online.student.state_dict())
    expected = two_steps(online, online_batch)
    found = two_steps(model, unseen(online_batch))
    assert expected[0]['pseudo_boxes'] > 0
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-7)
    assert torch.equal(model.balancer.count, online.balancer.count)
    assert not any('labeler' in name for name in model.state_dict())
    assert len(list(model.labeler.parameters())) == 0


def test_a_floor_keeps_the_rest_as_it_was(tmp_path):
    """It is no score threshold of the teacher, which would free boxes that others suppress."""
    online = frozen()
    online.labeler.teacher.roi_head.test_cfg.max_per_img = 200
    plain = tiny_batch()[0]['weak']
    all_of_them, some = (
        LabelBankFiles(make_bank(tmp_path / str(floor), online.labeler.teacher, plain, floor))
        for floor in (0.0, 0.45)
    )
    left = 0
    for img_id in UNLABELED:
        for mirrored in (False, True):
            every, above = (
                files.look_up(img_id, f'{img_id}.jpg', mirrored=mirrored).boxes
                for files in (all_of_them, some)
            )
            assert np.array_equal(above, every[every['p'] >= np.float32(0.45)])
            left += len(above)
            assert len(above) < len(every)
    assert left > 0


def test_images_of_other_sizes_do_not_share_a_batch(tmp_path):
    """So an image's labels do not depend on those it was labeled with."""
    teacher = frozen().labeler.teacher
    generator = torch.Generator().manual_seed(1)
    images = [torch.randn(3, 64, size, generator=generator) for size in (64, 96, 64)]
    samples = []
    for number, pixels in enumerate(images):
        samples.append(tiny_sample(number, boxes=0))
        samples[-1].set_metainfo(dict(img_shape=tuple(pixels.shape[1:]), ori_shape=(32, 48)))
    labeler = ViewLabeler(teacher, AsTheyAre(), True, 0.0, torch.device('cpu'))
    together = labeler(dict(inputs=images, data_samples=samples))
    assert [one.img_id for one in together] == [0, 1, 2]
    assert [one.view for one in together] == [(64, 64), (64, 96), (64, 64)]
    assert together[0].size == (32, 48)
    for number, one in enumerate(together):
        (alone,) = labeler(dict(inputs=[images[number]], data_samples=[samples[number]]))
        for view in ('plain', 'mirrored'):
            ours, theirs = getattr(one, view), getattr(alone, view)
            assert len(ours) == len(theirs) > 0
            for name in ('box', 'p', 'v'):
                np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------ looking up


def look_up(path, *samples):
    labeler = LabelBank(path=str(path))
    return labeler(None, list(samples), torch.nn.Linear(1, 1))


def weak(number, size=(96, 128), **more):
    meta = dict(img_id=number, img_path=f'{number}.jpg', img_shape=size, **more)
    return DetDataSample(metainfo=meta)


@pytest.mark.parametrize('counts', [(0,), (1,), (500, 0, 3), (0, 0)])
def test_none_one_many_boxes(tmp_path, counts):
    bank(tmp_path, [image(n, count, count) for n, count in enumerate(counts)])
    found = look_up(tmp_path, *(weak(n) for n in range(len(counts))))
    assert [len(labels) for labels in found] == list(counts)
    for number, labels in enumerate(found):
        expected = some_boxes(counts[number], shift=number)
        assert np.array_equal(labels.boxes.numpy(), expected['box'])
        assert labels.labels.tolist() == expected['label'].tolist()
        assert torch.equal(labels.weights, torch.ones(counts[number]))


@pytest.mark.parametrize(('device', 'pinned'), [('cpu', 0), ('cuda', 1)])
def test_labels_are_copied_without_waiting(monkeypatch, device, pinned):
    pins, copies = [], []
    monkeypatch.setattr(torch.Tensor, 'pin_memory', lambda self: pins.append(1) or self)
    monkeypatch.setattr(
        torch.Tensor, 'to', lambda self, *args, **kwargs: copies.append((args, kwargs)) or self
    )
    device = torch.device(device)
    found = Found(np.zeros(2, BOX), (64, 64))
    assert len(as_labels([found], [(64, 64)], device)[0]) == 2
    assert copies == [((device,), dict(non_blocking=True))] and len(pins) == pinned


def test_the_flip_of_the_view_decides(tmp_path):
    bank(tmp_path, [image(0, 2, 3)])
    for flip, direction, count in ((False, None, 2), (True, 'horizontal', 3)):
        (labels,) = look_up(tmp_path, weak(0, flip=flip, flip_direction=direction))
        assert len(labels) == count
    with pytest.raises(BankError, match="flipped 'vertical'"):
        look_up(tmp_path, weak(0, flip=True, flip_direction='vertical'))


def test_boxes_grow_with_the_view(tmp_path):
    """Multi-scale training: labeled at one size, learned at another."""
    found = image(0)._replace(plain=boxes((10, 20, 30, 60, 0.8, 0.5, 2)))
    bank(tmp_path, [found])
    (labels,) = look_up(tmp_path, weak(0, size=(192, 64)))
    assert labels.boxes.tolist() == [[5, 40, 15, 120]]


def test_a_model_is_built_and_predicts_without_its_bank(tmp_path):
    model = banked(tmp_path / 'nowhere').eval()
    assert len(model.predict(torch.randn(1, 3, 64, 64), [tiny_sample()])) == 1
    with pytest.raises(BankError, match='no label bank'):
        model.train().loss(*tiny_batch())


def test_settings_that_make_no_sense(tmp_path):
    with pytest.raises(ValueError, match="got 'teacher' with LabelBank"):
        banked(tmp_path, predict_with='teacher')
    with pytest.raises(TypeError, match='floor'):
        LabelBank(path='bank', floor=0.3)


def test_a_plain_checkpoint_starts_the_student(tmp_path):
    torch.manual_seed(5)
    plain = MODELS.build(tiny_detector('bucket')).state_dict()
    model = banked(tmp_path)
    model.load_state_dict(copy.deepcopy(plain), strict=False)
    assert all(torch.equal(model.student.state_dict()[k], v) for k, v in plain.items())


# ------------------------------------------------------------------ digests


def test_the_digest_is_of_the_weights_not_of_the_file(tmp_path):
    torch.manual_seed(5)
    weights = MODELS.build(tiny_detector('bucket')).state_dict()
    run = {f'student.{name}': value for name, value in weights.items()}
    run['labeler.teacher.x'] = torch.zeros(1)
    files = [tmp_path / name for name in ('plain.pth', 'run.pth', 'other.pth')]
    torch.save(dict(state_dict=dict(reversed(weights.items()))), files[0])
    torch.save(dict(state_dict=run, optimizer=dict(state=1)), files[1])
    name = next(name for name, value in weights.items() if value.dim() == 4)
    weights[name].view(-1)[0] += 1e-6
    torch.save(dict(state_dict=weights), files[2])
    first, second, third = (teacher_digest(str(file)) for file in files)
    assert first == second != third


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.int64, torch.bool])
def test_every_kind_of_tensor_has_a_digest(dtype):
    one, two = (weights_digest(dict(a=torch.tensor(v, dtype=dtype))) for v in (0, 1))
    assert one != two == weights_digest(dict(a=torch.ones((), dtype=dtype)))
    assert two != weights_digest(dict(b=torch.ones((), dtype=dtype)))


def test_the_digest_of_a_config_is_of_what_predicts():
    detector = tiny_detector()
    plain = detector_digest(detector)
    detector.train_cfg.rcnn.sampler.num = 7
    detector.backbone.init_cfg = dict(type='Pretrained', checkpoint='x')
    assert detector_digest(detector) == plain
    detector.test_cfg.rcnn.nms.iou_threshold = 0.6
    assert detector_digest(detector) != plain


def test_an_image_that_could_not_be_read_has_no_labels(tmp_path):
    """Should it be readable by now: the bank knows no size of its view."""
    bank(tmp_path, [image(0, 0, 0, view=(0, 0))])
    sample = DetDataSample(metainfo=dict(img_id=0, img_path='0.jpg', img_shape=(64, 64)))
    (labels,) = LabelBank(str(tmp_path))(None, [sample], torch.nn.Linear(1, 1))
    assert labels.boxes.shape == (0, 4)
