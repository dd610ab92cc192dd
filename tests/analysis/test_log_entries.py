"""Logs of runs: what a kill, a disk or a number without end leaves of them."""

from mmssod.environment.log_entries import log_entries


def test_lines_that_are_whole_objects_are_read(tmp_path):
    log = tmp_path / 'scalars.json'
    log.write_bytes(
        b'{"loss": 1.5, "step": 1}\n'
        b'\xff\xfe{"loss": 2}\n'  # no UTF-8
        b'[1, 2]\n3\n"text"\nnull\n'
        b'{"loss": NaN, "lr": Infinity, "step": 2}\n'
        b'{"loss": 1' + b'0' * 400 + b', "step": 3}\n'
        b'\n' + b'[' * 100_000 + b'\n'
        b'{"name": "se\xc3\xb1al", "on": true, "step": 4}\n'
        b'{"loss": 0.5, "st'
    )
    assert log_entries(log) == [
        {'loss': 1.5, 'step': 1},
        {'step': 2},
        {'step': 3},
        {'name': 'se\u00f1al', 'on': True, 'step': 4},
    ]


def test_an_empty_log(tmp_path):
    (tmp_path / 'log').touch()
    assert log_entries(tmp_path / 'log') == []
