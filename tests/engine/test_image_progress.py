"""Progress of loops over images, off a terminal and on one."""

import pytest

from mmssod.engine import progress
from mmssod.engine.progress import with_progress


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is ten seconds later."""
    times = iter(range(0, 10_000, 10))
    monkeypatch.setattr(progress.time, 'monotonic', lambda: next(times))


@pytest.mark.parametrize(('images', 'lines'), [
    ([], []),
    ([1, 2], ['found: 2 / 2 images, 0.1 images/s, 0:00:00 to go']),
    (list(range(7)), ['found: 3 / 7 images, 0.1 images/s, 0:00:40 to go',
                      'found: 6 / 7 images, 0.1 images/s, 0:00:10 to go',
                      'found: 7 / 7 images, 0.1 images/s, 0:00:00 to go']),
    (iter(range(3)), ['found: 3 images, 0.1 images/s']),
])  # fmt: skip
def test_a_line_each_half_minute(images, lines, clock, capsys):
    given = list(images) if isinstance(images, list) else [0, 1, 2]
    assert list(with_progress(images, 'found')) == given
    assert capsys.readouterr().out.splitlines() == lines


def test_a_bar_on_a_terminal_is_given_back(monkeypatch):
    told = []

    class Bar:
        def __init__(self, loggers):
            pass

        def start(self):
            told.append('start')

        def show(self, phase, done, total, figures):
            told.append((phase, done, total))

        def stop(self):
            told.append('stop')

    monkeypatch.setattr(progress, 'on_terminal', lambda: True)
    monkeypatch.setattr(progress, 'ProgressBar', Bar)
    for _ in with_progress(['a', 'b'], 'infer'):
        pass
    with pytest.raises(KeyError):
        for _ in with_progress(['a'], 'infer'):
            raise KeyError
    assert told == ['start', ('infer', 1, 2), ('infer', 2, 2), 'stop', 'start', 'stop']
