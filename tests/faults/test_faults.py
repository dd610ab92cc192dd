"""The fault campaign in little: that its parts work, and see what they look for. (`make faults` is the real one.)"""

import json

import pytest
import torch
from campaign import page, run
from fault_runs import differences, start, wait
from kills import kill_one_of_two, kill_one_process
from refusals import bombs, malicious_checkpoint, traversal
from soak import soak
from world import clock_jumps, sigterm, torchrun_restarts, worker_killed


@pytest.mark.parametrize('part', [malicious_checkpoint, traversal, bombs])
def test_what_would_harm_is_refused(tmp_path, part):
    assert part(tmp_path)['passed']


def test_a_part_that_fails_is_a_row_and_not_the_end(tmp_path):
    def fails(folder):
        raise RuntimeError('no | such\nthing')

    results = run(tmp_path, {'one': fails, 'two': lambda folder: dict(seen=3, passed=True)})
    assert [result['passed'] for result in results.values()] == [False, True]
    text = page(results, 'python x.py')
    assert '| one | **no** | error: RuntimeError: no \\| such thing' in text
    assert '| two | yes | seen: 3' in text and '| torch |' in text
    json.dumps(results)


def test_differences_are_seen(tmp_path):
    content = dict(
        state_dict=dict(a=torch.ones(3)), optimizer=dict(state={0: dict(m=torch.ones(2))})
    )
    content['param_schedulers'] = [dict(last_step=3)]
    for name in ('one', 'two'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'class_balance.jsonl').write_text('{}')
        torch.save(content, tmp_path / name / 'a.pth')
    one, two = tmp_path / 'one', tmp_path / 'two'
    assert differences(one, two, 'a.pth') == []
    content['state_dict']['a'] = torch.ones(3) + 1e-7
    content['optimizer']['state'][0]['m'] = torch.zeros(2)
    content['param_schedulers'][0]['last_step'] = 4
    torch.save(content, two / 'a.pth')
    (two / 'class_balance.jsonl').write_text('')
    assert differences(one, two, 'a.pth') == [
        'state_dict.a',
        'optimizer.state.0.m',
        'param_schedulers[0].last_step',
        'class_balance.jsonl',
    ]


def test_codes_of_processes(tmp_path):
    def ends():
        raise SystemExit(7)

    def breaks():
        raise ValueError('told')

    assert wait(start(ends, tmp_path / 'log')) == 7
    assert wait(start(breaks, tmp_path / 'log')) == 1
    assert 'ValueError: told' in (tmp_path / 'log').read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    'part',
    [
        lambda folder: kill_one_process(folder, 2),
        lambda folder: kill_one_of_two(folder, 1),
        lambda folder: torchrun_restarts(folder, 40),
        lambda folder: sigterm(folder, 2),
        lambda folder: soak(folder, 40),
        worker_killed,
        clock_jumps,
    ],
)
def test_every_part_in_little(tmp_path, part):
    result = part(tmp_path)
    assert result['passed'] or 'memory_growth' in result, result  # 40 iterations are not warm
