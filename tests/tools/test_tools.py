import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from builders.toy_training import toy_config, weights_of, write_config

ROOT = Path(__file__).parent.parent.parent
TOOLS = ROOT / 'tools'


def shell(script, *args, **env):
    environment = {**os.environ, 'PYTHON': sys.executable, **{k: str(v) for k, v in env.items()}}
    command = ['bash', str(TOOLS / script), *map(str, args)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


# ------------------------------------------------------------------ train.py, test.py


def test_train_resume_and_test(tmp_path, call):
    config = write_config(toy_config(tmp_path / 'unused', max_iters=2), tmp_path)
    work_dir = tmp_path / 'run'
    call('train.py', config, '--work-dir', work_dir, '--seed', 5, '--resume')
    options = ['train_cfg.max_iters=4', 'default_hooks.checkpoint.interval=1']
    call('train.py', config, '--work-dir', work_dir, '--resume', '--cfg-options', *options)
    assert sorted(path.name for path in work_dir.glob('*.pth')) == [
        'iter_2.pth',
        'iter_3.pth',
        'iter_4.pth',
    ]
    meta = torch.load(work_dir / 'iter_4.pth', weights_only=False)['meta']
    assert (meta['iter'], meta['seed']) == (4, 5)
    # Another name: within one second, runs of one name in one process share a log.
    other = ['--cfg-options', 'experiment_name=other', '--work-dir', tmp_path / 'test']
    call('test.py', config, work_dir / 'iter_4.pth', *other)
    assert 'toy/bbox_mAP: 0.0800' in next((tmp_path / 'test').glob('*/*.log')).read_text()


def test_dry_run_prints_its_report(tmp_path, call, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'config').mkdir()
    config = write_config(toy_config(tmp_path / 'run'), tmp_path / 'config')
    call('train.py', config, '--dry-run')
    assert 'dry run: no step was taken, nothing was written' in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ['config']


def test_dry_run_is_for_one_process(call, capsys):
    with pytest.raises(SystemExit):
        call('train.py', 'x.py', '--dry-run', '--launcher', 'pytorch')
    assert 'one process' in capsys.readouterr().err


@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_mmdetections_arguments_are_there(tool, call, capsys):
    with pytest.raises(SystemExit):
        call(tool, '--help')
    known = capsys.readouterr().out
    both = ['config', '--work-dir', '--cfg-options', '--launcher', '--local_rank']
    own = {
        'train.py': [
            '--amp',
            '--auto-scale-lr',
            '--resume',
            '--seed',
            '--load-from',
            '--dry-run',
            '--teacher',
        ],
        'test.py': [
            'checkpoint',
            '--out',
            '--show',
            '--show-dir',
            '--wait-time',
            '--tta',
            '--score-thr',
        ],
    }
    for argument in [*both, *own[tool]]:
        assert argument in known


# ------------------------------------------------------------------ train.py --teacher


@pytest.fixture
def pair(tmp_path):
    """Config files of a teacher of two iterations and of a student that starts from its end."""

    def write(name, **changes):
        (tmp_path / name).mkdir(exist_ok=True)
        cfg = toy_config(tmp_path / name, **changes)
        cfg.load_from = str(tmp_path / 'teacher/iter_2.pth') if name == 'student' else None
        return write_config(cfg, tmp_path / name)

    return dict(teacher=write('teacher', max_iters=2), student=write('student'), write=write)


def test_one_command_trains_teacher_and_student(tmp_path, call, pair):
    command = ['train.py', pair['student'], '--teacher', pair['teacher'], '--seed', 5]
    call(*command, '--cfg-options', 'optim_wrapper.optimizer.lr=0.0')
    teacher, student = weights_of(tmp_path / 'teacher', 2), weights_of(tmp_path / 'student', 4)
    assert torch.equal(teacher['student.0.weight'], student['student.0.weight'])
    first = tmp_path / 'teacher/iter_2.pth'
    assert torch.load(first, weights_only=False)['meta']['seed'] == 5
    before = first.stat().st_mtime_ns
    # A teacher that is there is not trained again.
    call(*command, '--work-dir', tmp_path / 'second')
    assert first.stat().st_mtime_ns == before
    assert (tmp_path / 'second/iter_4.pth').exists()


def test_a_teacher_that_was_cut_off_resumes(tmp_path, call, pair):
    """With the student's start given on the command line."""
    call('train.py', pair['teacher'])
    longer = pair['write']('teacher', max_iters=4)
    start = tmp_path / 'teacher/iter_4.pth'
    call('train.py', pair['student'], '--teacher', longer, '--load-from', start)
    logs = [path.read_text() for path in sorted((tmp_path / 'teacher').glob('*/*.log'))]
    assert 'iter_2.pth' in logs[-1] and 'Iter(train) [1/4]' not in logs[-1]
    assert (tmp_path / 'student/iter_4.pth').exists()


def test_nothing_is_trained_before_both_are_checked(tmp_path, call, pair, monkeypatch):
    monkeypatch.setenv('MMSSOD_TRACE', '1')
    with pytest.raises(ValueError, match=r'iter_2.pth, got .*elsewhere.pth'):
        call(
            'train.py',
            pair['student'],
            '--teacher',
            pair['teacher'],
            '--load-from',
            'elsewhere.pth',
        )
    wrong = ['--cfg-options', 'val_evaluator.type=CocoMetric', 'val_evaluator.ann_file=none.json']
    with pytest.raises(ValueError, match='no annotation file'):
        call('train.py', pair['student'], '--teacher', pair['teacher'], *wrong)
    assert not list(tmp_path.rglob('*.pth'))


def test_dry_run_is_for_one_config(call, capsys):
    with pytest.raises(SystemExit):
        call('train.py', 'x.py', '--dry-run', '--teacher', 'y.py')
    assert 'one config' in capsys.readouterr().err


# ------------------------------------------------------------------ run_mmdet.py


def test_lists_mmdetections_tools(call, capsys):
    call('run_mmdet.py')
    listed = capsys.readouterr().out
    for tool in ('analysis_tools/analyze_logs.py', 'misc/print_config.py', 'test.py'):
        assert tool in listed


def test_runs_a_tool_on_our_config(tmp_path, call, capsys):
    config = write_config(toy_config(tmp_path), tmp_path)
    call('run_mmdet.py', 'print_config', config)
    assert 'ToyDetector' in capsys.readouterr().out


@pytest.mark.parametrize(('name', 'part'), [('no_such_tool', 'train.py'), ('', 'train.py')])
def test_unknown_tool_shows_the_list(call, name, part):
    with pytest.raises(SystemExit, match=part):
        call('run_mmdet.py', name)


# ------------------------------------------------------------------ shell


@pytest.fixture
def fake_program(tmp_path):
    """A program that prints its arguments, one a line."""
    program = tmp_path / 'srun'
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ('script', 'positional', 'tool'),
    [
        ('dist_train.sh', ['my config.py', '2'], 'train.py'),
        ('dist_test.sh', ['my config.py', 'c.pth', '2'], 'test.py'),
    ],
)
def test_dist_scripts_pass_everything_on(fake_program, script, positional, tool):
    more = ['--cfg-options', 'a=b c']
    nodes = dict(NNODES=2, NODE_RANK=1, PORT=1234, MASTER_ADDR='10.0.0.1')
    result = shell(script, *positional, *more, PYTHON=fake_program, **nodes)
    given = result.stdout.splitlines()
    assert given[:7] == [
        '-m',
        'torch.distributed.run',
        '--nnodes=2',
        '--node_rank=1',
        '--master_addr=10.0.0.1',
        '--master_port=1234',
        '--nproc_per_node=2',
    ]
    assert given[7].endswith(f'/{tool}')
    assert given[8:] == [*positional[:-1], '--launcher', 'pytorch', *more]


