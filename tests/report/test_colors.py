"""Colors of the page's charts can be told apart and seen, in both themes, by color-blind eyes, too."""

import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmssod.analysis.report import RunRecord
from mmssod.analysis.report.charts import PALETTE
from mmssod.analysis.report.numbers import Score
from mmssod.analysis.report.page import Page, colors_of

STYLE = files('mmssod.analysis.report').joinpath('page.css').read_text()
# Machado, Oliveira and Fernandes, IEEE TVCG 15(6), 2009, table 1, severity 1.0; they act on linear RGB.
SIGHT = {
    'full': np.eye(3),
    'no red': [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    'no green': [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    'no blue': [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def themes():
    """Variables of each theme: light, dark by choice, dark by the system."""
    blocks = re.findall(r'{([^{}]*--c0:[^{}]*)}', STYLE)
    return [dict(re.findall(r'--([\w-]+): (#\w+)', block)) for block in blocks]


def linear(color):
    digits = color[1:] if len(color) == 7 else ''.join(2 * digit for digit in color[1:])
    values = np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE L*a*b*, white D65, of linear sRGB (N, 3)."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = rgb @ np.array(to_xyz).T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def contrast(one, other):
    """WCAG's, from 1 to 21."""
    light, dark = sorted(linear(c) @ [0.2126, 0.7152, 0.0722] + 0.05 for c in (one, other))[::-1]
    return light / dark


def nearest(colors, sight):
    """Least distance of two colors in L*a*b*: 2 is just noticeable."""
    seen = np.clip(np.stack([linear(c) for c in colors]) @ np.array(SIGHT[sight]).T, 0, 1)
    places = lab(seen)
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    return distances[np.triu_indices(len(colors), 1)].min()


def test_the_measure_is_right():
    """Black and white are 100 apart at a contrast of 21; without red, red and a dark olive nearly meet."""
    assert nearest(['#000', '#fff'], 'full') == pytest.approx(100, abs=0.1)
    assert contrast('#000', '#fff') == pytest.approx(21)
    assert nearest(['#d55e00', '#a87000'], 'no red') < 5 < nearest(['#d55e00', '#a87000'], 'full')


def test_both_ways_to_the_dark_theme_are_one():
    light, chosen, system = themes()
    assert chosen == system != light


@pytest.mark.parametrize('theme', [0, 1], ids=['light', 'dark'])
def test_lines_stand_out(theme):
    colors = themes()[theme]
    lines = [colors[f'c{i}'] for i in range(PALETTE)]
    assert f'c{PALETTE}' not in colors
    assert min(contrast(line, colors['card']) for line in lines) >= 3  # WCAG 1.4.11
    assert (
        min(
            contrast(colors[name], colors['card'])
            for name in ('text', 'soft', 'accent', 'up', 'down')
        )
        >= 4.5
    )
    for sight in SIGHT:
        assert nearest(lines, sight) > 15, sight


@pytest.mark.parametrize('sight', SIGHT)
def test_boxes_of_different_layers_differ(sight):
    boxes = re.findall(r'--box: (#\w+)', STYLE)
    assert len(boxes) == 3
    assert nearest(boxes, sight) > 15


@pytest.mark.parametrize(('runs', 'labels', 'results', 'expected'), [
    (['t', 's'], ['t', "s's teacher", 's'], dict(t='t', s='s'), {'t': 0, 's': 1, "s's teacher": 2}),
    (['t', 's'], ['t', 's (EMA)', 's (last step)'], dict(t='t', s='s (EMA)'),
     {'t': 0, 's': 1, 's (EMA)': 1, 's (last step)': 2}),
    (['s'], ['student (EMA)', 'student (last step)'], dict(s='student (EMA)'),
     {'s': 0, 'student (EMA)': 0, 'student (last step)': 1}),
    (['s'], ['teacher', 'student'], {}, {'teacher': 0, 'student': 1, 's': 1}),
    (['s'], ['teacher'], dict(s='student'), {'teacher': 0, 's': 0}),  # nothing was evaluated: one labels
    ([], ['teacher', 'student'], {}, {'teacher': 0, 'student': 1}),
])  # fmt: skip
def test_a_run_has_the_color_of_its_result(runs, labels, results, expected):
    page = Page(
        title='',
        runs=[RunRecord(name, Path(name), Config(), '') for name in runs],
        facts={},
        classes=(),
        scores=[Score(label, None, None, None, None, (), ()) for label in labels],
        test='',
        results=results,
    )
    assert colors_of(page) == expected
