"""``mmssod run``: the plan, three trainings and a report, cut off wherever, finished once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from builders.fault_runs import start, wait
from builders.trainings import LENGTHS, make_project, small_data
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from mmssod.cli import main
from mmssod.engine.hooks.stop_early_hook import STOPPED
from mmssod.engine.reliability.checkpoint_files import LAST
from mmssod.engine.reliability.resume import EVALUATED
from mmssod.own_data.run import facts
from mmssod.own_data.run.clock import Clock
from mmssod.own_data.run.stages import project_trainings

ROOT = Path(__file__).parents[2]

TEACHER = """_base_ = ['x.py', './data.py']
share = -(-_base_.iterations // 4)
train_cfg = dict(max_iters=_base_.iterations, val_interval=share)
hooks = [one for one in range(3)]
"""
DATA = """here = "{{ fileDirname }}"
iterations = 80  # of the teacher
student_iterations = max(round(0.75 * iterations), 1)
student_cost = 2.25
supervised_iterations = iterations + round(2 * student_iterations)
classes = ('a', 'b')
step_seconds = 0.5
"""


def plan(folder, data=DATA, **texts):
    """A project whose configs are never loaded."""
    folder.mkdir()
    (folder / 'data.py').write_text(data)
    for name in facts.STAGES:
        text = texts.get(
            name, f"_base_ = './teacher.py'\ntrain_cfg = dict(max_iters=_base_.{name}_iterations)\n"
        )
        (folder / f'{name}.py').write_text(TEACHER if name == 'teacher' else text)
    return folder


def left_behind(work_dir, iteration, evaluated=None):
    """What a training leaves after so many iterations."""
    work_dir.mkdir(parents=True, exist_ok=True)
    (work_dir / f'iter_{iteration}.pth').touch()
    (work_dir / LAST).write_text(f'/elsewhere/{work_dir.name}/iter_{iteration}.pth')
    if evaluated is not None:
        (work_dir / EVALUATED).write_text(str(evaluated))


def test_the_plan_comes_from_the_files_alone(tmp_path):
    """80 * 0.5 s + 60 * 1.075 s + 200 * 0.5 s = 204.5 s."""
    folder = plan(tmp_path / 'own')
    assert facts.plan_lines(folder)[:2] == [
        f'{folder}: teacher (80 iterations), student (60 iterations), supervised (200 iterations), report',
        'about 3 min by the estimate in data.py, evaluations come on top; corrected after the first steps',
    ]


def test_the_plan_knows_what_is_done(tmp_path):
    folder = plan(tmp_path / 'own')
    left_behind(folder / 'work_dirs/teacher', 80, evaluated=80)
    left_behind(folder / 'work_dirs/student', 45, evaluated=45)
    # killed in its last evaluation
    left_behind(folder / 'work_dirs/supervised', 200, evaluated=150)
    first = facts.plan_lines(folder)[0]
    assert first.endswith(
        'teacher (done), student (from 45 to 60 iterations), supervised (from 200 to 200 iterations), report'
    )
    (folder / 'work_dirs/supervised' / EVALUATED).write_text('200')
    left_behind(folder / 'work_dirs/student', 60, evaluated=60)
    assert facts.plan_lines(folder)[1] == 'all trainings are complete'


@pytest.mark.parametrize(('facts_of', 'expected'), [
    ('{"iteration": 40, "max_iters": 80}', True),
    ('{"iteration": 40, "max_iters": 90}', False),  # of another length
    ('{"iteration": 60, "max_iters": 80}', False),  # whose checkpoint is gone
    ('{"iter', False),
])  # fmt: skip
def test_a_training_that_ended_early_is_complete(tmp_path, facts_of, expected):
    left_behind(tmp_path, 40, evaluated=40)
    (tmp_path / STOPPED).write_text(facts_of)
    assert facts.complete(tmp_path, 80) == expected
    assert not facts.complete(tmp_path, 80, may_stop=False)


def test_what_the_log_measured_goes_before_the_estimate(tmp_path):
    folder = plan(tmp_path / 'own')
    log = folder / 'work_dirs/teacher/1/vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text(
        '{"loss": 1.0, "time": 3.0, "step": 1}\n{"coco/bbox_mAP": 0.1, "time": 9.0}\n{"loss": 1'
    )
    assert facts.step_seconds(folder / 'work_dirs/teacher') == 3.0
    stages, step = facts.read_project(folder)
    assert step == 0.5
    assert facts.seconds_left(stages, step) == pytest.approx(3 * (80 + 2.25 * 60 + 200))
    assert 'about 21 min by the log of earlier steps' in facts.plan_lines(folder)[1]


@pytest.mark.parametrize(
    'data', ['', 'iterations = load()', 'iterations = 1 / 0', 'iterations = (']
)
def test_a_length_that_cannot_be_read_is_no_error(tmp_path, data):
    folder = plan(tmp_path / 'own', data)
    lines = facts.plan_lines(folder)
    assert 'teacher (? iterations)' in lines[0] and 'after the first steps' in lines[1]


@pytest.mark.parametrize(
    ('seconds', 'text'), [(0, '0 s'), (89, '89 s'), (600, '10 min'), (12000, '3.3 h')]
)
def test_rough_times(seconds, text):
    assert facts.rough(seconds) == text


def test_the_first_line_comes_before_torch(tmp_path):
    folder = plan(tmp_path / 'own')
    code = (
        'import sys, time, mmssod_command\n'
        'begun = time.monotonic(); mmssod_command.begin(["run", sys.argv[1]])\n'
        'print("loaded", {"torch", "mmengine", "numpy"} & set(sys.modules), time.monotonic() - begun < 5)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(folder)], capture_output=True, text=True, cwd=ROOT
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f'{folder}: teacher (80 iterations)'), done.stderr
    assert lines[-1] == 'loaded set() True'


@pytest.mark.parametrize(('words', 'status', 'said'), [
    (['nothing'], 1, 'expected the folder of a project'),
    (['{own}', '--seed', '-1'], 2, '--seed'),
    (['{own}', '--out', 'page.txt'], 2, 'ending in .html'),
])  # fmt: skip
def test_what_is_refused_before_anything_loads(tmp_path, words, status, said):
    folder = plan(tmp_path / 'own')
    words = ['run', *(word.format(own=folder) for word in words)]
    done = subprocess.run([sys.executable, ROOT / 'mmssod_command.py', *words], capture_output=True, text=True,
                          cwd=tmp_path, env=dict(os.environ, PYTHONPATH=str(ROOT)))  # fmt: skip
    assert done.returncode == status and said in done.stderr and 'Traceback' not in done.stderr


@HOOKS.register_module()
class Once(Hook):
    """A signal for this process in an iteration of one training, the first time."""

    def __init__(self, run, iteration, number, marker):
        self.run, self.iteration, self.number, self.marker = run, iteration, number, Path(marker)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        here = Path(runner.work_dir).name == self.run and runner.iter == self.iteration
        if here and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), self.number)

    def before_val_epoch(self, runner):
        if runner.iter == -self.iteration:  # in the evaluation after that iteration
            self.iteration = runner.iter
            self.before_train_iter(runner, 0)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp('drawn') / 'data')


def project(folder, data, hooks=()):
    cuts = [dict(type='Once', run=run, iteration=iteration, number=int(number), marker=str(folder / f'cut_{index}'))
            for index, (run, iteration, number) in enumerate(hooks)]  # fmt: skip
    return make_project(folder, data, hooks=cuts)


def run_in_a_process(folder, log):
    """The exit status of the command, and what it printed."""
    before = len(log.read_text()) if log.exists() else 0

    def action():  # pytest's streams are no file descriptors
        sys.stdout, sys.stderr = (
            open(number, 'w', buffering=1, closefd=False) for number in (1, 2)
        )
        raise SystemExit(main(['run', str(folder)]))

    return wait(start(action, log), 300.0), log.read_text()[before:]


def test_the_trainings_of_a_project(tmp_path, data):
    folder = project(tmp_path / 'own', data)
    trainings = project_trainings(folder, seed=3, amp=False, auto_scale_lr=False, cfg_options=None)
    assert {each.name: each.length for each in trainings} == LENGTHS
    assert [each.config.randomness.seed for each in trainings] == [3, 3, 3]
    assert not any(each.complete for each in trainings)
    clock = Clock(trainings, facts.read_project(folder)[0], 0.5)
    assert clock.left(trainings[0], 0) == 2.0 and clock.step('student') == pytest.approx(0.5 * 2.0)
    clock.steps['student'], clock.evaluation = 4.0, 1.0
    assert clock.step('supervised') == pytest.approx(2.0)
    assert clock.left(trainings[1], 2) == pytest.approx(2 * 4.0 + 1)
    assert (
        clock.line(trainings[1], 2)
        == 'about 24 s left (student 9 s, supervised 15 s), then the report'
    )


def test_a_student_of_another_start_has_no_teacher(tmp_path, data):
    folder = project(tmp_path / 'own', data)
    weights = tmp_path / 'own_weights.pth'
    torch.save(dict(state_dict={}), weights)
    options = dict(seed=None, amp=False, auto_scale_lr=False)
    text = (folder / 'student.py').read_text()
    (folder / 'student.py').write_text(f'{text}load_from = {str(weights)!r}\n')
    names = [each.name for each in project_trainings(folder, **options, cfg_options=None)]
    assert names == ['student', 'supervised']


@pytest.mark.parametrize(('file', 'text', 'said'), [
    ('student.py', "load_from = work_dir.replace('student', 'teacher') + '/iter_3.pth'", 'does not end with'),
    ('supervised.py', "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='None such', lr=1.0))",
     'supervised: '),
])  # fmt: skip
def test_wrong_configs_are_told_before_any_training(tmp_path, data, file, text, said, capsys):
    folder = project(tmp_path / 'own', data)
    with open(folder / file, 'a') as stream:
        stream.write(text + '\n')
    assert main(['run', str(folder)]) == 1
    assert said in capsys.readouterr().err
    assert not (folder / 'work_dirs').exists()


def test_a_project_that_was_trained_for_longer(tmp_path, data, capsys):
    folder = project(tmp_path / 'own', data)
    work_dir = folder / 'work_dirs/supervised'
    work_dir.mkdir(parents=True)
    torch.save(dict(state_dict={}, meta={}), work_dir / 'iter_9.pth')
    (work_dir / LAST).write_text(str(work_dir / 'iter_9.pth'))
    assert main(['run', str(folder)]) == 1
    assert 'supervised: trained for longer than its config says' in capsys.readouterr().err


@pytest.mark.slow
def test_cut_off_in_each_training_it_goes_on_and_ends_the_same(tmp_path, data):
    """Killed in the teacher, in the last evaluation of the student and in the baseline; Ctrl-C in the baseline."""
    whole, log = project(tmp_path / 'whole', data), tmp_path / 'log'
    status, said = run_in_a_process(whole, log)
    assert status == 0, said
    for name in LENGTHS:
        assert f'of 3: {name}, {LENGTHS[name]} iterations' in said
    assert 'mmssod export' in said and 'best_coco_bbox_mAP_iter_' in said
    for noise in ('System environment', 'Hooks will be executed', 'creating index', 'Exp name'):
        assert noise not in said
    assert (whole / 'report.html').is_file()

    kill, press = signal.SIGKILL, signal.SIGINT
    cuts = [
        ('teacher', 3, kill),
        ('student', -4, kill),
        ('supervised', 3, kill),
        ('supervised', 5, press),
    ]
    cut = project(tmp_path / 'cut', data, cuts)
    for index, expected in enumerate([-9, -9, -9, 130]):
        status, said = run_in_a_process(cut, log)
        assert status == expected and (cut / f'cut_{index}').exists(), said
        assert 'Traceback' not in said
    assert f'stopped; go on with: mmssod run {cut}' in said
    assert not (cut / 'report.html').exists()
    status, said = run_in_a_process(cut, log)
    last = said.splitlines()[-1]
    assert status == 0 and (cut / 'report.html').is_file()
    assert f'--score-thr {cut / "report.thresholds.json"}' in said
    assert (cut / 'report.thresholds.json').is_file()
    for name, length in LENGTHS.items():
        one, other = (
            torch.load(folder / f'work_dirs/{name}/iter_{length}.pth', weights_only=False)[
                'state_dict'
            ]
            for folder in (whole, cut)
        )
        assert all(torch.equal(value, other[key]) for key, value in one.items()), name
        assert len(list((cut / 'work_dirs' / name).glob('best_*.pth'))) == 1

    before = {path: path.stat().st_mtime_ns for path in cut.rglob('*')}
    began = time.monotonic()
    status, said = run_in_a_process(cut, log)
    assert status == 0 and 'all trainings are complete' in said and time.monotonic() - began < 60
    *_, finished, verdict = said.splitlines()
    assert finished == f'finished before, nothing was left to do; the report: {cut / "report.html"}'
    assert verdict == last and ' AP (95 % interval' in verdict
    assert {path: path.stat().st_mtime_ns for path in cut.rglob('*')} == before
    (cut / 'report.html').unlink()
    shutil.rmtree(whole)
