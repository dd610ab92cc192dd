"""Which run is the student, the teacher, the baseline; how long they were trained; what was measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from builders.by_hand import CLASSES, data_set, detection
from builders.small_run import make_run
from mmengine.config import Config

from mmssod.analysis.report import RunRecord, read_run_folder
from mmssod.analysis.verdict import Length
from mmssod.evaluation import DetectorOutputs
from mmssod.own_data.judging import (
    judge,
    labels_on_test,
    measured_facts,
    missing_baseline,
    training_length,
)
from mmssod.own_data.report_detectors import (
    Comparison,
    Found,
    comparisons,
    detectors,
    is_result,
    starts_from,
)
from mmssod.own_data.reporting import shown_pair


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """A student and a supervised run, in folders whose names say nothing."""
    folder = tmp_path_factory.mktemp('runs')
    return [
        read_run_folder(make_run(folder / name, semi=semi))
        for name, semi in (('b', True), ('a', False))
    ]


def roles(found):
    return [
        tuple(one and one.label for one in (c.student, c.teacher, c.supervised))
        for c in comparisons(found)
    ]


@pytest.fixture(scope='module')
def found(runs):
    """The teacher, the student and the supervised detector."""
    return detectors(runs)


def changed(found, name, **values):
    """Detectors of a run under another name, with other values in its config."""
    config = Config(found[0].run.config.to_dict())
    config.update(values)
    run = replace(found[0].run, name=name, config=config)
    labels = [name if one.plain.part != 'teacher' else f"{name}'s teacher" for one in found]
    return [Found(label, run, one.plain) for label, one in zip(labels, found, strict=True)]


def test_roles_are_told_by_configs(found):
    """In any order; the folders are called a and b."""
    assert roles(found) == roles(found[::-1]) == [('b', "b's teacher", 'a')]
    assert roles(found[:2]) == [('b', "b's teacher", None)]
    assert roles(found[2:]) == [] and roles([]) == []


def test_a_teacher_whose_weights_are_another_runs_is_that_run(found):
    """The frozen teacher stands under the name of its own run, and is no baseline."""
    teacher, student, supervised = found
    its_run = Found('t', supervised.run, teacher.plain)
    assert roles([its_run, student]) == [('b', 't', None)]
    assert roles([its_run, supervised, student]) == [('b', 't', 'a')]


def test_what_the_student_starts_from_is_no_baseline(found):
    supervised = found[2].run
    started = changed(found[:2], 'b', load_from=str(supervised.folder / 'iter_1.pth'))
    assert roles([found[2], *started]) == [('b', "b's teacher", None)]
    assert starts_from(started[0].run, supervised) and not starts_from(found[0].run, supervised)
    moved = replace(supervised, folder=Path('elsewhere'))  # its config still says where it was
    assert starts_from(started[0].run, moved)


def test_the_mean_of_students_is_the_result_where_a_run_tests_with_it(found):
    model = dict(found[0].run.config.model, predict_with='teacher')
    assert roles([*changed(found[:2], 'b', model=model), found[2]]) == [
        ("b's teacher", "b's teacher", 'a')
    ]


def test_both_students_of_a_run_are_told_apart(runs):
    """One that tests with the mean of its students has no other teacher; its result is not called a teacher."""
    model = dict(runs[0].config.model, predict_with='teacher')
    config = Config({**runs[0].config.to_dict(), 'model': model})
    mean = replace(runs[0], config=config)
    assert [one.label for one in detectors([mean])] == ['student (EMA)', 'student (last step)']
    labels = [one.label for one in detectors([runs[1], mean])]
    assert labels == ['a', 'b (EMA)', 'b (last step)']
    assert [one.label for one in detectors([mean]) if is_result(one)] == ['student (EMA)']


def test_seeds_are_paired(found):
    """Each student with the baseline of its own seed; where one lacks it, the last student alone."""
    seeds = [dict(randomness=dict(seed=seed)) for seed in (0, 1)]
    students = [one for i, seed in enumerate(seeds) for one in changed(found[:2], f's{i}', **seed)]
    others = [one for i, seed in enumerate(seeds) for one in changed(found[2:], f'l{i}', **seed)]
    pairs = [(c.student.label, c.supervised.label) for c in comparisons([*others, *students])]
    assert pairs == [('s0', 'l0'), ('s1', 'l1')]
    pairs = [(c.student.label, c.supervised.label) for c in comparisons([others[0], *students])]
    assert pairs == [('s1', 'l0')]


def test_the_pair_that_is_shown(found):
    assert [one.label for one in shown_pair(found, comparisons(found))] == ['a', 'b']
    alone = found[:2]
    assert [one.label for one in shown_pair(alone, comparisons(alone))] == ["b's teacher", 'b']
    assert shown_pair(found[:1], []) == [] and len(shown_pair(found, [])) == 2


def record(name, iterations=0, seconds=0.0, batch=4, counts=None, **config):
    """A run without files."""
    sampler = dict(type='SourceSampler', counts=counts) if counts else {}
    loader = dict(batch_size=batch, sampler=sampler, dataset=dict())
    cfg = Config(
        dict(train_dataloader=loader, work_dir=f'/x/{name}', model=dict(type='A'), **config)
    )
    train = {'time': [(iterations, seconds / iterations)]} if iterations and seconds else {}
    return RunRecord(name, Path(f'/x/{name}'), cfg, '', train | {'loss': [(iterations, 1.0)]})


def test_a_students_length_has_its_teachers():
    teacher = record('t', 100, 50.0)
    student = record(
        's', 200, 300.0, counts=dict(labeled=4, unlabeled=8), load_from='/x/t/iter_100.pth'
    )
    assert training_length(teacher, [teacher, student]) == Length(50.0, 400)
    assert training_length(student, [student, teacher]) == Length(350.0, 400 + 200 * 12)
    # the teacher's folder is not there
    assert training_length(student, [student]) == Length(300.0, 2400)
    untimed = record('t', 100)
    assert training_length(student, [untimed]) == Length(0.0, 2800)


@pytest.mark.parametrize(
    ('note', 'length'),
    [
        ('{"max_iters": 400}', Length(200.0, 1600)),
        ('{', Length(100.0, 800)),
        ('{"max_iters": 1}', Length(100.0, 800)),
    ],
)
def test_what_patience_ended_counts_as_long_as_it_might_have_gone_on(tmp_path, note, length):
    stopped = replace(record('b', 200, 100.0), folder=tmp_path)
    (tmp_path / 'stopped_early.json').write_text(note)
    assert training_length(stopped, [stopped]) == length


def test_a_teacher_that_is_not_in_the_report_is_read_from_its_folder(runs):
    student, supervised = runs
    log = supervised.folder / '1/vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text(json.dumps(dict(loss=1.0, time=2.0, iter=10, step=10)) + '\n')
    started = record('s', 20, 10.0, load_from=str(supervised.folder / 'iter_1.pth'))
    assert training_length(started, [started]).seconds == 10.0 + 20.0
    log.unlink()


BOX, FAR = [10, 10, 20, 20], [60, 40, 20, 20]


def compared(found, teacher=True):
    run = record('s', 10, 5.0, counts=dict(labeled=4, unlabeled=4))
    run.config.model = dict(
        type='P', balancer=dict(type='ClassBalancer', threshold=0.5), selector=dict(certainty='p')
    )
    student, labeler, supervised = (
        Found(name, run, None) for name in ('student', 'teacher', 'supervised')
    )
    outputs = DetectorOutputs(data_set([(0, 0, BOX), (1, 0, BOX), (1, 1, FAR)]), CLASSES, found)
    return Comparison(student, labeler if teacher else None, supervised), outputs


def test_facts_are_those_of_the_teachers_labels_at_the_threshold():
    """Of three boxes the teacher is sure of one that is right and of one that is not; the third stays below 0.5."""
    labels = [detection(0, 0, BOX), detection(0, 0, FAR), detection(1, 0, BOX, 0.4)]
    comparison, outputs = compared(dict(student=[], teacher=labels, supervised=[]))
    facts = measured_facts(comparison, outputs)
    assert facts.recall == pytest.approx(100 / 3) and facts.precision == pytest.approx(50)
    assert facts.class_recall == {'ant': 50.0, 'bee': 0.0} and facts.passes is None
    assert labels_on_test(compared({}, teacher=False)[0], outputs) is None


def test_a_loss_and_its_cause():
    """The supervised detector finds all, the student and its teacher one class of two."""
    all_boxes = [detection(0, 0, BOX), detection(1, 0, BOX), detection(1, 1, FAR)]
    comparison, outputs = compared(dict(student=all_boxes[:1], teacher=[], supervised=all_boxes))
    found = judge([comparison], outputs, [], draws=200)
    assert found.gain < 0 and found.high <= 0
    if found.outcome == 'lost':
        assert '100 % of the objects have no pseudo label' in found.sentence
    nothing = judge([replace(comparison, supervised=None)], outputs, [])
    assert nothing.outcome == 'no baseline' and judge([], outputs, []) is None


def test_a_projects_missing_baseline_is_a_command(tmp_path):
    run = replace(record('s'), folder=tmp_path / 'work_dirs/student')
    assert missing_baseline(run) == ''
    (tmp_path / 'supervised.py').touch()
    assert missing_baseline(run).startswith(f'mmssod train {tmp_path}/supervised.py')