def test_processes_that_die_are_started_again(fake_program):
    """torchrun's own option; see the fault campaign for what it does."""
    given = shell('dist_train.sh', 'c.py', '2', PYTHON=fake_program, MAX_RESTARTS='3').stdout
    assert '--max_restarts=3' in given.splitlines()


@pytest.mark.parametrize(
    ('script', 'last', 'tool'),
    [('slurm_train.sh', 'work dir', 'train.py'), ('slurm_test.sh', 'c.pth', 'test.py')],
)
def test_slurm_scripts_pass_everything_on(fake_program, script, last, tool):
    path = f'{fake_program.parent}:{os.environ["PATH"]}'
    env = dict(GPUS=16, GPUS_PER_NODE=4, SRUN_ARGS='--time 10 --mem 5', PATH=path)
    given = shell(script, 'part', 'job', 'c.py', last, '--x', 'a b', **env).stdout.splitlines()
    for argument in ('--gres=gpu:4', '--ntasks=16', '--ntasks-per-node=4', '--time', '10', 'a b'):
        assert argument in given
    assert any(argument.endswith(f'/{tool}') for argument in given)
    assert last in given or f'--work-dir={last}' in given
    cpu = shell(
        script, 'part', 'job', 'c.py', last, **{**env, 'GPUS_PER_NODE': 0, 'TASKS_PER_NODE': 2}
    )
    assert '--gres' not in cpu.stdout and '--ntasks-per-node=2' in cpu.stdout


@pytest.mark.parametrize('script', sorted(path.name for path in TOOLS.glob('*.sh')))
def test_scripts_say_how_they_are_used(script):
    result = shell(script)
    assert result.returncode == 2 and 'usage: ' in result.stderr


def free_port():
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]


@pytest.fixture
def two_processes(tmp_path):
    """Environment of two processes with the toy run at hand."""
    path = os.pathsep.join([str(ROOT / 'tests'), os.environ.get('PYTHONPATH', '')])
    return dict(PYTHONPATH=path, PORT=free_port(), OMP_NUM_THREADS=1)


