"""The trial of several detectors: who is dropped when, for how many seconds, and that the winner loses nothing."""

import json
import math
import os
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from builders.drawn_images import images_of, labels_of
from builders.fault_runs import start, wait
from builders.trainings import LENGTHS, make_project
from mmdet.registry import HOOKS
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MessageHub

from demo_drawings import make_demo_data
from mmssod.analysis.gain import Gain
from mmssod.cli import main
from mmssod.datasets.preparation.own_data import LabeledSet
from mmssod.engine.reliability.whole_checkpoint_hook import WholeCheckpointHook
from mmssod.own_data.new import Machine, project
from mmssod.own_data.new.detectors import DETECTORS
from mmssod.own_data.new.planning import choose_detector, trial_detectors
from mmssod.own_data.run import candidates as law
from mmssod.own_data.run import trial

ROOT = Path(__file__).parents[2]

LAPTOP = Machine(gpus=0, memory=8.0, cores=2, name='CPU')


def never(one, other):
    return False


def always(one, other):
    return True


class Fakes:
    """Candidates of known AP, some of which fail; notes for how long each was trained in which round."""

    def __init__(self, ap, **failing):
        self.ap, self.failing, self.calls = ap, failing, []

    def train(self, name, number, seconds):
        self.calls.append((number, name, seconds))
        if name in self.failing:
            raise self.failing[name]
        return self.ap[name], seconds


@pytest.mark.parametrize(
    ('count', 'sizes'), [(0, []), (1, []), (2, [2]), (3, [3, 2]), (4, [4, 2]), (5, [5, 3, 2])]
)
def test_rounds(count, sizes):
    assert law.round_sizes(count) == sizes


@pytest.mark.parametrize('count', [2, 3, 4, 5])
def test_all_of_a_round_get_equal_seconds_and_all_together_those_of_the_trial(count):
    names = [f'd{index}' for index in range(count)]
    fakes = Fakes({name: float(index) for index, name in enumerate(names)})
    rounds = law.halve(names, 120.0, fakes.train, always)
    total, before = 0.0, 0.0
    for number, size in enumerate(law.round_sizes(count)):
        seconds = [spent for at, _, spent in fakes.calls if at == number]
        assert len(seconds) == size and len(set(seconds)) == 1
        total += size * (seconds[0] - before)
        before = seconds[0]
    assert total == pytest.approx(120.0)
    assert rounds[-1].kept == (names[-1],)
    assert set(rounds[0].ap) == set(names)


def test_four_lose_two_then_one():
    """An eighth of 80 s for each of four, then a fourth of them for each of the two that are left: 10 s, then 30 s."""
    fakes = Fakes(dict(l=20.0, m=40.0, s=10.0, n=30.0))
    rounds = law.halve('lmsn', 80.0, fakes.train, always)
    assert [each.kept for each in rounds] == [('m', 'n'), ('m',)]
    assert fakes.calls == [*((0, name, 10.0) for name in 'lmsn'), (1, 'm', 30.0), (1, 'n', 30.0)]


@pytest.mark.parametrize(('order', 'ap', 'sure', 'expected'), [
    ('ab', dict(a=5.0, b=4.0), never, 'a'),
    ('ab', dict(a=4.0, b=5.0), never, 'a'),  # chance drops none that the rules prefer
    ('ab', dict(a=4.0, b=5.0), always, 'b'),
    ('ab', dict(a=5.0, b=5.0), always, 'a'),  # a tie
    ('ab', dict(b=0.0), never, 'b'),  # the other failed
    ('abc', dict(a=1.0, b=2.0, c=3.0), always, 'bc'),
    ('abc', dict(a=1.0, b=2.0, c=3.0), never, 'ac'),  # in the place of the last of the better half
    ('abc', dict(b=2.0, c=3.0), never, 'bc'),
    ('abcd', dict(b=2.0, c=3.0, d=4.0), never, 'bd'),  # without the first the second is the one to beat
])  # fmt: skip
def test_who_is_kept(order, ap, sure, expected):
    assert law.kept(order, ap, sure) == tuple(expected)


