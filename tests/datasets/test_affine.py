"""Geometry in a strong view: a box goes where its pixels go, with and without true boxes in the pipeline."""

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes

from mmssod.methods.stac import StrongAffine
from mmssod.methods.stac.affine import KINDS, affine_matrix
from mmssod.structures import PseudoLabels

HEIGHT, WIDTH = 120, 180
BOXES = [(70, 50, 110, 80), (85, 55, 95, 65), (60, 40, 120, 90)]
SEEDS = range(12)


def drawn(box) -> np.ndarray:
    """A black image whose pixels in the box are white."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = 255
    return image


def results(box, **more) -> dict:
    return dict(img=drawn(box), img_shape=(HEIGHT, WIDTH), **more)


def found(image) -> np.ndarray:
    """The box around what is white, to a fraction of a pixel: half of a pixel on its border is white."""
    share = image[..., 0].astype(float) / 255
    share[share < 0.55] = 0  # what comes from outside is gray
    columns, rows = (np.flatnonzero(share.max(axis=axis)) for axis in (0, 1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def projected(box, matrix) -> np.ndarray:
    labels = PseudoLabels(
        boxes=torch.tensor([box], dtype=torch.float32),
        labels=torch.tensor([0]),
        cls_certainty=torch.ones(1),
        loc_certainty=torch.ones(1),
        weights=torch.ones(1),
    )
    moved = labels.project(torch.as_tensor(matrix, dtype=torch.float64), (HEIGHT, WIDTH))
    return moved.boxes[0].numpy()


def only(kind):
    """Ours, with one of its transforms alone."""
    transform = StrongAffine(prob=1.0)
    transform._get_mag = lambda: (kind, np.random.uniform(-1, 1) * transform.largest[kind])
    return transform


TRANSFORM = {
    **{kind: lambda kind=kind: only(kind) for kind in KINDS},
    **{
        f'mmdet {kind}': lambda kind=kind: TRANSFORMS.build(
            dict(type=kind, prob=1.0, img_border_value=125)
        )
        for kind in ('Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY')
    },
}


@pytest.mark.parametrize('name', TRANSFORM)
def test_a_box_goes_where_its_pixels_go(name):
    """Ours and mmdet's, in a pipeline without true boxes: what is recorded is what was done."""
    # A corner of a rotated or sheared box is a triangle whose tip has no whole pixel; mmdet turns about the middle
    # of pixels instead of edges, which is up to half a pixel more.
    tolerance = 2.5 if name.split()[-1].lower() in ('rotate', 'shear', 'shearx', 'sheary') else 1.0
    moved = 0
    for box in BOXES:
        for seed in SEEDS:
            np.random.seed(seed)
            out = TRANSFORM[name]()(results(box))
            assert 'gt_bboxes' not in out
            expected = projected(box, out['homography_matrix'])
            assert np.abs(found(out['img']) - expected).max() <= tolerance, (box, seed)
            moved += np.abs(expected - box).max() > 2
    assert moved > len(SEEDS)


def test_several_transforms_are_one_homography():
    for seed in SEEDS:
        np.random.seed(seed)
        steps = [
            dict(type='Resize', scale=(WIDTH * 3 // 4, HEIGHT * 3 // 4), keep_ratio=True),
            dict(type='RandomFlip', prob=1.0),
            dict(type='StrongAffine', prob=1.0),
        ]
        out = results(BOXES[0])
        for step in steps:
            out = TRANSFORMS.build(step)(out)
        expected = projected(BOXES[0], out['homography_matrix'])
        assert np.abs(found(out['img']) - expected).max() <= 2.5


def test_true_boxes_move_as_well():
    np.random.seed(0)
    boxes = HorizontalBoxes(torch.tensor([BOXES[0]], dtype=torch.float32))
    out = StrongAffine(prob=1.0)(results(BOXES[0], gt_bboxes=boxes))
    expected = projected(BOXES[0], out['homography_matrix'])
    np.testing.assert_allclose(out['gt_bboxes'].tensor[0].numpy(), expected, atol=1e-3)


def test_matrices_by_hand():
    center = np.array([WIDTH / 2, HEIGHT / 2, 1])
    for kind in ('rotate', 'shear'):
        np.testing.assert_allclose(affine_matrix(kind, 17, HEIGHT, WIDTH) @ center, center)
    right, below = center + (10, 0, 0), center + (0, 10, 0)
    np.testing.assert_allclose(affine_matrix('rotate', 90, HEIGHT, WIDTH) @ right, below, atol=1e-9)
    sheared = affine_matrix('shear', 45, HEIGHT, WIDTH)
    np.testing.assert_allclose(sheared @ below, center + (10, 10, 0))
    np.testing.assert_allclose(sheared @ right, right)
    for kind, move in (('translate_x', (18, 0, 0)), ('translate_y', (0, 12, 0))):
        np.testing.assert_allclose(affine_matrix(kind, 0.1, HEIGHT, WIDTH) @ center, center + move)


def test_whole_pixels_are_copied():
    transform = StrongAffine(prob=1.0)
    transform._get_mag = lambda: ('translate_x', 0.1)  # 18 of 180 pixels
    image = np.random.RandomState(0).randint(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    before = image.copy()
    out = transform(dict(img=image, img_shape=(HEIGHT, WIDTH)))['img']
    np.testing.assert_array_equal(out[:, 18:], image[:, :-18])
    assert (out[:, :18] == 125).all()
    np.testing.assert_array_equal(image, before)


def test_amounts_fill_their_ranges_and_all_kinds_come():
    transform = StrongAffine()
    np.random.seed(0)
    draws = [transform._get_mag() for _ in range(4000)]
    for kind, largest in dict(translate_x=0.1, translate_y=0.1, rotate=30, shear=30).items():
        amounts = np.array([amount for name, amount in draws if name == kind]) / largest
        assert 900 < len(amounts) < 1100
        assert amounts.min() < -0.98 and amounts.max() > 0.98 and abs(amounts.mean()) < 0.06
        assert len(np.unique(amounts.round(6))) > 800  # mmdet's translations have two values
    applied = [not transform._random_disable() for _ in range(2000)]
    assert abs(np.mean(applied) - 0.5) < 0.04


def test_probability_zero_and_numpys_generator_alone():
    image = cv2.GaussianBlur(drawn(BOXES[0]), (0, 0), 5)
    never = StrongAffine(prob=0.0)
    for seed in SEEDS:
        np.random.seed(seed)
        out = never(dict(img=image, img_shape=(HEIGHT, WIDTH)))
        assert out['img'] is image and 'homography_matrix' not in out
    outs = []
    for _ in range(2):
        for seed in SEEDS:
            np.random.seed(seed)
            outs.append(StrongAffine()(dict(img=image, img_shape=(HEIGHT, WIDTH)))['img'])
    np.testing.assert_array_equal(outs[: len(SEEDS)], outs[len(SEEDS) :])
    assert len({out.tobytes() for out in outs}) > 2


@pytest.mark.parametrize(
    'setting',
    [
        dict(prob=1.1),
        dict(translate=-0.1),
        dict(rotate=181),
        dict(shear=90),
        dict(fill=256),
        dict(prob=float('nan')),
    ],
)
def test_values_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match=f'{next(iter(setting))} must lie in'):
        StrongAffine(**setting)