def succeed(result):
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def test_two_processes_train_as_one(tmp_path, call, two_processes):
    """gloo on a CPU: two processes of 1 + 1 images end like one of 2 + 2 (no dropout, no BN)."""
    configs = {}
    for name, counts in (('one', (2, 2)), ('two', (1, 1))):
        (tmp_path / name).mkdir()
        cfg = toy_config(tmp_path / name, counts=counts, model=dict(dropout=0.0, norm=False))
        configs[name] = write_config(cfg, tmp_path / name)
    log = succeed(shell('dist_train.sh', configs['two'], 2, **two_processes))
    assert 'batch: 1 labeled + 1 unlabeled per process x 2 = 4 images' in log
    call('train.py', configs['one'])
    single, double = weights_of(tmp_path / 'one', 4), weights_of(tmp_path / 'two', 4)
    assert single.keys() == double.keys()
    for name, value in single.items():
        torch.testing.assert_close(
            value, double[name], msg=lambda text, name=name: f'{name}: {text}'
        )


@pytest.mark.slow
def test_two_processes_test(tmp_path, call, two_processes):
    config = write_config(toy_config(tmp_path / 'run', max_iters=2), tmp_path)
    call('train.py', config)
    log = succeed(shell('dist_test.sh', config, tmp_path / 'run/iter_2.pth', 2, **two_processes))
    assert 'toy/bbox_mAP: 0.0800' in log


@pytest.mark.slow
def test_two_processes_resume(tmp_path, two_processes):
    """A resumed run of two processes ends bit by bit like an uninterrupted one."""
    ends = {}
    for name, cuts in (('whole', [4]), ('cut', [2, 4])):
        (tmp_path / name).mkdir()
        config = write_config(toy_config(tmp_path / name, counts=(2, 1)), tmp_path / name)
        for cut in cuts:
            limit = ['--cfg-options', f'train_cfg.max_iters={cut}']
            succeed(shell('dist_train.sh', config, 2, '--resume', *limit, **two_processes))
        ends[name] = weights_of(tmp_path / name, 4)
    for name, value in ends['whole'].items():
        assert torch.equal(value, ends['cut'][name]), name


@pytest.mark.slow
def test_two_processes_train_teacher_and_student(tmp_path, pair, two_processes):
    """Both trainings in one process group end like the two one after the other."""
    succeed(
        shell('dist_train.sh', pair['student'], 2, '--teacher', pair['teacher'], **two_processes)
    )
    together = weights_of(tmp_path / 'student', 4)
    succeed(shell('dist_train.sh', pair['student'], 2, **two_processes))
    for name, value in weights_of(tmp_path / 'student', 4).items():
        assert torch.equal(value, together[name]), name


@pytest.mark.slow
def test_two_machines_train_as_one(tmp_path, call, two_processes):
    """Two torchrun agents of one process each, as on two machines, end like one process."""
    ends = {}
    for name, counts in (('one', (2, 2)), ('two', (1, 1))):
        (tmp_path / name).mkdir()
        cfg = toy_config(tmp_path / name, counts=counts, model=dict(dropout=0.0, norm=False))
        config = write_config(cfg, tmp_path / name)
        if name == 'one':
            call('train.py', config)
        else:
            machines = [dict(two_processes, NNODES=2, NODE_RANK=rank) for rank in range(2)]
            with ThreadPoolExecutor(2) as pool:
                runs = [pool.submit(shell, 'dist_train.sh', config, 1, **m) for m in machines]
            logs = [succeed(run.result()) for run in runs]
            assert 'batch: 1 labeled + 1 unlabeled per process x 2 = 4 images' in logs[0]
        ends[name] = weights_of(tmp_path / name, 4)
    assert ends['one'].keys() == ends['two'].keys()
    for name, value in ends['one'].items():
        torch.testing.assert_close(value, ends['two'][name], msg=name)


FAKE_SRUN = """#!/usr/bin/env bash
# Starts what srun would on two machines: one task each, told apart by Slurm's variables.
while [ "$1" != "$PYTHON" ]; do shift; done
export SLURM_NTASKS=2 SLURM_LOCALID=0 SLURM_NODELIST='a[1-2]'
SLURM_PROCID=1 "$@" & SLURM_PROCID=0 "$@" && wait $!
"""


@pytest.mark.slow
def test_two_slurm_tasks_train_as_two_processes(tmp_path, two_processes):
    """slurm_train.sh on two machines that are this one: the first of the job's machines is where they meet."""
    programs = tmp_path / 'bin'
    programs.mkdir()
    names = '#!/bin/sh\nprintf "127.0.0.1\\nelsewhere\\n"\n'
    for name, text in (('srun', FAKE_SRUN), ('scontrol', names)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ['PATH']])
    (tmp_path / 'run').mkdir()
    config = write_config(toy_config(tmp_path / 'run', counts=(1, 1)), tmp_path / 'run')
    port = two_processes.pop('PORT')
    tasks = dict(GPUS=2, GPUS_PER_NODE=0, TASKS_PER_NODE=1, MASTER_PORT=port, PATH=path)
    work_dir = tmp_path / 'slurm'
    log = succeed(shell('slurm_train.sh', 'cpu', 'job', config, work_dir, **tasks, **two_processes))
    assert 'batch: 1 labeled + 1 unlabeled per process x 2 = 4 images' in log
    assert len(weights_of(work_dir, 4)) > 0
