"""The table of ratios: what a ratio is, what meets a bar, what the tool says and ends with."""

import itertools

import pytest

import speed_ratios as ratios
from demo_drawings import make_demo_data
from speed_ratios import Measured, Row, Setting, burn_in, evaluation, resume, rows

BARS = {  # of the issue; both directions
    'bank-supervised': 1.05,
    'bank-online': 0.75,
    'soft-teacher': 0.80,
    'semi-base': 1.02,
    'yolox-rate': 1.0,
    'yolox-mmdet': 1.7,
    'yolox-ema': 2.4,
    'yolox-semi-base': 1.02,
    'bank-memory': 1.05,
    'coder': 0.33,
    'side': 1.25,
    'ema': 0.5,
    'data': 1.3,
    'kept-images': 10,
    'coco': 0.15,
    'resume': 1.10,
    'bank-predict': 0.95,
}


def test_every_bar_has_its_row_once():
    assert {row.name: row.bar for row in ratios.ROWS} == BARS
    assert len(ratios.ROWS) == len(BARS)
    assert {row.name for row in ratios.ROWS if row.at_least} == {
        'data',
        'kept-images',
        'bank-predict',
        'yolox-rate',
        'yolox-mmdet',
    }
    for row in ratios.ROWS:
        assert (row.measure is None) == bool(row.absent)


@pytest.mark.parametrize(
    ('bar', 'at_least', 'rate', 'sound', 'met'),
    [
        (0.5, False, False, True, True),
        (0.49, False, False, True, False),
        (0.5, False, False, False, False),
        (2.0, True, True, True, True),
        (2.1, True, True, True, False),
    ],
)
def test_what_meets_a_bar(bar, at_least, rate, sound, met):
    """Rounds of 1, 1, 9 s against 2, 2, 2: half as long, twice as fast; one slow round changes nothing."""
    measured = Measured([1, 1, 9], [2, 2, 2], rate=rate, sound=sound)
    assert Row('x', 'x', bar, at_least=at_least).met(measured) is met


def test_both_are_timed_in_turns(monkeypatch):
    """The clock is a counter of calls: ours takes 1, theirs 3; the first round does not count."""
    ticks = itertools.count()
    clock = [0]
    monkeypatch.setitem(rows.CLOCKS, 'wall', lambda: clock[0])
    order = []

    def work(name, seconds):
        order.append(name)
        clock[0] += seconds + (100 if next(ticks) < 2 else 0)

    prepared = []
    ours, theirs = rows.in_turns(
        Setting(rounds=5),
        lambda: work('ours', 1),
        lambda: work('theirs', 3),
        prepare=(lambda: prepared.append('ours'), lambda: prepared.append('theirs')),
    )
    assert ours == [1] * 5 and theirs == [3] * 5
    assert order == prepared and order[:6] == ['theirs', 'ours', 'ours', 'theirs', 'theirs', 'ours']


def test_settings_that_are_refused():
    with pytest.raises(ValueError, match='at least 5 rounds'):
        Setting(rounds=4)
    with pytest.raises(ValueError, match="wall clock for device='cuda', got clock='cpu'"):
        Setting(device='cuda', clock='cpu')
    with pytest.raises(ValueError, match="one of .*'cpu', 'wall'.*got 'sun'"):
        Setting(clock='sun')


def test_choice_of_rows():
    table = [Row('a', 'a', 1), Row('b', 'b', 1, quick=False)]
    assert ratios.choose(table, [], quick=False) == table
    assert ratios.choose(table, [], quick=True) == table[:1]
    assert ratios.choose(table, ['b'], quick=True) == table[1:]
    with pytest.raises(ValueError, match=r"no ratios \['c'\]; there are \['a', 'b'\]"):
        ratios.choose(table, ['c'], quick=False)


def test_what_cannot_be_measured_stays_in_the_table_and_is_not_met():
    (result,) = ratios.measure_rows([Row('a', 'work', 1, absent='no bank')], Setting())
    assert result.absent and not result.falls_short
    assert ratios.table([result])[1] == ['work', '<= 1.00', '-', 'no', *'----', 'no bank']


