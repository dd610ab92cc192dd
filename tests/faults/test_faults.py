"""The fault campaign in little: that its parts work, and see what they look for. (`make faults` is the real one.)"""

import json
import os

import pytest
import torch
from bad_rows import every_row
from bank_faults import killed, power_loss
from builders.fault_runs import differences, start, wait
from campaign import kills_in_all, page, run
from folders import clock_set_back, copied, two_at_once, used_again
from full_disk import full_disk
from kills import kill_once, kill_one_of_two, kill_one_process
from refusals import bombs, malicious_checkpoint, traversal
from soak import growth, soak
from world import clock_jumps, sigterm, torchrun_restarts, worker_killed


@pytest.mark.parametrize('part', [malicious_checkpoint, traversal, bombs])
def test_what_would_harm_is_refused(tmp_path, part):
    assert part(tmp_path)['passed']


def test_a_part_that_fails_is_a_row_and_not_the_end(tmp_path):
    def fails(folder):
        raise RuntimeError('no | such\nthing')

    parts = {'one': fails, 'two': lambda folder: dict(seen=3, passed=True)}
    results = run(tmp_path, parts)
    assert [result['passed'] for result in results.values()] == [False, True]
    text = page(results, 'python x.py')
    assert '| one | **no** | error: RuntimeError: no \\| such thing' in text
    assert '| two | yes | seen: 3' in text and '| torch |' in text
    json.dumps(results)


def test_a_campaign_that_was_cut_goes_on(tmp_path):
    """What passed is kept; what did not is tried again."""
    calls = []

    def part(name, passed):
        return lambda folder: calls.append(name) or dict(passed=passed, kills=2)

    first = run(tmp_path, {'a b': part('a', True), 'c': part('c', False)})
    again = run(tmp_path, {'a b': part('a', False), 'c': part('c', True), 'd': part('d', True)})
    assert calls == ['a', 'c', 'c', 'd'] and again['a b'] == first['a b']
    assert kills_in_all(again) == dict(kills=6, at_least=60, passed=False)
    assert kills_in_all(dict(x=dict(kills=59), y=dict(kills=1)))['passed']


@pytest.mark.parametrize(
    ('leak', 'files', 'expected'), [(0, 0, (0.0, 0)), (3, 0, (0.11, 0)), (0, 1, (0.0, 40))]
)
def test_growth_is_measured(leak, files, expected):
    """80 rows of a run: memory 1000 + leak a row, so 1091.5 and 1211.5 in the middle of its quarters."""
    rows = [[n, 1000 + leak * n, 8 + files * n, 2] for n in range(1, 81)]
    rows[2] = [3, 10**9, 100, 2]  # the start does not count
    memory, opened = growth(rows)
    assert (round(memory, 2), opened) == expected


def test_a_run_that_ends_before_its_kill_is_no_kill(tmp_path):
    def has_ended():
        pid = start(lambda: None, tmp_path / 'log')
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # and is still there to be waited for
        return pid

    with pytest.raises(RuntimeError, match='ended before they were killed'):
        kill_once(has_ended, tmp_path / 'run', 'a.pth', lambda: 0.0)


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


@pytest.mark.parametrize(
    'part', [worker_killed, clock_jumps, clock_set_back, lambda folder: power_loss(folder, 20)]
)
def test_quick_parts(tmp_path, part):
    result = part(tmp_path)
    assert result['passed'], result


@pytest.mark.slow
@pytest.mark.parametrize(
    'part',
    [
        lambda folder: every_row(folder, 'Checkpoints'),
        lambda folder: kill_one_process(folder, 2),
        lambda folder: kill_one_of_two(folder, 1),
        lambda folder: torchrun_restarts(folder, 40),
        lambda folder: sigterm(folder, 2),
        lambda folder: soak(folder, 40),
        lambda folder: copied(folder, 2),
        lambda folder: used_again(folder, 2),
        lambda folder: two_at_once(folder, 1),
        lambda folder: killed(folder, 1),
        full_disk,
    ],
)
def test_every_part_in_little(tmp_path, part):
    result = part(tmp_path)
    assert result['passed'], result