def test_one_that_fails_is_dropped_and_named():
    fakes = Fakes(dict(a=1.0, b=2.0, c=3.0), a=MemoryError('no room\nmore'))
    rounds = law.halve('abc', 60.0, fakes.train, never)
    assert rounds[0].failed == dict(a='MemoryError: no room\nmore') and rounds[0].kept == ('b', 'c')
    assert rounds[-1].kept == ('b',)
    alone = law.halve('ab', 60.0, Fakes(dict(a=1.0), b=ValueError('b')).train, never)
    assert alone[-1].kept == ('a',)


def test_none_is_left():
    fakes = Fakes({}, a=ValueError('one'), b=OSError('two'))
    with pytest.raises(ValueError, match='(?s)a: ValueError: one.*b: OSError: two'):
        law.halve('ab', 60.0, fakes.train, never)


@pytest.mark.parametrize('end', [SystemExit(143), KeyboardInterrupt()])
def test_told_to_end_it_drops_nobody(end):
    with pytest.raises(type(end)):
        law.halve('ab', 60.0, Fakes(dict(a=1.0), b=end).train, never)


def gain_of(gain, low, high):
    return Gain(40.0 + gain, 40.0, gain, low, high, {}, {}, 87, 1000, np.zeros(1))


@pytest.mark.parametrize(('gain', 'low', 'high', 'text'), [
    (10.2, 7.9, 12.4, 'a, 10.2 AP ahead of b (50.2 and 40.0 after 80 s of training each; 95 % interval 7.9 to 12.4'),
    (0.8, -0.9, 2.4, 'a, by the rules: it is 0.8 AP ahead of b'),
    (-0.8, -2.4, 0.9, 'a, by the rules: it is 0.8 AP behind b'),
])  # fmt: skip
def test_the_sentence(gain, low, high, text):
    rounds = [
        law.Round(dict(a=2.0, b=2.0, c=1.0), dict(a=20, b=20, c=20), dict(d='OSError: x\ny'), ('a', 'b')),
        law.Round(dict(a=40.0 + gain, b=40.0), dict(a=80, b=81), {}, ('a',)),
    ]  # fmt: skip
    said = trial.outcome(rounds, lambda one, other: gain_of(gain, low, high))
    assert said.startswith(text) and '87 validation images' in said
    assert ('may be chance' in said) == (low < 0)
    assert said.endswith('; d failed: OSError: x; c was dropped at 1.0 AP after 20 s')


def test_the_sentence_of_one_that_is_left():
    rounds = [law.Round(dict(a=2.0), dict(a=9.0), dict(b='OSError: gone'), ('a',))]
    assert trial.outcome(rounds, None) == 'a, the only one left; b failed: OSError: gone'


class Saver(WholeCheckpointHook):
    """Notes after which iterations it was told to save."""

    def __init__(self):
        self.steps = []

    def saved(self, runner):
        return False

    def save_now(self, runner):
        self.steps.append(runner.iter + 1)


def fake_training(hook, step, most=1000, begin=0, evaluate_at=(), hub=None):
    """The iteration after which a hook ended a training whose steps take so long, evaluations 50 s."""
    saver = Saver()
    hub = hub or MessageHub('trial')
    loop = SimpleNamespace(stop_training=False)
    runner = SimpleNamespace(iter=begin, hooks=[saver], train_loop=loop, message_hub=hub,
                             optim_wrapper=SimpleNamespace(), call_hook=lambda name: None)  # fmt: skip
    now = [100.0]
    hook.clock = lambda: now[0]
    hook.before_train(runner)
    while not loop.stop_training and runner.iter < most:
        now[0] += step
        hook.after_train_iter(runner, 0)
        runner.iter += 1
        if runner.iter in evaluate_at:
            now[0] += 50.0
            hook.after_val_epoch(runner)
    assert saver.steps == ([runner.iter] if loop.stop_training and runner.iter > begin else [])
    return runner.iter, hub


