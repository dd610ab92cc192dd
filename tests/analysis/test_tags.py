"""Boxes drawn into pixels: tags that are readable and within the picture, at any size."""

import numpy as np
import pytest
from test_fonts import WORD, chinese_font  # noqa: F401

from mmssod.analysis.tags import LEAST, draw_tags, text_height


def drawn(width, height, boxes, tags):
    """Where a black image changed."""
    pixels = np.zeros((height, width, 3), np.uint8)
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    out = draw_tags(pixels, boxes, tags, [0] * len(tags))
    assert out.shape == pixels.shape and not pixels.any()
    return out.any(axis=2)


@pytest.mark.parametrize(('image', 'box', 'expected'), [
    (160, 40, LEAST),
    (900, 400, 20),
    (4500, 1000, 100),
    (4500, 240, 60),
    (4500, 8, 50),  # half as high: many small objects would be covered
])  # fmt: skip
def test_letters_grow_with_the_image(image, box, expected):
    assert text_height(image, box) == expected


@pytest.mark.parametrize('scale', [1, 5, 25])
def test_lines_and_tags_at_160_to_4000_pixels(scale):
    """The line is about 1/400 of the longer side, the tag lies above the box and is as high as its letters."""
    where = drawn(160 * scale, 120 * scale, np.array([20, 60, 90, 100]) * scale, ['a'])
    bottom = where[90 * scale :, 55 * scale]
    assert bottom.sum() == max(1, round(160 * scale / 400))
    tag = where[: 59 * scale, 22 * scale].sum()
    letters = text_height(160 * scale, 40 * scale)
    assert 0.8 * letters <= tag <= 1.5 * letters  # without the line, which lies below it


@pytest.mark.parametrize('count', [0, 1, 3])
def test_each_box_is_drawn(count):
    boxes = [[10 + 100 * n, 50, 60 + 100 * n, 90] for n in range(count)]
    where = drawn(320, 120, boxes, ['cat 0.87'] * count)
    assert [bool(where[70, 10 + 100 * n]) for n in range(3)] == [n < count for n in range(3)]


@pytest.mark.parametrize('box', [[0, 0, 20, 20], [300, 0, 320, 20], [300, 100, 320, 120]])
def test_tags_stay_within_the_picture(box):
    """As many pixels as in the middle."""
    middle = drawn(320, 120, [150, 60, 170, 80], ['cat 0.87 p 0.90'])
    height = int(middle[:58].any(axis=1).sum())
    where = drawn(320, 120, box, ['cat 0.87 p 0.90'])
    assert (
        where.any(axis=1).sum() >= height
        and where.any(axis=0).sum() >= middle.any(axis=0).sum() - 1
    )


def test_each_letter_from_a_font_that_has_it(chinese_font):  # noqa: F811
    """The font of both signs draws X for each."""
    box = [50, 60, 300, 110]
    np.testing.assert_array_equal(
        drawn(320, 120, box, [f'{WORD} 0.87']), drawn(320, 120, box, ['XX 0.87'])
    )
