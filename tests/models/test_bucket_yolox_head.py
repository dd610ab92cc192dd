"""YOLOX with buckets: it starts as YOLOX, each bucket can win, Eq. 3 to 5 as they stand, p*v ranks."""

import math

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from mmssod import equations
from mmssod.models.box_weights import take_box_weights
from mmssod.models.build_detector import build_detector
from mmssod.tiny_detectors import tiny_batch, tiny_semi

init_default_scope('mmdet')

SHAPE = (64, 96)
META = dict(img_shape=SHAPE, scale_factor=(2.0, 2.0), batch_input_shape=SHAPE, pad_shape=SHAPE)
TEST_CFG = ConfigDict(score_thr=0.1, nms=dict(type='nms', iou_threshold=0.5))
TRAIN_CFG = dict(assigner=dict(type='SimOTAAssigner', center_radius=2.5))
LEVELS = [(8, 12), (4, 6)]


def build(kind='BucketYOLOXHead', channels=8, seed=0, **options):
    config = dict(
        type=kind,
        num_classes=3,
        in_channels=channels,
        feat_channels=channels,
        strides=(8, 16),
        train_cfg=TRAIN_CFG,
        test_cfg=TEST_CFG,
        **options,
    )
    torch.manual_seed(seed)
    head = MODELS.build(ConfigDict(config))
    head.init_weights()
    return head.eval()


def buckets(number):
    return dict(bbox_coder=dict(type='SideBucketCoder', num_buckets=number))


def pair(number=8):
    """A head of YOLOX and one with buckets that got its weights."""
    plain, ours = build('YOLOXHead', seed=1), build(seed=2, **buckets(number))
    missing, unexpected = ours.load_state_dict(plain.state_dict(), strict=False)
    assert {name.split('.')[0] for name in missing} == {'multi_level_conv_bucket'}
    assert not unexpected
    return plain, ours


def features(images=2, channels=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(images, channels, *size, generator=generator) for size in LEVELS)


def instances(boxes, labels):
    return InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        labels=torch.tensor(labels).long(),
    )


TRUTH = [
    instances([], []),
    instances([[8.0, 8, 40, 44]], [1]),
    instances([[50.0, 10, 90, 30], [10, 30, 60, 60], [12, 32, 58, 60]], [0, 2, 1]),
]


def batch(*counts):
    by_number = {len(boxes): boxes for boxes in TRUTH}
    return [by_number[count] for count in counts]


# ---------------------------------------------------------------- the start


@pytest.mark.parametrize('number', [2, 8, 16])
def test_it_starts_with_the_boxes_of_yolox(number):
    plain, ours = pair(number)
    cfg = ConfigDict(TEST_CFG, score_thr=0.0)
    metas = [META] * 2
    with torch.no_grad():
        theirs = plain.predict_by_feat(*plain(features()), metas, cfg, with_nms=False)
        found = ours.predict_by_feat(*ours(features()), metas, cfg, with_nms=False)
    for a, b in zip(theirs, found, strict=True):
        assert len(a) == len(b) == 8 * 12 + 4 * 6
        assert torch.allclose(a.bboxes, b.bboxes, atol=1e-3)
        assert torch.equal(a.scores, b.cls_certainty)
        assert torch.equal(a.labels, b.labels)
        assert torch.allclose(b.loc_certainty, torch.tensor(0.5))


@pytest.mark.parametrize('use_l1', [False, True])
@pytest.mark.parametrize('counts', [(0, 0), (0, 1), (3, 1)])
def test_it_starts_with_the_losses_of_yolox(counts, use_l1):
    plain, ours = pair()
    plain.use_l1 = ours.use_l1 = use_l1
    arguments = batch(*counts), [META] * 2
    expected = plain.loss_by_feat(*plain(features()), *arguments)
    found = ours.loss_by_feat(*ours(features()), *arguments)
    assert found.keys() == expected.keys() | {'loss_bucket', 'loss_offset'}
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=1e-4, atol=1e-6), name
    if counts == (0, 0):
        assert found['loss_bucket'] == found['loss_offset'] == 0


# ---------------------------------------------------------------- boxes