@pytest.mark.parametrize('step', [0.25, 1.0, 4.0])
def test_seconds_are_equal_within_a_step_and_evaluations_are_none(step):
    """The first step of a start, and that after an evaluation, are not counted."""
    hook = trial.TrialHook(seconds=40.0)
    done, _ = fake_training(hook, step, evaluate_at=(5,))
    assert 40.0 <= hook.spent < 40.0 + step
    assert done == 40.0 / step + 2


def test_a_training_that_was_cut_off_counts_on():
    done, hub = fake_training(trial.TrialHook(seconds=40.0), 1.0, most=21)
    assert done == 21 and hub.runtime_info[trial.SPENT] == 20.0
    hook = trial.TrialHook(seconds=40.0)
    assert fake_training(hook, 1.0, begin=21, hub=hub)[0] == 42 and hook.spent == 40.0
    assert fake_training(trial.TrialHook(seconds=40.0), 1.0, begin=42, hub=hub)[0] == 42
    assert fake_training(trial.TrialHook(seconds=5.0), 1.0, hub=hub)[0] == 6  # a new run


def test_iterations_end_a_training_too():
    assert fake_training(trial.TrialHook(iterations=7), 1.0)[0] == 7


def candidate(folder, step=0.05, iterations=800, images=24, batch=4):
    """A candidate by its files: iterations * (1 + 0.75 * 2.25 + 2.6) steps."""
    folder.mkdir(parents=True)
    (folder / 'data.py').write_text(
        f'iterations = {iterations}\nstudent_iterations = round(0.75 * iterations)\n'
        f'supervised_iterations = round(2.6 * iterations)\nbatch = {batch}\nstep_seconds = {step}\n'
        'student_cost = 2.25\n'
    )
    (folder / 'teacher.py').write_text('train_cfg = dict(max_iters=_base_.iterations)\n')
    for name in ('student', 'supervised'):
        (folder / f'{name}.py').write_text(
            f'train_cfg = dict(max_iters=_base_.{name}_iterations)\n'
        )
    boxes = [dict(id=number, image_id=number) for number in range(images)]
    (folder / 'val.json').write_text(
        json.dumps(dict(images=[dict(id=b['id']) for b in boxes], annotations=boxes))
    )


def project_of(folder, **candidates):
    for name, values in candidates.items():
        candidate(folder / name, **values)
    (folder / law.CANDIDATES).write_text(json.dumps(dict(detectors=[*candidates])))
    return folder


def test_a_trial_takes_a_fifth_of_the_shortest_whole(tmp_path):
    """(800 + 600 * 2.25 + 2080) * 0.05 s = 211.5 s; 2 x 3 evaluations of 24 images at 1/2 * 0.05 s / 4: 0.9 s."""
    folder = project_of(tmp_path, a={}, b=dict(iterations=8000))
    names = law.read_candidates(folder)
    assert names == ['a', 'b'] and law.no_trial(folder, names) == ''
    seconds = law.trial_seconds(folder, names)
    assert seconds == pytest.approx(42.3 - 0.9)
    assert seconds + 0.9 <= 0.2 * min(law.whole_seconds(folder / name) for name in names)
    lines = law.project_lines(folder)
    assert (
        lines[0]
        == f'{folder}: trial of a, b; then teacher, student and baseline of the chosen one, report'
    )
    assert 'about 4 min to 35 min' in lines[1] and 'at most 42 s' in lines[1]


