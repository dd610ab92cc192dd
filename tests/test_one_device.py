"""The benchmark of one device, at toy size on a CPU: what it writes, and what a budget and a failure leave."""

import json

import pytest

import one_device
from speed_ratios import device_steps


def run(monkeypatch, file, *words):
    toy = ['--device', 'cpu', '--size', '64', '--images', '1', '--no-training']
    monkeypatch.setattr('sys.argv', ['one_device.py', *toy, *words, '--out', str(file)])
    code = one_device.main()
    return code, json.loads(file.read_text())


@pytest.mark.slow
def test_steps_of_a_detector(monkeypatch, tmp_path):
    monkeypatch.setattr(device_steps, 'WARM_UP', 1)
    monkeypatch.setattr(device_steps, 'STEPS', 1)
    words = ['--only', 'yolox_nano', '--precisions', 'fp32', 'bf16']
    code, found = run(monkeypatch, tmp_path / 'new/toy.json', *words)
    assert code == 0
    data, *steps = found['results']
    assert data['images_per_second_and_worker'] > 0
    kinds = [(line['kind'], line['precision']) for line in steps]
    assert kinds == [
        ('supervised', 'fp32'),
        ('EMA teacher', 'fp32'),
        ('label bank', 'fp32'),
        ('EMA teacher', 'bf16'),
    ]
    supervised, ema, *_ = steps
    assert all(line['step_seconds'] > 0 for line in steps)
    assert ema['waits'] >= supervised['waits'] > 0
    for line, taken in ((supervised, 1), (ema, 2)):
        needed = line['images_needed_per_second']
        assert needed * line['step_seconds'] == pytest.approx(taken)
    assert found['environment']['torch'] and found['command'].endswith('toy.json')


def test_a_budget_and_a_failure(monkeypatch, tmp_path):
    monkeypatch.setattr('speed_ratios.data.rate_of_views', lambda size: 1 / 0)
    code, found = run(monkeypatch, tmp_path / 'toy.json', '--only', 'rtmdet_l', '--seconds', '0')
    assert code == 0 and all('not run' in line for line in found['results'])
    code, found = run(monkeypatch, tmp_path / 'toy.json', '--only', 'none')
    assert code == 1 and 'ZeroDivisionError' in found['results'][0]['failed']
