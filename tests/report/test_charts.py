"""Charts say what they show, in words and in places."""

import re

import pytest

from mmssod.analysis.report.charts import (
    DASHES,
    HEIGHT,
    PALETTE,
    WIDTH,
    Axis,
    Series,
    histogram,
    line_chart,
    styles,
)


@pytest.mark.parametrize('series', [[], [Series('empty', [])], [Series('gaps', [(0, None)])]])
def test_nothing_to_draw_is_no_chart(series):
    assert line_chart('t', series, 'x', 'y') == ''
    assert histogram('t', [('kept', [0, 0])], 'p') == ''


def test_points_lie_where_their_values_are():
    svg = line_chart('t', [Series('a', [(0, 0.0), (10, 50.0), (20, 100.0)])], 'x', 'y')
    places = [tuple(map(float, p)) for p in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)]
    (x0, y0), (x1, y1), (x2, y2) = places
    assert x0 < x1 < x2 <= WIDTH and HEIGHT >= y0 > y1 > y2
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2) and y0 - y1 == pytest.approx(y1 - y2, abs=0.2)


def test_a_gap_interrupts_the_line():
    svg = line_chart('t', [Series('a', [(0, 1), (1, 2), (2, None), (3, 1), (4, 1)])], 'x', 'y')
    assert svg.count('<polyline') == 2 and svg.count('<circle') == 4


def test_texts_are_escaped():
    svg = line_chart('<b>', [Series('<i>', [(0, 1)], key='"x"'), Series('b', [(0, 1)])], '&', 'y')
    assert '<b>' not in svg and '<i>' not in svg and 'data-class="&#34;x&#34;"' in svg


def test_long_curves_are_thinned_and_keep_their_ends():
    line = Series('a', [(i, float(i)) for i in range(100_000)])
    kept = line.thinned()
    assert len(kept) <= 242 and kept[0] == (0, 0.0) and kept[-1] == (99_999, 99_999.0)


@pytest.mark.parametrize(('lines', 'circles'), [(1, 200), (5, 1000), (6, 0)])
def test_many_points_are_lines_alone(lines, circles):
    points = [(i, i % 7) for i in range(200)]
    svg = line_chart('t', [Series(str(i), points) for i in range(lines)], 'x', 'y')
    assert svg.count('<circle') == circles and svg.count('<polyline') == lines
    alone = [*points, (200, None), (201, 1), (202, None)]
    assert '<circle' in line_chart('t', [Series(str(i), alone) for i in range(6)], 'x', 'y')


def test_hidden_lines_wait_for_the_filter_and_share_their_points():
    points = [(i, i % 7) for i in range(500)]
    series = [Series(str(i), points, key=str(i), hidden=i > 0) for i in range(201)]
    svg = line_chart('t', series, 'x', 'y')
    assert svg.count('data-extra hidden>') == 2 * 200
    sizes = [len(line.split()) for line in re.findall(r'points="([^"]*)"', svg)]
    assert sizes[0] > 160 and set(sizes[1:]) == {57}


def test_histogram_stacks_its_parts():
    svg = histogram('t', [('kept', [1, 0]), ('rejected', [3, 0])], 'p', [('threshold', 0.5)])
    kept, rejected = re.findall(
        r'<rect class="\w+" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', svg
    )
    assert float(rejected[1]) == pytest.approx(3 * float(kept[1]), abs=0.3)
    assert float(rejected[0]) + float(rejected[1]) == pytest.approx(float(kept[0]), abs=0.2)
    assert 'threshold' in svg and 'kept: 1 from 0.00 to 0.50' in svg


@pytest.mark.parametrize(
    ('low', 'high'), [(0, 1), (0, 63.4), (399, 400), (0.4, 0.52), (5, 5), (0, 90000)]
)
def test_ticks_are_few_round_and_inside(low, high):
    axis = Axis(low, high, 0, 100)
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= 9
    assert all(axis.low - 1e-9 <= tick <= axis.high + 1e-9 for tick in ticks)


def test_no_two_series_look_alike():
    """Colors come again with other dashes; a group has one color, and its dashed member another pattern."""
    points = [(0, 1.0)]
    many = styles([Series(str(i), points) for i in range(PALETTE * DASHES)])
    assert many[:2] == ['s0', 's1'] and many[PALETTE] == 's0 d1'
    assert len(set(many)) == PALETTE * DASHES
    pair = [Series('kept', points, group='cls'), Series('found', points, dashed=True, group='cls')]
    assert styles([*pair, Series('other', points)]) == ['s0', 's0 d1', 's1']
    assert styles(
        [Series('run', points, color=7), Series('run', points, color=2, dashed=True)]
    ) == ['s1 d1', 's2 d1']