@pytest.mark.parametrize(('values', 'text'), [
    (dict(images=0), '0 validation images with boxes'),
    (dict(images=9), '9 validation images with boxes cannot tell detectors apart, it takes 10'),
    (dict(images=5000), 'does not even take the evaluations of 5000 validation images'),
    (dict(iterations=100), 'leaves 43 iterations for a, in which the learning rate has hardly risen; it takes 125'),
    (dict(step=0), 'no trial: a fifth of the whole time'),
])  # fmt: skip
def test_why_there_is_no_trial(values, text, tmp_path, monkeypatch):
    folder = project_of(tmp_path, a=values, b=values)
    assert text in law.project_lines(folder)[0]
    monkeypatch.setattr(trial, 'Trial', None)  # is not made
    assert trial.choose(folder) == folder / 'a'


def test_a_trial_outlasts_the_rise_of_the_learning_rate():
    data = LabeledSet(60, dict(cat=60), 3.0, 0.2, (640, 480))
    names = {*trial_detectors(data, LAPTOP), *trial_detectors(data, Machine(1, 24.0, 8, 'GPU'))}
    assert {DETECTORS[name].optimizer for name in names} == {'adamw_lite.py'}
    rise = Config.fromfile(ROOT / 'configs/_base_/adamw_lite.py').param_scheduler[0]
    assert rise.type == 'LinearLR' and rise.end < law.LEAST_ITERATIONS


def test_one_whose_folder_is_gone_is_no_candidate(tmp_path):
    folder = project_of(tmp_path, a={}, b={})
    shutil.rmtree(folder / 'a')
    assert 'b is the only detector there' in law.project_lines(folder)[0]
    assert trial.choose(folder) == folder / 'b'
    shutil.rmtree(folder / 'b')
    with pytest.raises(FileNotFoundError, match='expected the folder of a project'):
        law.project_lines(folder)


def test_a_failure_is_told_at_once_and_drops(tmp_path, monkeypatch):
    folder = project_of(tmp_path, a={}, b={})
    said = []

    def train(judge, name, number, seconds):
        if name == 'a':
            raise OSError('no network')
        return 5.0, seconds

    monkeypatch.setattr(trial.Trial, 'train', train)
    assert trial.choose(folder, say=said.append) == folder / 'b'
    assert said[0] == 'trial: a failed: no network'
    assert law.read_choice(folder) == (
        'b',
        'chosen: b, the only one left; a failed: OSError: no network',
    )


def test_a_choice_is_made_once(tmp_path, monkeypatch):
    folder = project_of(tmp_path, a={}, b={})
    (folder / law.TRIAL).write_text(json.dumps(dict(chosen='b', why='chosen: b, of old')))
    monkeypatch.setattr(trial, 'Trial', None)
    assert trial.choose(folder) == folder / 'b'
    lines = law.project_lines(folder)
    assert lines[0] == f'{folder}: chosen: b, of old' and lines[1].startswith(
        f'{folder}/b: teacher (800 '
    )
    assert trial.choose(folder / 'a') == folder / 'a'  # a project of its own


def make_trial(folder, work_dir, monkeypatch, fails=None):
    """A trial of one candidate whose training is a fake."""
    training = SimpleNamespace(
        work_dir=work_dir, complete=False, config=Config(dict(launcher='none'))
    )

    def run(config, hooks):
        if fails:
            raise fails

    monkeypatch.setattr(trial, 'run_training', run)
    return trial.Trial(folder, False, print, {}), training


def test_the_first_gets_iterations_and_the_others_the_seconds_of_these(tmp_path):
    """40 s by an estimate of 0.05 s a step are 800 iterations; they took 400 s, so 100 estimated seconds are 1000."""
    said = []
    judge = trial.Trial(project_of(tmp_path, a={}, b={}), False, said.append, {})
    hook = judge._hook('a', 0, 40.0)
    assert (hook.iterations, hook.seconds) == (800, math.inf) and 'a, to 800 iterations' in said[0]
    judge.pace = 400.0 / 40.0
    hook = judge._hook('b', 1, 100.0)
    assert (hook.iterations, hook.seconds) == (math.inf, 1000.0)
    assert said[1] == 'trial, round 2: b, to 17 min of training'