def localizations(head, candidates, truth):
    """What a perfect head answers, shape (N, 4 + 8 K)."""
    targets = head.bbox_coder.encode(candidates, truth)
    answer = torch.stack([20 * (2 * targets.labels - 1), targets.offsets], dim=1)
    return torch.cat([torch.zeros(len(truth), 4), answer.flatten(1)], dim=1)


def synthetic(count, seed=0):
    """Shares of the segment at which the sides lie (N, 4), candidates and true boxes."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.rand(count, 4, generator=generator)
    center = torch.rand(count, 2, generator=generator) * 200 + 100
    half = torch.rand(count, 2, generator=generator) * 40 + 10
    way = 1.7 * half.repeat(1, 2) * (1 - place)
    truth = torch.cat([center - way[:, :2], center + way[:, 2:]], dim=1)
    return place, torch.cat([center - half, center + half], dim=1), truth


@pytest.mark.parametrize('count', [0, 1, 40])
def test_the_box_of_a_perfect_answer_is_the_true_one(count):
    head = build(**buckets(8))
    _, candidates, truth = synthetic(count)
    boxes = head.decode(candidates, localizations(head, candidates, truth))
    assert boxes.shape == (count, 4)
    assert torch.allclose(boxes, truth, atol=1e-3)


def test_an_offset_is_a_length_towards_the_center():
    head = build(**buckets(8))
    candidates = torch.tensor([[0.0, 0, 80, 40]])
    reg = localizations(head, candidates, candidates)
    reg[:, 4 + 4 * 8 :] += 1
    # One width of a bucket: 0.85 of the box over 8 buckets.
    moved = torch.tensor([[8.5, 4.25, -8.5, -4.25]])
    assert torch.allclose(head.decode(candidates, reg), candidates + moved, atol=1e-4)


def test_a_mirrored_answer_is_a_mirrored_box():
    head = build(**buckets(8))
    _, candidates, _ = synthetic(20)
    reg = torch.randn(20, 4 + 64)
    sides = reg[:, 4:].view(20, 2, 4, 8)[:, :, [2, 1, 0, 3]]
    other = torch.cat([reg[:, :4], sides.flatten(1)], dim=1)

    def mirrored(boxes):
        return torch.stack([400 - boxes[:, 2], boxes[:, 1], 400 - boxes[:, 0], boxes[:, 3]], dim=1)

    assert torch.allclose(
        head.decode(mirrored(candidates), other), mirrored(head.decode(candidates, reg)), atol=1e-3
    )
    v, of_mirrored = (head.loc_certainty(head.split(each)[1]) for each in (reg, other))
    assert torch.allclose(of_mirrored, v)


def test_scale_scales_the_box_and_nothing_else():
    head = build(**buckets(8))
    _, candidates, truth = synthetic(20)
    reg = torch.randn(20, 4 + 64)
    assert torch.allclose(
        head.decode(3 * candidates, reg), 3 * head.decode(candidates, reg), rtol=1e-4, atol=1e-2
    )
    here, there = (head.bucket_losses(f * candidates, reg, f * truth) for f in (1, 3))
    for name in here:
        assert torch.allclose(here[name], there[name], rtol=1e-3)


@pytest.mark.parametrize('number', [8, 16])
def test_each_bucket_can_win(number):
    # The features are smooth functions of the four sides, 16 of each, mixed: the width of YOLOX-Nano's tower.
    head = build(channels=64, **buckets(number))
    layer = head.multi_level_conv_bucket[0]
    mix, _ = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0)))

    def answer(place):
        waves = torch.cos(math.pi * place[..., None] * torch.arange(16)).flatten(1)
        found = layer((waves @ mix)[..., None, None]).flatten(1)
        return torch.cat([torch.zeros(len(place), 4), found], dim=1)

    optimizer = torch.optim.Adam(layer.parameters(), lr=0.03)
    place, candidates, truth = synthetic(1000)
    for _ in range(200):
        losses = head.bucket_losses(candidates, answer(place), truth)
        optimizer.zero_grad()
        (sum(losses.values()) / len(place)).backward()
        optimizer.step()
    place, candidates, truth = synthetic(2000, seed=1)
    reg = answer(place)
    right = head.bbox_coder.encode(candidates, truth).labels.argmax(dim=-1)
    chosen = head.split(reg)[1].argmax(dim=-1)
    for bucket in range(number):
        assert (chosen[right == bucket] == bucket).float().mean() >= 0.9, bucket
    # A wrong choice of the neighbor decodes to the right place, too.
    error = (head.decode(candidates, reg) - truth).abs() / (
        candidates[:, 2:] - candidates[:, :2]
    ).repeat(1, 2)
    assert error.mean() < 0.01


# ---------------------------------------------------------------- training


def test_equation_5():
    head = build(**buckets(6))
    _, candidates, truth = synthetic(5)
    reg = torch.randn(5, 4 + 48)
    losses = head.bucket_losses(candidates, reg, truth)
    targets = head.bbox_coder.encode(candidates, truth)
    _, logits, offsets = head.split(reg)
    segment = equations.segment_loss(logits, targets.labels, targets.label_weights)
    offset = equations.offset_loss(offsets, targets.offsets, targets.offset_weights)
    # The mean over the four sides, summed over boxes: YOLOX divides by their number.
    expected = equations.localization_loss(segment, offset).sum() / 4
    assert torch.allclose(losses['loss_bucket'] + losses['loss_offset'], expected)
    perfect = head.bucket_losses(candidates, localizations(head, candidates, truth), truth)
    assert all(value < 1e-6 for value in perfect.values())


@pytest.mark.parametrize('shape', [(3,), (3, 1)])
def test_a_weight_scales_the_loss_of_its_box(shape):
    head = build(**buckets(6))
    _, candidates, truth = synthetic(3)
    reg = torch.randn(3, 4 + 48)
    alone = [
        head.bucket_losses(candidates[i : i + 1], reg[i : i + 1], truth[i : i + 1])
        for i in range(3)
    ]
    weights = torch.tensor([2.0, 0.0, 0.5])

    def weigh(module, arguments):
        return (*arguments, weights.view(shape))

    for name in ('loss_bucket', 'loss_offset'):
        getattr(head, name).register_forward_pre_hook(weigh)
    for name, value in head.bucket_losses(candidates, reg, truth).items():
        assert torch.allclose(value, 2 * alone[0][name] + 0.5 * alone[2][name])


@pytest.mark.parametrize('name', ['BucketLoss', 'BucketOffsetLoss'])
def test_reductions_are_those_of_mmdet(name):
    loss = MODELS.build(dict(type=name, loss_weight=0.5))
    pred, target = torch.randn(4, 4, 6), torch.rand(4, 2, 4, 6).round()
    each = loss(pred, target, reduction_override='none')
    assert each.shape == (4,)
    assert torch.allclose(loss(pred, target), each.sum())
    assert torch.allclose(loss(pred, target, reduction_override='mean'), each.mean())
    assert torch.allclose(
        loss(pred, target, avg_factor=8, reduction_override='mean'), each.sum() / 8
    )
    assert loss(pred[:0], target[:0], reduction_override='mean') == 0
    with pytest.raises(ValueError, match="must be one of .* got 'max'"):
        loss(pred, target, reduction_override='max')
    with pytest.raises(ValueError, match="must be one of .* got 'max'"):
        MODELS.build(dict(type=name, reduction='max'))


def test_offset_loss_needs_a_beta():
    with pytest.raises(ValueError, match='beta must be above 0, got 0'):
        MODELS.build(dict(type='BucketOffsetLoss', beta=0))


@pytest.mark.parametrize('counts', [(0,), (1,), (3,), (0, 1), (3, 0, 1)])
def test_each_layer_learns_from_any_number_of_boxes(counts):
    head = build(**buckets(6))
    losses = head.loss_by_feat(*head(features(len(counts))), batch(*counts), [META] * len(counts))
    assert all(torch.isfinite(value) for value in losses.values())
    sum(losses.values()).backward()
    gradients = {name: value.grad for name, value in head.named_parameters()}
    # Processes that share gradients wait for all of them, so none may be missing.
    assert all(gradient is not None for gradient in gradients.values())
    learned = any(
        gradients[f'multi_level_conv_bucket.{level}.bias'].abs().sum() > 0 for level in (0, 1)
    )
    assert learned == (sum(counts) > 0)


def test_losses_are_divided_by_foreground_locations():
    head = build(**buckets(6))
    once = head.loss_by_feat(*head(features(1)), batch(3), [META])
    maps = [torch.cat([level, level]) for level in features(1)]
    twice = head.loss_by_feat(*head(maps), batch(3, 3), [META] * 2)
    for name, value in once.items():
        assert torch.allclose(twice[name], value, rtol=1e-5), name


def test_the_buckets_do_not_move_the_box_they_lie_around():
    head = build(**buckets(6))
    for layer in head.multi_level_conv_bucket:
        torch.nn.init.normal_(layer.weight, std=0.1)
    losses = head.loss_by_feat(*head(features()), batch(1, 3), [META] * 2)
    (losses['loss_bucket'] + losses['loss_offset']).backward()
    assert all((layer.weight.grad == 0).all() for layer in head.multi_level_conv_reg)
    # The tower learns from them, once the new layer reads it.
    assert any(tower[0].conv.weight.grad.abs().sum() > 0 for tower in head.multi_level_reg_convs)


def test_locations_are_assigned_by_the_boxes_that_are_answered(monkeypatch):
    head = build(**buckets(6))
    for layer in head.multi_level_conv_bucket:
        torch.nn.init.normal_(layer.weight, std=0.5)
    seen = []
    assign = head.assigner.assign

    def spy(pred_instances, **others):
        seen.append(pred_instances.bboxes)
        return assign(pred_instances=pred_instances, **others)

    monkeypatch.setattr(head.assigner, 'assign', spy)
    answers = head(features(1))
    head.loss_by_feat(*answers, batch(3), [META])
    with torch.no_grad():
        cfg = ConfigDict(TEST_CFG, score_thr=0.0)
        (found,) = head.predict_by_feat(*answers, [META], cfg, with_nms=False)
    assert torch.equal(seen[0], found.bboxes)
    assert not seen[0].requires_grad


# ---------------------------------------------------------------- prediction


def answers_of(head, boxes, scores, v):
    """Answers of one level with given boxes at the first locations and nothing elsewhere.

    Args:
        boxes: Pixels, shape (n, 4).
        scores: Logits of the best class, shape (n,); class 0.
        v: Probability of the bucket that is chosen, shape (n,).
    """
    count, number = len(boxes), head.num_buckets
    size = LEVELS[0]
    places = size[0] * size[1]
    boxes = torch.tensor(boxes)
    priors = head.priors([torch.zeros(1, 1, *size)])[:count]
    center, extent = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    own = torch.cat([(center - priors[:, :2]) / 8, (extent / 8).log()], dim=1)
    targets = head.bbox_coder.encode(boxes, boxes)
    logits = torch.where(targets.labels > 0, torch.tensor(v).logit()[:, None, None], -9.0)
    reg = torch.zeros(places, 4 + 8 * number)
    reg[:count] = torch.cat([own, torch.stack([logits, targets.offsets], dim=1).flatten(1)], dim=1)
    classes = torch.full((places, 3), -20.0)
    classes[:count, 0] = torch.tensor(scores).logit()
    objectness = torch.full((places, 1), 20.0)
    return [[value.T.reshape(1, -1, *size)] for value in (classes, reg, objectness)]


def one_level(**options):
    head = build(**buckets(6), **options)
    head.prior_generator.strides = head.prior_generator.strides[:1]
    return head


BOXES = [[10.0, 10, 30, 30], [11, 10, 31, 30], [40, 10, 60, 40], [70, 5, 90, 25]]


def test_certainties_survive_suppression():
    head = one_level()
    # Box 1 is surer of its class than box 0, which is surer of its place; box 3 is below the threshold on p.
    answers = answers_of(head, BOXES, scores=[0.6, 0.7, 0.9, 0.09], v=[0.95, 0.62, 0.73, 0.99])
    (found,) = head.predict_by_feat(*answers, [META], rescale=False)
    assert torch.allclose(found.cls_certainty, torch.tensor([0.9, 0.6]), atol=1e-5)
    assert torch.allclose(found.loc_certainty, torch.tensor([0.73, 0.95]), atol=1e-5)
    assert torch.allclose(found.scores, found.cls_certainty * found.loc_certainty)
    assert found.labels.tolist() == [0, 0]
    assert torch.allclose(found.bboxes, torch.tensor([BOXES[2], BOXES[0]]), atol=1e-3)
    (scaled,) = head.predict_by_feat(*answers, [META], rescale=True)
    assert torch.allclose(scaled.bboxes, found.bboxes / 2)


def test_the_threshold_is_on_p():
    head = one_level()
    answers = answers_of(head, BOXES[2:], scores=[0.11, 0.09], v=[0.05, 0.9])
    (found,) = head.predict_by_feat(*answers, [META], rescale=False)
    # p*v of the first is far below the threshold, of the second nearly at it.
    assert len(found) == 1
    assert torch.allclose(found.cls_certainty, torch.tensor([0.11]), atol=1e-5)


@pytest.mark.parametrize(
    ('limit', 'number'), [({}, 96), (dict(max_per_img=1), 1), (dict(max_per_img=7), 7)]
)
def test_at_most_so_many_boxes_an_image(limit, number):
    head = one_level()
    cfg = ConfigDict(score_thr=0.0, nms=dict(type='nms', iou_threshold=1.0), **limit)
    generator = torch.Generator().manual_seed(0)
    p, v = (torch.rand(96, generator=generator) * 0.8 + 0.1 for _ in range(2))
    boxes = [[float(x), 5.0, x + 9.0, 20.0] for x in range(96)]
    answers = answers_of(head, boxes, p.tolist(), v.tolist())
    (found,) = head.predict_by_feat(*answers, [META], cfg)
    best = (p * v).sort(descending=True).values
    assert torch.allclose(found.scores, best[:number], atol=1e-5)
    # The default: 100 of two levels' locations.
    both = build()
    cfg = ConfigDict(score_thr=0.0, nms=dict(type='nms', iou_threshold=1.0))
    with torch.no_grad():
        (found,) = both.predict_by_feat(*both(features(1)), [META], cfg)
    assert len(found) == 100


@pytest.mark.parametrize('images', [1, 3])
def test_nothing_found(images):
    head = build()
    cfg = ConfigDict(TEST_CFG, score_thr=1.0)
    with torch.no_grad():
        found = head.predict_by_feat(*head(features(images)), [META] * images, cfg, rescale=True)
    assert len(found) == images
    for each in found:
        assert len(each) == 0
        assert each.bboxes.shape == (0, 4)
        assert each.cls_certainty.shape == each.loc_certainty.shape == each.labels.shape == (0,)


@pytest.mark.parametrize('count', [0, 1, 9])
def test_v_is_equation_4(count):
    head = build(**buckets(6))
    reg = torch.randn(count, 4 + 48)
    v = head.loc_certainty(head.split(reg)[1])
    assert v.shape == (count,)
    logits = reg[:, 4:28].view(count, 4, 6)
    assert torch.allclose(v, logits.max(dim=-1).values.sigmoid().mean(dim=-1))


# ---------------------------------------------------------------- in a detector


def detector(**options):
    return ConfigDict(
        type='YOLOX',
        data_preprocessor=dict(type='DetDataPreprocessor', pad_size_divisor=32),
        backbone=dict(
            type='CSPDarknet', deepen_factor=0.33, widen_factor=0.125, out_indices=(2, 3, 4)
        ),
        neck=dict(type='YOLOXPAFPN', in_channels=[32, 64, 128], out_channels=16, num_csp_blocks=1),
        bbox_head=dict(
            type='BucketYOLOXHead',
            num_classes=3,
            in_channels=16,
            feat_channels=16,
            bbox_coder=dict(type='SideBucketCoder', num_buckets=4),
            **options,
        ),
        train_cfg=TRAIN_CFG,
        test_cfg=dict(TEST_CFG, score_thr=0.0, max_per_img=20),
    )


def samples(*counts):
    result = []
    for boxes in batch(*counts):
        sample = DetDataSample(metainfo=META)
        sample.gt_instances = boxes
        result.append(sample)
    return result


def losses_with(model, weights, images=2):
    given = samples(0, 3)[-images:]
    given[-1].gt_instances.weights = torch.tensor(weights)
    inputs = torch.rand(images, 3, *SHAPE, generator=torch.Generator().manual_seed(0))
    return model.loss(inputs, given)


def test_losses_are_linear_in_the_weight_of_each_box():
    torch.manual_seed(0)
    model = take_box_weights(build_detector(detector()))
    model.init_weights()
    for layer in model.bbox_head.multi_level_conv_bucket:
        torch.nn.init.normal_(layer.weight, std=0.1)
    plain = build_detector(detector())
    plain.load_state_dict(model.state_dict())
    model.eval(), plain.eval()
    of_mmdet, ones = losses_with(plain, [1.0] * 3), losses_with(model, [1.0] * 3)
    for name, value in of_mmdet.items():
        assert torch.allclose(ones[name], value), name
    alone = [losses_with(model, [float(box == i) for i in range(3)]) for box in range(3)]
    mixed = losses_with(model, [0.5, 2.0, 0.0])
    for name in ('loss_bbox', 'loss_bucket', 'loss_offset', 'loss_cls'):
        expected = 0.5 * alone[0][name] + 2 * alone[1][name]
        assert torch.allclose(mixed[name], expected, rtol=1e-4), name


def test_the_certainty_of_the_foreground_is_p_times_v():
    model = take_box_weights(build_detector(detector()))
    model.init_weights()
    head = model.bbox_head
    for layer in [*head.multi_level_conv_cls, *head.multi_level_conv_obj]:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    # Score and objectness are 1/2 everywhere, and so is v at the start.
    counted = losses_with(model, [1.0] * 3)
    assert counted['fg_count'].sum() > 0
    assert torch.allclose(counted['fg_certainty'], counted['fg_count'] / 8)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_mixed_precision_answers_in_float32(dtype):
    torch.manual_seed(0)
    model = build_detector(detector())
    model.init_weights()
    images = torch.rand(2, 3, *SHAPE)
    with torch.autocast('cpu', dtype=dtype, enabled=dtype != torch.float32):
        losses = model.loss(images, samples(1, 3))
        with torch.no_grad():
            found = model.predict(images, samples(0, 0))[0].pred_instances
    assert {value.dtype for value in losses.values()} == {torch.float32}
    assert all(torch.isfinite(value) for value in losses.values())
    assert len(found) == 20
    assert found.bboxes.dtype == found.scores.dtype == found.loc_certainty.dtype == torch.float32


def test_unknown_arguments_are_errors():
    with pytest.raises(TypeError, match='buckets_per_side'):
        build(buckets_per_side=3)


def test_a_student_learns_from_boxes_chosen_by_p_times_v():
    torch.manual_seed(0)
    plain = detector()
    config = tiny_semi(
        labeler='EMATeacher',
        selector=dict(type='ThresholdSelector', certainty='p*v'),
        # YOLOX starts with p near 0.0001; v is 1/2.
        balancer=dict(type='ClassBalancer', threshold=0.00002),
    )
    config.detector = plain
    config.data_preprocessor.data_preprocessor = plain.data_preprocessor
    model = MODELS.build(config)
    model.init_weights()
    losses = model.loss(*tiny_batch())
    assert losses['pseudo_boxes'] > 0
    unsupervised = losses['unsup_loss_bucket'] + losses['unsup_loss_offset']
    unsupervised.backward()
    layers = model.student.bbox_head.multi_level_conv_bucket
    assert any(layer.bias.grad.abs().sum() > 0 for layer in layers)
    labels = model.labeler(*[part['weak'] for part in tiny_batch()], model.student)
    assert all(0 < len(found) <= 20 for found in labels)
    for found in labels:
        assert torch.allclose(found.loc_certainty, torch.tensor(0.5))
