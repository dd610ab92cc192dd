"""What holds for every strong augmentation, and each one's formula against another library's."""

import math

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.registry import TRANSFORMS
from mmengine import Config
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS
from PIL import Image

from mmssod.datasets.transforms import (
    ColorJitter,
    GaussianBlur,
    StrongErasing,
    StrongGrayscale,
    color,
)
from mmssod.datasets.transforms.steps import as_list
from mmssod.methods.instant_teaching import (
    BoxBlur,
    BrightnessContrast,
    ChannelShift,
    ChannelShuffle,
    HSVShift,
    JPEGCompression,
    MedianBlur,
)
from mmssod.methods.stac import StrongSquares

TYPES = [
    'BoxBlur',
    'BrightnessContrast',
    'ChannelShift',
    'ChannelShuffle',
    'ColorJitter',
    'GaussianBlur',
    'HSVShift',
    'JPEGCompression',
    'MedianBlur',
    'StrongErasing',
    'StrongGrayscale',
    'StrongSquares',
]


def photo(height: int = 40, width: int = 60, seed: int = 0) -> np.ndarray:
    """Smooth colored blobs with some noise, (H, W, 3) uint8."""
    random = np.random.RandomState(seed)
    coarse = random.randint(0, 256, (5, 7, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(smooth + random.randint(-8, 9, smooth.shape), 0, 255).astype(np.uint8)


def build(kind: str, **settings):
    return TRANSFORMS.build(dict(type=kind, **settings))


def apply(transform, image: np.ndarray, seed: int = 1) -> np.ndarray:
    np.random.seed(seed)
    results = dict(img=image, img_shape=image.shape[:2], boxes='untouched')
    out = transform(results)
    assert {k: v for k, v in out.items() if k != 'img'} == dict(
        img_shape=image.shape[:2], boxes='untouched'
    )
    return out['img']


def bgr_as_pil(image: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image[..., ::-1]))


def pil_as_bgr(image: Image.Image) -> np.ndarray:
    return np.asarray(image)[..., ::-1].astype(int)


@pytest.mark.parametrize('kind', TYPES)
class TestAll:
    def test_probability_zero_is_the_identity(self, kind):
        image = photo()
        assert all(apply(build(kind, prob=0.0), image, seed) is image for seed in range(20))

    def test_probability_one_changes_every_image(self, kind):
        settings = {'GaussianBlur': dict(min_sigma=0.5), 'StrongSquares': dict(max_side=5.0 / 6)}
        transform = build(kind, prob=1.0, **settings.get(kind, {}))
        changed = [(apply(transform, photo(), seed) != photo()).any() for seed in range(20)]
        # One of the six orders of the channels is their own.
        assert all(changed) or (kind == 'ChannelShuffle' and sum(changed) > 10)

    def test_shape_kind_and_input_stay(self, kind):
        transform = build(kind, prob=1.0)
        for shape in ((1, 1), (1, 9), (9, 1), (2, 2), (37, 53)):
            image = photo(*shape)
            before = image.copy()
            out = apply(transform, image)
            assert out.shape == image.shape and out.dtype == np.uint8 and out.flags.c_contiguous
            np.testing.assert_array_equal(image, before)

    def test_numpys_generator_alone_decides(self, kind):
        transform = build(kind, prob=0.5)
        outs = [[apply(transform, photo(), seed) for seed in range(12)] for _ in range(2)]
        np.testing.assert_array_equal(*outs)
        assert len({out.tobytes() for out in outs[0]}) > 1

    def test_frequency(self, kind):
        transform = build(kind, prob=0.3)
        np.random.seed(0)
        applied = np.mean([transform._applies() for _ in range(4000)])
        assert abs(applied - 0.3) < 0.03

    @pytest.mark.parametrize('prob', [-0.1, 1.1, float('nan')])
    def test_bad_probability(self, kind, prob):
        with pytest.raises(ValueError, match=r'prob must lie in \[0, 1\]'):
            build(kind, prob=prob)

    @pytest.mark.parametrize(
        ('image', 'found'),
        [
            (photo().astype(np.float32), 'float32'),
            (photo()[..., 0], r'\(40, 60\)'),
            (np.dstack([photo(), photo()[..., :1]]), r'\(40, 60, 4\)'),
            ('a.jpg', 'str'),
        ],
    )
    def test_not_a_color_image(self, kind, image, found):
        with pytest.raises(ValueError, match=f'{kind} expects .* got .*{found}'):
            build(kind, prob=1.0)(dict(img=image))

    def test_unknown_setting(self, kind):
        with pytest.raises(TypeError, match='sigma_max'):
            build(kind, sigma_max=3)

    def test_name_is_ours_alone(self, kind):
        assert TRANSFORMS.get(kind).__module__.startswith('mmssod.')
        assert kind not in ROOT_TRANSFORMS.module_dict
        assert 'prob=' in repr(build(kind))


@pytest.mark.parametrize('name', ['brightness', 'contrast', 'saturation'])
@pytest.mark.parametrize('amount', [0.0, 0.6, 1.0, 1.4])
def test_colors_follow_torchvision_on_pil(name, amount):
    image = photo(seed=3)
    theirs = getattr(reference, f'adjust_{name}')(bgr_as_pil(image), amount)
    gap = np.abs(color._ADJUST[name](image, amount).astype(int) - pil_as_bgr(theirs))
    assert gap.mean() < 0.6 and gap.max() <= 2  # PIL cuts off where OpenCV rounds


@pytest.mark.parametrize('shift', [-0.5, -0.1, 0.03, 0.1, 0.5])
def test_hue_follows_torchvision(shift):
    """Against its floating point form: one step of a hue byte is up to 6 grey levels."""
    image = photo(seed=3)
    rgb = torch.from_numpy(np.ascontiguousarray(image[..., ::-1])).permute(2, 0, 1)
    exact = reference.adjust_hue(rgb, math.trunc(shift * 255) / 256)
    gap = np.abs(color.adjust_hue(image, shift) - exact.permute(1, 2, 0).numpy()[..., ::-1] * 1.0)
    assert gap.mean() < 0.75 and gap.max() <= 9


@pytest.mark.parametrize('adjust', [getattr(color, f'adjust_{n}') for n in color._ADJUST])
def test_neutral_amount_is_the_identity(adjust):
    neutral = 0.0 if adjust is color.adjust_hue else 1.0
    np.testing.assert_array_equal(adjust(photo(), neutral), photo())


def test_jitter_without_strength_is_the_identity():
    jitter = ColorJitter(brightness=0, contrast=0, saturation=0, hue=0, prob=1.0)
    np.testing.assert_array_equal(apply(jitter, photo()), photo())


def test_jitter_draws_each_property_once_within_its_range_in_any_order():
    jitter = ColorJitter(brightness=0.4, contrast=2.0, saturation=0.2, hue=0.1)
    ranges = dict(brightness=(0.6, 1.4), contrast=(0, 3), saturation=(0.8, 1.2), hue=(-0.1, 0.1))
    np.random.seed(0)
    draws = [jitter._draw_steps() for _ in range(500)]
    for steps in draws:
        assert sorted(name for name, _ in steps) == sorted(ranges)
        assert all(ranges[name][0] <= amount <= ranges[name][1] for name, amount in steps)
    assert len({tuple(name for name, _ in steps) for steps in draws}) == 24
    for name, (low, high) in ranges.items():
        amounts = [dict(steps)[name] for steps in draws]
        assert min(amounts) < low + 0.05 * (high - low) and max(amounts) > high - 0.05 * (
            high - low
        )


@pytest.mark.parametrize('setting', [dict(brightness=-1), dict(hue=0.6), dict(contrast=np.nan)])
def test_bad_jitter(setting):
    with pytest.raises(ValueError, match=f'{next(iter(setting))} must lie in'):
        ColorJitter(**setting)


def test_gray_has_equal_channels_of_the_standard_weights():
    image = photo()
    gray = apply(StrongGrayscale(prob=1.0), image)
    assert (gray == gray[..., :1]).all()
    assert np.abs(gray[..., 0] - image @ np.array([0.114, 0.587, 0.299])).max() <= 1


def test_blur_keeps_flat_images_and_mean_and_smooths():
    transform = GaussianBlur(min_sigma=2.0, max_sigma=2.0, prob=1.0)
    flat = np.full((30, 30, 3), 77, np.uint8)
    np.testing.assert_array_equal(apply(transform, flat), flat)
    noise = np.random.RandomState(0).randint(0, 256, (60, 60, 3), dtype=np.uint8)
    blurred = apply(transform, noise)
    assert blurred.std() < 0.2 * noise.std() and abs(blurred.mean() - noise.mean()) < 2
    point = np.zeros((31, 31, 3), np.uint8)
    point[15, 15] = 255
    narrow = apply(GaussianBlur(min_sigma=0.8, max_sigma=0.8, prob=1.0), point)[..., 0] / 255.0
    square = (np.arange(31) - 15) ** 2
    expected = np.exp(-(square[:, None] + square) / (2 * 0.8**2)) / (2 * np.pi * 0.8**2)
    assert np.abs(narrow - expected).max() < 0.01


@pytest.mark.parametrize('sigmas', [(0, 1), (2, 1), (-1, 1), (1, np.inf)])
def test_bad_sigmas(sigmas):
    with pytest.raises(ValueError, match='min_sigma <= max_sigma'):
        GaussianBlur(*sigmas)


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    areas=st.tuples(st.floats(0.01, 1.0), st.floats(0.01, 1.0)).map(sorted),
    ratios=st.tuples(st.floats(0.05, 20.0), st.floats(0.05, 20.0)).map(sorted),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_the_erased_rectangle(height, width, areas, ratios, seed):
    transform = StrongErasing(
        prob=1.0, min_area=areas[0], max_area=areas[1], min_ratio=ratios[0], max_ratio=ratios[1]
    )
    np.random.seed(seed)
    rectangle = transform._draw_rectangle(height, width)
    if rectangle is None:
        return
    x1, y1, x2, y2 = rectangle
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    h, w = y2 - y1, x2 - x1
    assert h < height and w < width
    # Before rounding to whole pixels the share and the ratio lie in their ranges.
    assert (h - 0.5) * (w - 0.5) <= areas[1] * height * width * (1 + 1e-9)
    assert (h + 0.5) * (w + 0.5) >= areas[0] * height * width * (1 - 1e-9)
    assert (h - 0.5) / (w + 0.5) <= ratios[1] * (1 + 1e-9)
    assert (h + 0.5) / (w - 0.5) >= ratios[0] * (1 - 1e-9)


# ------------------------------------------------------------------ Instant-Teaching's


def test_brightness_and_contrast_by_hand():
    """1.5 * image + 0.1 * 255, rounded and clipped."""
    amounts = dict(min_brightness=0.1, max_brightness=0.1, min_contrast=0.5, max_contrast=0.5)
    image = np.array([[[0, 1, 100], [152, 154, 255]]], np.uint8)
    out = apply(BrightnessContrast(**amounts, prob=1.0), image)
    assert out.tolist() == [[[26, 27, 176], [254, 255, 255]]]
    amounts = dict(min_brightness=-0.1, max_brightness=-0.1, min_contrast=0, max_contrast=0)
    assert apply(BrightnessContrast(**amounts, prob=1.0), image).min() == 0


def test_each_channel_is_shifted_by_its_own_amount():
    transform = ChannelShift(limit=10.0, prob=1.0)
    image = np.full((20, 30, 3), 128, np.uint8)
    outs = np.array([apply(transform, image, seed)[0, 0] for seed in range(300)]).astype(int) - 128
    assert outs.min() == -10 and outs.max() == 10
    assert np.abs(np.corrcoef(outs.T) - np.eye(3)).max() < 0.2
    assert all(
        (apply(transform, image, seed) == apply(transform, image, seed)[:1, :1]).all()
        for seed in range(5)
    )
    assert apply(transform, np.zeros_like(image)).max() <= 10  # clipped, not wrapped


def test_hsv_shift_by_hand(monkeypatch):
    """A pure hue of 60 degrees on, darker and paler: OpenCV counts half degrees."""
    transform = HSVShift(hue=90, saturation=255, value=255, prob=1.0)
    pure = np.array([[[0, 0, 200]]], np.uint8)  # red: hue 0, saturation 255, value 200
    for shifts, color_of in (
        ((30, 0, 0), [0, 200, 200]),  # yellow
        ((-30, 0, 0), [200, 0, 200]),  # magenta: the circle closes
        ((0, -255, 0), [200, 200, 200]),
        ((0, 0, -100), [0, 0, 100]),
        ((0, 99, 99), [0, 0, 255]),  # clipped
    ):
        monkeypatch.setattr(transform, '_draw', lambda shifts=shifts: np.array(shifts, float))
        assert apply(transform, pure).tolist() == [[color_of]]


def test_hsv_shifts_come_up_to_their_limits():
    transform = HSVShift()
    np.random.seed(0)
    draws = np.array([transform._draw() for _ in range(2000)])
    assert draws.min(axis=0).tolist() == [-20, -30, -20]
    assert draws.max(axis=0).tolist() == [20, 30, 20]


def test_the_better_the_quality_the_smaller_the_loss():
    image = photo(64, 96)
    losses = []
    for quality in (10, 85, 95, 100):
        out = apply(JPEGCompression(quality, quality, prob=1.0), image)
        losses.append(np.abs(out.astype(int) - image).mean())
    assert losses == sorted(losses, reverse=True) and losses[0] > 4 and 0 < losses[2] < 4
    transform = JPEGCompression()
    np.random.seed(0)
    assert {transform._draw_quality() for _ in range(300)} == set(range(85, 96))


def test_shuffling_takes_all_orders_of_the_channels():
    image = photo()
    orders = set()
    for seed in range(60):
        out = apply(ChannelShuffle(prob=1.0), image, seed)
        order = [
            next(c for c in range(3) if (image[..., c] == out[..., k]).all()) for k in range(3)
        ]
        orders.add(tuple(order))
    assert len(orders) == 6 and all(sorted(order) == [0, 1, 2] for order in orders)


def test_mean_and_median_of_a_square_by_hand():
    image = np.zeros((3, 3, 3), np.uint8)
    image[1, 1] = 90
    image[0, :] = 9
    assert apply(BoxBlur(prob=1.0), image)[1, 1].tolist() == [13] * 3  # 117 / 9
    assert apply(MedianBlur(prob=1.0), image)[1, 1].tolist() == [0] * 3
    assert apply(MedianBlur(prob=1.0), image)[0, 1].tolist() == [9] * 3


@pytest.mark.parametrize(
    ('kind', 'setting', 'message'),
    [
        ('BoxBlur', dict(size=2), 'size must be odd'),
        ('MedianBlur', dict(size=-1), 'size must be odd'),
        ('BrightnessContrast', dict(min_contrast=0.5), 'min_contrast <= max_contrast'),
        ('ChannelShift', dict(limit=-1), 'limit must lie in'),
        ('HSVShift', dict(hue=91), 'hue must lie in'),
        ('JPEGCompression', dict(max_quality=101), 'min_quality <= max_quality <= 100'),
    ],
)
def test_bad_strengths(kind, setting, message):
    with pytest.raises(ValueError, match=message):
        build(kind, **setting)


def test_erasing_touches_one_rectangle_and_fills_it_with_any_byte():
    image = np.full((200, 300, 3), 128, np.uint8)
    transform = StrongErasing(prob=1.0)
    erased = apply(transform, image)
    np.random.seed(1)
    assert transform._applies()
    x1, y1, x2, y2 = transform._draw_rectangle(200, 300)
    inside = erased[y1:y2, x1:x2]
    assert len(np.unique(inside)) == 256 and abs(inside.mean() - 127.5) < 3
    erased = erased.copy()
    erased[y1:y2, x1:x2] = 128
    np.testing.assert_array_equal(erased, image)


def test_erasing_comes_up_to_its_whole_range_of_areas():
    transform = StrongErasing(prob=1.0)
    np.random.seed(0)
    rectangles = [transform._draw_rectangle(400, 400) for _ in range(600)]
    shares = np.array([(x2 - x1) * (y2 - y1) / 400**2 for x1, y1, x2, y2 in rectangles])
    assert shares.min() < 0.06 and shares.max() > 0.19 and abs(shares.mean() - 0.125) < 0.01


@pytest.mark.parametrize(
    'setting', [dict(min_area=0.0), dict(max_area=1.1), dict(min_area=0.3), dict(min_ratio=4.0)]
)
def test_bad_rectangles(setting):
    with pytest.raises(ValueError, match='expected .* <= min_'):
        StrongErasing(**setting)


def test_cutout_is_three_erasing_passes():
    image = photo(200, 300)
    cutout = build('StrongCutout')
    singles = [
        StrongErasing(),
        StrongErasing(prob=0.5, min_area=0.02, min_ratio=0.1, max_ratio=6.0),
        StrongErasing(prob=0.3, min_area=0.02, min_ratio=0.05, max_ratio=8.0),
    ]
    for seed in range(10):
        expected = image
        np.random.seed(seed)
        for single in singles:
            expected = single(dict(img=expected))['img']
        np.testing.assert_array_equal(apply(cutout, image, seed), expected)
    assert repr(cutout) == 'StrongCutout(prob=1.0)'
    assert all(apply(build('StrongCutout', prob=0.0), image, seed) is image for seed in range(20))
    with pytest.raises(ValueError, match='prob must lie in'):
        build('StrongCutout', prob=1.5)


def test_squares_are_one_to_five_of_up_to_a_fifth_anywhere():
    transform = StrongSquares()
    np.random.seed(0)
    draws = [transform._draw_squares(200, 300) for _ in range(2000)]
    assert {len(squares) for squares in draws} == {1, 2, 3, 4, 5}
    squares = np.concatenate(draws)
    assert (squares[:, :2] >= 0).all() and (squares[:, 2:] <= (300, 200)).all()
    sides = squares[:, 2:] - squares[:, :2]
    inside = ((squares[:, :2] > 0) & (squares[:, 2:] < (300, 200))).all(axis=1)
    assert np.abs(np.diff(sides[inside])).max() <= 1  # square but for rounding
    assert sides.min() == 0 and sides.max() == 40 and abs(sides[inside].mean() - 19) < 1.5
    # cut off by the edges, not kept away from them
    assert (squares[:, 2:] == (300, 200)).any(axis=0).all()


def test_squares_are_gray_and_the_rest_stays():
    image = np.full((200, 300, 3), 7, np.uint8)
    covered = apply(build('StrongSquares'), image)
    np.random.seed(1)
    transform = build('StrongSquares')
    assert transform._applies()
    expected = image.copy()
    for x1, y1, x2, y2 in transform._draw_squares(200, 300):
        expected[y1:y2, x1:x2] = 128
    np.testing.assert_array_equal(covered, expected)
    assert (covered == 128).any()


@pytest.mark.parametrize('setting', [dict(max_number=0), dict(max_side=1.1), dict(fill=256)])
def test_bad_squares(setting):
    with pytest.raises(ValueError, match=f'{next(iter(setting))} must lie in'):
        StrongSquares(**setting)


def test_steps_run_in_the_order_given_and_an_heir_changes_one():
    base = Config(dict(strong=dict(type='Steps', gray=dict(type='StrongGrayscale', prob=1.0))))
    base.merge_from_dict({'strong.blur': dict(type='GaussianBlur', min_sigma=1.5, prob=1.0)})
    image = photo()
    gray = StrongGrayscale(prob=1.0).augment(image)
    both = TRANSFORMS.build(base.strong)
    assert repr(both) == 'Steps(gray, blur)'
    assert (apply(both, image) != gray).any()
    base.merge_from_dict({'strong.blur.prob': 0.0})
    np.testing.assert_array_equal(apply(TRANSFORMS.build(base.strong), image), gray)
    assert TRANSFORMS.build(dict(type='Steps', stop=lambda results: None))(dict(img=image)) is None
    assert apply(build('Steps'), image) is image


def test_steps_tell_their_order_where_keys_are_sorted():
    blur = dict(type='GaussianBlur')
    assert repr(build('Steps', order=['b', 'a'], a=blur, b=blur)) == 'Steps(b, a)'
    with pytest.raises(ValueError, match='order of the steps: expected each of'):
        build('Steps', order=['b', 'b'], a=blur, b=blur)


def test_a_pipeline_of_named_steps_is_a_list():
    steps = [dict(type='LoadImageFromFile'), dict(type='PackDetInputs')]
    assert as_list(dict(load=steps[0], pack=steps[1])) == as_list(tuple(steps)) == steps