def test_one_that_ends_the_process_twice_is_not_tried_again(tmp_path, monkeypatch):
    mark = tmp_path / trial.STARTED
    judge, training = make_trial(tmp_path, tmp_path, monkeypatch, fails=SystemExit(143))
    for _ in range(3):  # told to end: that is no fault of its
        with pytest.raises(SystemExit):
            judge._train(training, None)
        assert not mark.exists()
    mark.write_text('1')  # as a kill leaves it
    judge, training = make_trial(tmp_path, tmp_path, monkeypatch)
    judge._train(training, None)
    assert not mark.exists()
    mark.write_text('2')
    with pytest.raises(RuntimeError, match='ended the process 2 times in a row; remove'):
        judge._train(training, None)


# `mmssod new --try`


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Ten images of which the first six have labels; no GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Machine, 'current', classmethod(lambda cls: LAPTOP))
    images_of(tmp_path / 'images', 10)
    (tmp_path / 'labels.json').write_text(json.dumps(labels_of(6)))
    return tmp_path


def new(*more):
    return main(['new', 'labels.json', '--unlabeled', 'images', '--out', 'own', *map(str, more)])


def test_each_candidate_is_a_project_of_its_own(drawn, capsys):
    assert new('--try', '--iterations', 40) == 0
    said = capsys.readouterr().out
    assert law.read_candidates(Path('own')) == ['yolox_nano', 'faster_rcnn_lite']
    assert (
        said.count('candidate of the trial:') == 2 and said.splitlines()[-1] == '  mmssod run own'
    )
    assert not Path('own/teacher.py').exists()
    for name, model in (('yolox_nano', 'YOLOX'), ('faster_rcnn_lite', 'FasterRCNN')):
        cfg = Config.fromfile(f'own/{name}/teacher.py')
        assert cfg.model.type == model and cfg.work_dir == str(
            drawn / f'own/{name}/work_dirs/teacher'
        )
        assert cfg.train_dataloader.dataset.labeled.data_prefix.img == str(drawn / 'images')
        # so that all may move together
        assert str(drawn) not in Path(f'own/{name}/data.py').read_text()
    # one validation image
    assert 'cannot tell detectors apart' in law.project_lines(Path('own'))[0]


@pytest.mark.parametrize(
    'option', [('--detector', 'faster_rcnn_lite'), ('--start', 'none'), ('--start', 'yolox_nano')]
)
def test_a_detector_that_is_named_is_not_tried(option, drawn, capsys):
    assert new('--try', *option) == 0
    assert 'no trial: there is one detector to choose from' in capsys.readouterr().out
    assert Path('own/teacher.py').is_file() and law.read_candidates(Path('own')) == []


@pytest.mark.parametrize(('gpus', 'memory', 'names'), [
    (1, 24.0, ['rtmdet_l', 'rtmdet_m', 'rtmdet_tiny']),
    (1, 12.0, ['rtmdet_m', 'rtmdet_tiny']),
    (1, 6.0, ['rtmdet_tiny']),
    (1, 3.0, ['yolox_nano', 'faster_rcnn_lite']),
    (0, 64.0, ['yolox_nano', 'faster_rcnn_lite']),
])  # fmt: skip
def test_candidates_fit_the_machine_and_the_first_is_that_of_the_rules(gpus, memory, names):
    data = LabeledSet(60, dict(cat=60), 3.0, 0.2, (640, 480))
    here = Machine(gpus, memory, 8, 'GPU')
    assert trial_detectors(data, here) == names
    assert choose_detector(data, here)[0] == names[0]


def test_one_candidate_alone_is_not_tried(drawn, monkeypatch, capsys):
    monkeypatch.setattr(project, 'trial_detectors', lambda data, machine: ['rtmdet_tiny'])
    assert new('--try') == 0
    assert 'no trial: there is one detector' in capsys.readouterr().out
    assert law.read_candidates(Path('own')) == [] and Path('own/teacher.py').is_file()


