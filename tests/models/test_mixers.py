"""Two images made one: by hand, and what holds for any sizes; empty, one, many."""

import copy

import pytest
import torch
from builders import labels as builders_labels
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmssod.models.pseudo import KeepImages, MixUp, RandomMixer, TwoImageMosaic
from mmssod.models.pseudo.mixing import mixup, mosaic
from mmssod.structures import View, Views

BOTH = dict(mixup=dict(type='MixUp'), mosaic=dict(type='TwoImageMosaic'))
MIXERS = [MixUp, TwoImageMosaic, lambda prob=1.0: RandomMixer(BOTH, prob=prob)]


def pseudo(boxes=(), weights=None, label=0):
    number = len(boxes)
    return builders_labels.pseudo(boxes, [0.9] * number, labels=[label] * number, weights=weights)


def padded(length, divisor=4):
    return -(-length // divisor) * divisor


def sample_of(height, width, name='u'):
    sizes = dict(img_shape=(height, width), pad_shape=(padded(height), padded(width)))
    return DetDataSample(metainfo=dict(img_id=name, homography_matrix=torch.eye(3), **sizes))


def view(pixels, labels, name='u'):
    """One channel of the pixels given, three times."""
    image = torch.tensor(pixels, dtype=torch.float).expand(3, -1, -1)
    return View(image, sample_of(*image.shape[1:], name), labels)


def flat(value, height, width, boxes=(), **more):
    return view([[float(value)] * width] * height, pseudo(boxes, **more))


# ---------------------------------------------------------------- mixup


def test_mixup_by_hand():
    unlabeled = view([[1, 2], [3, 4]], pseudo([[0, 0, 1, 2]], [0.8]))
    labeled = view([[5, 6], [7, 8]], pseudo([[1, 0, 2, 1]], [2.0], label=1), 'l')
    mixed = mixup(unlabeled, labeled, 0.25)
    assert mixed.image[0].tolist() == [[4, 5], [6, 7]]
    assert torch.equal(mixed.image, mixed.image[:1].expand(3, -1, -1))
    assert mixed.labels.boxes.tolist() == [[0, 0, 1, 2], [1, 0, 2, 1]]
    assert mixed.labels.labels.tolist() == [0, 1]
    assert mixed.labels.weights.tolist() == pytest.approx([0.2, 1.5])
    assert mixed.labels.cls_certainty.tolist() == pytest.approx([0.9, 0.9])  # stays what it was
    assert mixed.sample.img_id == 'u'


def test_share_1_is_the_unlabeled_image_and_share_0_the_labeled_one():
    unlabeled = view([[1, 2], [3, 4]], pseudo([[0, 0, 1, 2]], [0.8]))
    labeled = view([[5, 6], [7, 8]], pseudo([[1, 0, 2, 1]], [2.0], label=1), 'l')
    for share, expected in ((1.0, unlabeled), (0.0, labeled)):
        mixed = mixup(unlabeled, labeled, share)
        assert torch.equal(mixed.image, expected.image)
        for name, value in vars(expected.labels).items():
            assert torch.equal(getattr(mixed.labels, name), value)


def test_mixup_of_different_sizes_holds_both():
    mixed = mixup(flat(4, 2, 5, [[3, 0, 5, 2]]), flat(8, 3, 2, [[0, 0, 2, 3]]), 0.5)
    assert mixed.image[0].tolist() == [[6, 6, 2, 2, 2], [6, 6, 2, 2, 2], [4, 4, 0, 0, 0]]
    assert mixed.sample.img_shape == (3, 5) and mixed.sample.pad_shape == (4, 8)
    assert mixed.labels.boxes.tolist() == [[3, 0, 5, 2], [0, 0, 2, 3]]


@pytest.mark.parametrize('share', [0.0, 0.3, 1.0])
@pytest.mark.parametrize(('ours', 'theirs'), [(0, 0), (0, 1), (1, 0), (1, 1), (3, 2)])
def test_total_weight_is_the_mean_by_share(share, ours, theirs):
    box = [0, 0, 2, 2]
    first = flat(1, 4, 4, [box] * ours, weights=[0.5] * ours)
    second = flat(2, 4, 4, [box] * theirs, weights=[3.0] * theirs)
    total = mixup(first, second, share).labels.weights.sum().item()
    assert total == pytest.approx(share * 0.5 * ours + (1 - share) * 3.0 * theirs)


# ---------------------------------------------------------------- mosaic


def test_mosaic_left_and_right_by_hand():
    first = view([[1, 2, 3, 4], [5, 6, 7, 8]], pseudo([[0, 0, 4, 2]], [0.5]))
    second = view([[11, 12, 13, 14], [15, 16, 17, 18]], pseudo([[0, 1, 4, 2]], [2.0]), 'l')
    mixed = mosaic(first, second, 0.25, axis=1)
    assert mixed.image[0].tolist() == [[1, 12, 13, 14], [5, 16, 17, 18]]
    assert mixed.labels.boxes.tolist() == [[0, 0, 1, 2], [1, 1, 4, 2]]
    assert mixed.labels.weights.tolist() == [0.5, 2.0]  # a cut takes no weight
    assert mixed.sample.img_id == 'u' and mixed.sample.img_shape == (2, 4)


def test_mosaic_upper_and_lower_by_hand():
    first = view([[1, 2], [3, 4], [5, 6], [7, 8]], pseudo([[0, 1, 2, 4]]))
    second = view([[11, 12], [13, 14], [15, 16], [17, 18]], pseudo([[1, 0, 2, 4]]), 'l')
    mixed = mosaic(first, second, 0.5, axis=0)
    assert mixed.image[0].tolist() == [[1, 2], [3, 4], [15, 16], [17, 18]]
    assert mixed.labels.boxes.tolist() == [[0, 1, 2, 2], [1, 2, 2, 4]]


@pytest.mark.parametrize('axis', [0, 1])
def test_boxes_of_which_less_than_a_quarter_is_left_are_dropped(axis):
    """The cut is at 50 of 100; of boxes of 40 a quarter is 10."""

    def along(low, high):
        return [low, 5, high, 9] if axis else [5, low, 9, high]

    starts = [0, 10, 40, 40.5, 41, 60]  # left: 40, 40, 10, 9.5, 9, 0
    first = flat(1, 100, 100, [along(x, x + 40) for x in starts])
    ends = [100, 90, 60, 59.5, 59, 50]
    second = flat(2, 100, 100, [along(x - 40, x) for x in ends])
    mixed = mosaic(first, second, 0.5, axis)
    ours = [along(0, 40), along(10, 50), along(40, 50)]
    theirs = [along(60, 100), along(50, 90), along(50, 60)]
    assert mixed.labels.boxes.tolist() == ours + theirs


def test_what_is_left_is_asked_of_the_parts_own_share():
    mixed = mosaic(flat(1, 8, 8, [[3, 0, 7, 8]]), flat(2, 8, 8), 0.5, axis=1, min_part=0.5)
    assert len(mixed.labels) == 0
    mixed = mosaic(flat(1, 8, 8, [[4, 0, 8, 8]]), flat(2, 8, 8), 0.5, axis=1, min_part=0.0)
    assert len(mixed.labels) == 0  # nothing is left


def test_mosaic_of_different_sizes_joins_equal_shares():
    """Half of 4 columns and half of 8: the canvas is 2 + 4 wide; boxes of the second move from 4 to 2."""
    first, second = flat(1, 2, 4, [[0, 0, 4, 2]]), flat(2, 3, 8, [[4, 0, 8, 3]])
    mixed = mosaic(first, second, 0.5, axis=1)
    assert mixed.image[0].tolist() == [[1, 1, 2, 2, 2, 2], [1, 1, 2, 2, 2, 2], [0, 0, 2, 2, 2, 2]]
    assert mixed.labels.boxes.tolist() == [[0, 0, 2, 2], [2, 0, 6, 3]]
    assert mixed.sample.img_shape == (3, 6) and mixed.sample.pad_shape == (4, 8)
    # 7 of 8 columns and 1 of 12: what pads one image alone is enough.
    mixed = mosaic(flat(1, 2, 8), flat(2, 3, 12), 0.9, axis=1)
    assert mixed.sample.img_shape == (3, 8) and mixed.sample.pad_shape == (4, 8)


# ---------------------------------------------------------------- batches


def batch_of(sizes, seed, name, boxes):
    """A padded batch of random images (values in [1, 2]) with random boxes in whole pixels."""
    random = torch.Generator().manual_seed(seed)
    samples = [sample_of(*size, f'{name}{index}') for index, size in enumerate(sizes)]
    views = []
    for sample in samples:
        height, width = sample.img_shape
        corners = torch.rand(boxes, 2, 2, generator=random).sort(dim=1).values
        corners = (corners * torch.tensor([width - 1, height - 1])).floor()
        corners[:, 1] += 1
        labels = pseudo(corners.reshape(-1, 4).tolist())
        views.append(View(1 + torch.rand(3, height, width, generator=random), sample, labels))
    return views


def labeled_batch(views):
    batch = Views.stack(views)
    for sample, labels in zip(batch.samples, batch.labels, strict=True):
        sample.gt_instances = InstanceData(bboxes=labels.boxes, labels=labels.labels)
        sample.gt_instances.weights = 2 * torch.ones(len(labels))
    return batch.inputs, batch.samples


SIZES = [[(9, 14)], [(9, 14), (16, 5), (7, 7)]]


@pytest.mark.parametrize('mixer', MIXERS)
@pytest.mark.parametrize('boxes', [0, 1, 4])
@pytest.mark.parametrize('ours', SIZES)
@pytest.mark.parametrize('theirs', [[(21, 6)], [(3, 30), (8, 8)]])
def test_sizes_say_the_truth_and_boxes_lie_inside(mixer, boxes, ours, theirs):
    for seed in range(10):
        strong = Views.stack(batch_of(ours, seed, 'u', boxes))
        labeled = labeled_batch(batch_of(theirs, seed + 50, 'l', boxes))
        torch.manual_seed(seed)
        mixed = mixer()(strong, *labeled)
        assert len(mixed.inputs) == len(mixed.samples) == len(mixed.labels) == len(ours)
        for image, sample, labels in zip(*mixed, strict=True):
            height, width = sample.img_shape
            assert sample.batch_input_shape == image.shape[1:]
            sizes = (height, width), sample.pad_shape, tuple(image.shape[1:])
            for length, pad, whole in zip(*sizes, strict=True):
                assert length <= pad <= whole and pad % 4 == 0
                assert pad - length < 4 or mixer is not MixUp
            assert not image[:, height:].any() and not image[:, :, width:].any()
            assert image[:, height - 1].any() and image[:, :, width - 1].any()
            low, high = labels.boxes[:, :2], labels.boxes[:, 2:]
            assert (low >= 0).all() and (high > low).all()
            assert (high <= torch.tensor([width, height])).all()
        assert [sample.img_id for sample in mixed.samples] == [f'u{i}' for i in range(len(ours))]


@pytest.mark.parametrize('mixer', MIXERS)
def test_nothing_given_is_changed(mixer):
    strong = Views.stack(batch_of(SIZES[1], 0, 'u', 2))
    labeled = labeled_batch(batch_of(SIZES[1], 1, 'l', 2))
    before = copy.deepcopy((strong, labeled))
    for seed in range(5):
        torch.manual_seed(seed)
        mixer()(strong, *labeled)
    (old, (old_inputs, old_samples)) = before
    assert torch.equal(strong.inputs, old.inputs) and torch.equal(labeled[0], old_inputs)
    for now, then in zip([*strong.samples, *labeled[1]], [*old.samples, *old_samples], strict=True):
        assert set(now.keys()) == set(then.keys())
        infos = [{k: str(v) for k, v in one.metainfo.items()} for one in (now, then)]
        assert infos[0] == infos[1]  # their order is mmengine's affair
        if 'gt_instances' in then:
            for name, value in then.gt_instances.items():
                assert torch.equal(now.gt_instances[name], value)
    for now, then in zip(strong.labels, old.labels, strict=True):
        assert all(torch.equal(getattr(now, name), value) for name, value in vars(then).items())


@pytest.mark.parametrize('mixer', MIXERS)
def test_without_mixing_the_same_views_go_out(mixer):
    strong = Views.stack(batch_of(SIZES[1], 0, 'u', 2))
    labeled = labeled_batch(batch_of(SIZES[1], 1, 'l', 2))
    assert mixer(prob=0.0)(strong, *labeled) is strong
    assert mixer()(strong, labeled[0][:0], []) is strong  # no labeled image
    assert KeepImages()(strong, *labeled) is strong


@pytest.mark.parametrize('mixer', MIXERS)
def test_torchs_generator_alone_decides(mixer):
    strong = Views.stack(batch_of(SIZES[1], 0, 'u', 2))
    labeled = labeled_batch(batch_of(SIZES[1], 1, 'l', 2))
    outs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outs.append(mixer(prob=0.5)(strong, *labeled).inputs)
    assert torch.equal(outs[0], outs[1])
    assert outs[0].shape != outs[2].shape or not torch.equal(outs[0], outs[2])


def test_weights_of_labeled_boxes_come_from_their_samples():
    strong = Views.stack([flat(1, 4, 4)])
    labeled = labeled_batch([flat(2, 4, 4, [[0, 0, 4, 4]])])
    torch.manual_seed(0)
    mixed = MixUp()(strong, *labeled)
    share = (2 - mixed.inputs[0, 0, 0, 0].item()) / (2 - 1)
    assert mixed.labels[0].weights.tolist() == pytest.approx([2 * (1 - share)])
    assert mixed.labels[0].cls_certainty.tolist() == [1.0]
    del labeled[1][0].gt_instances.weights
    assert len(MixUp()(strong, *labeled).labels[0]) == 1  # boxes without weights count 1


def test_half_of_the_images_are_mixed_each_way_alike_with_each_labeled_image():
    strong = Views.stack([flat(1, 4, 4)] * 1000)
    labeled = labeled_batch([flat(value, 4, 4) for value in (101, 201)])
    torch.manual_seed(0)
    mixed = RandomMixer(BOTH, prob=0.5)(strong, *labeled).inputs[:, 0]
    kept = (mixed == 1).all(dim=(1, 2))
    assert abs(kept.float().mean() - 0.5) < 0.05
    flat_ones = mixed[~kept].flatten(1)
    by_mixup = (flat_ones == flat_ones[:, :1]).all(dim=1)  # one value everywhere
    assert abs(by_mixup.float().mean() - 0.5) < 0.07
    last = flat_ones[~by_mixup][:, -1]
    assert abs((last == 101).float().mean() - 0.5) < 0.1 and ((last == 101) | (last == 201)).all()


def test_shares_are_uniform_and_cuts_lie_between_the_quarters():
    strong = Views.stack([flat(0, 100, 100)] * 400)
    labeled = labeled_batch([flat(1, 100, 100)])
    torch.manual_seed(0)
    shares = 1 - MixUp()(strong, *labeled).inputs[:, 0, 0, 0]
    quantiles = shares.quantile(torch.tensor([0.25, 0.5, 0.75]))
    assert (quantiles - torch.tensor([0.25, 0.5, 0.75])).abs().max() < 0.07
    cut = TwoImageMosaic()(strong, *labeled).inputs[:, 0]
    assert 0.24 < (1 - cut.mean(dim=(1, 2))).min() < 0.3
    assert 0.7 < (1 - cut.mean(dim=(1, 2))).max() < 0.76
    columns = (cut[:, 0] != cut[:, -1]).any(dim=1)  # rows differ: cut between rows
    assert abs(columns.float().mean() - 0.5) < 0.08


def test_an_inner_probability_holds_too():
    strong = Views.stack([flat(1, 4, 4)])
    labeled = labeled_batch([flat(2, 4, 4)])
    never = RandomMixer(dict(mixup=dict(type='MixUp', prob=0.0)), prob=1.0)
    assert never(strong, *labeled) is strong


def test_what_weighs_boxes_says_so():
    assert MixUp().weighs_boxes and RandomMixer(BOTH).weighs_boxes
    assert not TwoImageMosaic().weighs_boxes
    assert not RandomMixer(dict(mosaic=dict(type='TwoImageMosaic'))).weighs_boxes


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='MixUp', prob=1.5), r'prob must be in \[0, 1\], got 1.5'),
        (dict(type='MixUp', alpha=0.0), 'alpha must be above 0, got 0'),
        (dict(type='TwoImageMosaic', cut_range=(0.8, 0.2)), r'cut_range .* got \(0.8, 0.2\)'),
        (dict(type='TwoImageMosaic', min_part=2.0), 'min_part must be .* got 2'),
        (dict(type='RandomMixer', mixers={}), 'at least one mixer'),
    ],
)
def test_settings_out_of_range(config, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(config)


def test_unknown_settings_are_errors():
    with pytest.raises(TypeError, match='lambda_'):
        MODELS.build(dict(type='MixUp', lambda_=0.5))


# ---------------------------------------------------------------- the values


@pytest.mark.parametrize('sizes', SIZES)
def test_stacked_views_come_apart_as_they_were(sizes):
    views = batch_of(sizes, 3, 'u', 2)
    batch = Views.stack(views)
    assert batch.inputs.shape[2:] == batch.samples[0].batch_input_shape
    for ours, theirs in zip(batch.single(), views, strict=True):
        assert torch.equal(ours.image, theirs.image) and ours.labels is theirs.labels
        assert ours.sample.img_id == theirs.sample.img_id