@pytest.mark.parametrize(('quick', 'images'), [(False, 5000), (True, 80)])
def test_the_evaluation_says_how_many_images_it_measures(monkeypatch, quick, images):
    drawn, draw = [], evaluation.drawn_results
    monkeypatch.setattr(evaluation, 'drawn_results', lambda n: drawn.append(n) or draw(2))
    monkeypatch.setattr(evaluation, 'in_turns', lambda _, a, b: ([a() or 1.0], [b() or 2.0]))
    said = []
    (row,) = (row for row in ratios.ROWS if row.name == 'coco')
    (result,) = ratios.measure_rows([row], Setting(quick=quick), say=said.append)
    assert drawn == [images] and result.measured.sound
    for text in (said[0], ratios.table([result])[1][0], result.measured.note):
        assert f'{images} images' in text


def half(bar):
    return Row(
        'half',
        'half the work',
        bar,
        lambda setting: Measured([0.1] * 5, [0.2] * 5, 'so'),
        reason='too slow',
    )


def exit_code(call, *arguments):
    try:
        call('benchmark/ratios.py', '--quick', *arguments)
    except SystemExit as ending:
        return ending.code
    return 0


@pytest.mark.parametrize('bar', [0.6, 0.4])
def test_tool_prints_writes_and_ends(call, monkeypatch, tmp_path, capsys, bar):
    monkeypatch.setattr(ratios, 'ROWS', (half(bar),))
    page = tmp_path / 'ratios.md'
    assert exit_code(call, '--markdown', page) == (bar < 0.5)
    shown = capsys.readouterr().out
    assert ('| half the work | too slow |' in page.read_text()) == (bar < 0.5)
    verdict = 'yes' if bar > 0.5 else 'no'
    line = f'| half the work | <= {bar:.2f} | 0.500 | {verdict} | 100 ms | 200 ms | 0.50 - 0.50 | 5 | so |'
    assert line in page.read_text() and '| torch |' in page.read_text()
    assert 'half the work' in shown and ('misses its bar: half' in shown) == (bar < 0.5)


@pytest.mark.parametrize(
    ('bars', 'allowed', 'code'),
    [
        ((), [], 1),
        ((), ['--allow-absent'], 0),
        ((0.6,), [], 1),
        ((0.6,), ['--allow-absent'], 0),
        ((0.4,), ['--allow-absent'], 1),
    ],
)
def test_a_ratio_that_is_not_measured_is_not_met(call, monkeypatch, capsys, bars, allowed, code):
    """Alone, beside one that meets its bar, and beside one that misses it."""
    absent = Row('none', 'nothing', 1, absent='no bank')
    monkeypatch.setattr(ratios, 'ROWS', (*map(half, bars), absent))
    assert exit_code(call, *allowed) == code
    assert 'not measured: none' in capsys.readouterr().out


def test_tool_refuses_cpu_time_of_a_gpu(call):
    with pytest.raises(ValueError, match='leave --clock out, or take --device cpu'):
        call('benchmark/ratios.py', '--only', 'coder', '--device', 'cuda', '--clock', 'cpu')


def test_units_of_what_is_measured():
    measured = Measured([100.0] * 5, [200.0] * 5, unit='MiB')
    row = Row('m', 'memory', 1, lambda setting: measured)
    (line,) = ratios.table(ratios.measure_rows([row], Setting()))[1:]
    assert line[4:6] == ['100 MiB', '200 MiB']


def test_coder_is_measured():
    """The one row that takes milliseconds, for real."""
    (row,) = (row for row in ratios.ROWS if row.name == 'coder')
    measured = row.measure(Setting(rounds=5, quick=True, clock='cpu'))
    assert len(measured.ours) == 5 and 0 < measured.ratio < 1


def test_a_burn_in_without_unlabeled_images_is_compared_with_one_that_has_them(tmp_path):
    make_demo_data(tmp_path, min_boxes_per_class=1, **burn_in.IMAGES)
    late, whole = (next(iter(burn_in.loader(tmp_path, start))) for start in (True, False))
    paths = [[s.img_path for s in batch['data_samples']['labeled'] if s] for batch in (late, whole)]
    assert paths[0] == paths[1] and len(paths[0]) == 4
    views = [
        [image for image in batch['inputs']['strong'] if image is not None]
        for batch in (late, whole)
    ]
    assert list(map(len, views)) == [0, 4]


@pytest.mark.slow
def test_resumed_runs_start_where_their_checkpoints_say(monkeypatch):
    """The row's runs for real, each once: they end one iteration behind their start."""
    ends = []

    def once(setting, late, early, prepare):
        for run, prepared in zip((late, early), prepare, strict=True):
            prepared()
            run()
            ends.append(run.__self__.runner.iter)
        return [1.0], [1.0]

    monkeypatch.setattr(resume, 'in_turns', once)
    assert resume.resume(Setting()).ratio == 1
    assert ends == [100_001, 101]