def test_one_kind_of_project_replaces_the_other_when_forced(drawn, capsys):
    assert new() == 0 and new('--try') == 1
    assert 'would be overwritten' in capsys.readouterr().err
    assert new('--try', '--force') == 0
    assert not Path('own/teacher.py').exists() and law.read_candidates(Path('own'))
    Path('own', law.TRIAL).write_text('{}')
    assert new() == 1 and new('--force') == 0
    assert Path('own/teacher.py').exists() and not law.read_candidates(Path('own'))
    assert not Path('own', law.TRIAL).exists() and not Path('own/yolox_nano/teacher.py').exists()


# `mmssod run` with a trial


@HOOKS.register_module()
class CutInTrial(Hook):
    """A kill of this process in an iteration, the first time."""

    def __init__(self, iteration, marker):
        self.iteration, self.marker = iteration, Path(marker)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def tried(folder, data, hooks=()):
    """Two candidates around a tiny detector; the first has the hooks. Its teacher's trial has 3 of 4 iterations."""
    for name, more in (('a', hooks), ('b', ())):
        make_project(folder / name, data, hooks=more)
        shutil.copy(data / 'val.json', folder / name / 'val.json')
        (folder / name / 'data.py').write_text('step_seconds = 0.01\nbatch = 100000\n')
    (folder / law.CANDIDATES).write_text(json.dumps(dict(detectors=['a', 'b'])))
    return folder


def run_in_a_process(folder, log, words=()):
    before = len(log.read_text()) if log.exists() else 0

    def action():  # pytest's streams are no file descriptors
        sys.stdout, sys.stderr = (
            open(number, 'w', buffering=1, closefd=False) for number in (1, 2)
        )
        raise SystemExit(main(['run', str(folder), *words]))

    return wait(start(action, log), 300.0), log.read_text()[before:]


@pytest.mark.slow
def test_a_trial_that_was_killed_goes_on_and_the_winner_is_as_without_one(tmp_path, monkeypatch):
    """18 * 0.01 s in all, so 0.2 / 2 * 18 = 2 iterations of the first; then each is what it would be alone."""
    monkeypatch.setattr(law, 'LEAST_ITERATIONS', 1)
    data = tmp_path / 'data'
    make_demo_data(
        data,
        num_labeled=8,
        num_unlabeled=6,
        num_val=12,
        size=64,
        num_classes=3,
        min_boxes_per_class=1,
    )
    alone, log = make_project(tmp_path / 'alone', data), tmp_path / 'log'
    assert run_in_a_process(alone, log)[0] == 0, log.read_text()
    own = tried(
        tmp_path / 'own', data, [dict(type='CutInTrial', iteration=1, marker=str(tmp_path / 'cut'))]
    )
    status, said = run_in_a_process(own, log)
    assert status == -9 and (tmp_path / 'cut').exists(), said
    assert (own / 'a/work_dirs/teacher' / trial.STARTED).read_text() == '1'
    status, said = run_in_a_process(own, log)
    assert status == 0, said
    assert 'trial, round 1: a, to 2 iterations' in said and 'trial, round 1: b, to ' in said
    chosen, why = law.read_choice(own)
    assert chosen in 'ab' and why in said and (own / 'report.html').is_file()
    outcome = json.loads((own / law.TRIAL).read_text())['rounds']
    assert set(outcome[0]['ap']) == {'a', 'b'} and outcome[0]['kept'] == [chosen]
    for name, length in LENGTHS.items():
        one, other = (
            torch.load(folder / f'work_dirs/{name}/iter_{length}.pth', weights_only=False)[
                'state_dict'
            ]
            for folder in (alone, own / chosen)
        )
        assert all(torch.equal(value, other[key]) for key, value in one.items()), name
    status, said = run_in_a_process(own, log)
    assert status == 0 and 'nothing was left to do' in said and why in said.splitlines()[0]
