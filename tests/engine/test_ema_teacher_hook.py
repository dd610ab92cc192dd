from types import SimpleNamespace

import pytest
from builders.fakes import FakeModel, FakeTeacher, fake_runner, run_iterations
from torch import nn

from mmssod.engine import EMATeacherHook


def run(hook, tmp_path, iterations, model=None, checkpoint=None):
    model = model or FakeModel()
    runner = fake_runner(tmp_path, model, iter=iterations[0])
    if checkpoint is not None:
        hook.after_load_checkpoint(runner, checkpoint)
    hook.before_train(runner)
    seen = []
    for iteration in iterations:
        run_iterations(hook, runner, [iteration])
        seen.append(model.unsupervised)
    return model.labeler.decays, seen


def test_copies_at_once_and_then_follows(tmp_path):
    decays, unsupervised = run(EMATeacherHook(ema_decay=0.9), tmp_path, range(3))
    assert decays == [0.0, 0.9, 0.9, 0.9]
    assert unsupervised == [True] * 3


def test_burn_in_trains_the_student_alone_and_then_copies_it(tmp_path):
    decays, unsupervised = run(EMATeacherHook(ema_decay=0.9, burn_in=2), tmp_path, range(4))
    assert decays == [0.0, 0.9, 0.9]
    assert unsupervised == [False, False, True, True]


@pytest.mark.parametrize('burn_in', [0, 3])
def test_the_sampler_leaves_out_what_nobody_looks_at(tmp_path, burn_in):
    waited = []
    runner = fake_runner(tmp_path)
    loader = SimpleNamespace(sampler=SimpleNamespace(wait=waited.append))
    for loop in (SimpleNamespace(dataloader=loader), {'type': 'IterBasedTrainLoop'}, None):
        runner._train_loop = loop
        EMATeacherHook(burn_in=burn_in).before_run(runner)
    assert waited == [burn_in]


def test_interval_counts_iterations_of_the_run(tmp_path):
    decays, _ = run(EMATeacherHook(ema_decay=0.9, interval=2), tmp_path, range(4))
    assert decays == [0.0, 0.9, 0.9]


def test_with_a_ramp_the_teacher_is_the_mean_of_the_students_until_it_forgets(tmp_path):
    decays, _ = run(EMATeacherHook(0.7, burn_in=2, ramp=True), tmp_path, range(8))
    assert decays == pytest.approx([0.0, 0.0, 1 / 2, 2 / 3, 0.7, 0.7, 0.7])
    teacher, students = 9.0, [3.0, 5.0, 10.0]
    for decay, student in zip(decays[1:], students, strict=False):
        teacher = decay * teacher + (1 - decay) * student
    assert teacher == pytest.approx(6.0)


def test_the_ramp_counts_updates_and_leaves_a_teacher_of_its_own_alone(tmp_path):
    hook = EMATeacherHook(0.9, burn_in=3, interval=2, ramp=True)
    assert run(hook, tmp_path, range(9))[0] == pytest.approx([0.0, 0.0, 1 / 2, 2 / 3])
    model = FakeModel(FakeTeacher(checkpoint='teacher.pth'))
    assert run(EMATeacherHook(0.9, ramp=True), tmp_path, range(2), model)[0] == [0.9, 0.9]


@pytest.mark.parametrize('ramp', [True, False])
@pytest.mark.parametrize('cut', [0, 1, 2, 3, 4])
def test_resumed_run_does_what_an_uninterrupted_one_does(tmp_path, cut, ramp):
    def hook():
        return EMATeacherHook(0.9, burn_in=2, ramp=ramp)

    whole, switches = run(hook(), tmp_path, range(5))
    first, a = run(hook(), tmp_path, range(cut)) if cut else ([], [])
    resumed = {'state_dict': {'labeler.teacher.weight': 0, 'student.weight': 0}} if cut else None
    second, b = run(hook(), tmp_path, range(cut, 5), checkpoint=resumed)
    assert first + second == whole
    assert a + b == switches


def test_teacher_with_a_checkpoint_of_its_own_is_not_overwritten(tmp_path):
    model = FakeModel(FakeTeacher(checkpoint='teacher.pth'))
    assert run(EMATeacherHook(0.9), tmp_path, range(2), model)[0] == [0.9, 0.9]


def test_teacher_that_load_from_brought_is_not_overwritten(tmp_path):
    semi = {'state_dict': {'student.weight': 0, 'labeler.teacher.weight': 0}}
    assert run(EMATeacherHook(0.9), tmp_path, range(1), checkpoint=semi)[0] == [0.9]
    plain = {'state_dict': {'backbone.weight': 0}}
    assert run(EMATeacherHook(0.9), tmp_path, range(1), checkpoint=plain)[0] == [0.0, 0.9]


@pytest.mark.parametrize('own', [True, False])
def test_whose_teacher_it_is_survives_a_resume_within_the_burn_in(tmp_path, own):
    teacher = {'labeler.teacher.weight': 0} if own else {}
    start = {'state_dict': {'student.weight': 0, **teacher}}
    whole, _ = run(EMATeacherHook(0.9, burn_in=3), tmp_path, range(5), checkpoint=start)
    assert whole == ([0.9, 0.9] if own else [0.0, 0.9, 0.9])
    checkpoint, runner, decays = start, None, []
    for iterations in ([0], [1, 2], [3, 4]):  # each run is cut off after its last iteration
        hook = EMATeacherHook(0.9, burn_in=3)
        decays += run(hook, tmp_path, iterations, checkpoint=checkpoint)[0]
        checkpoint = {'meta': {}, 'state_dict': {'student.weight': 0, 'labeler.teacher.weight': 0}}
        hook.before_save_checkpoint(runner, checkpoint)
    assert decays == whole


def test_another_run_does_not_inherit_it(tmp_path):
    """A checkpoint in load_from says how its own run started; what counts here is whether it has a teacher."""
    weights = {'student.weight': 0, 'labeler.teacher.weight': 0}
    for loaded in (True, False):
        start = {'meta': {'ema_teacher_loaded': loaded}, 'state_dict': weights}
        assert run(EMATeacherHook(0.9), tmp_path, range(1), checkpoint=start)[0] == [0.9]
        plain = {'meta': {'ema_teacher_loaded': loaded}, 'state_dict': {'backbone.weight': 0}}
        assert run(EMATeacherHook(0.9), tmp_path, range(1), checkpoint=plain)[0] == [0.0, 0.9]


def test_labeler_that_cannot_follow_is_named(tmp_path):
    class SelfLabeler(nn.Module):
        pass

    runner = fake_runner(tmp_path, FakeModel(SelfLabeler()))
    with pytest.raises(TypeError, match='SelfLabeler.*EMATeacher'):
        EMATeacherHook().before_train(runner)


@pytest.mark.parametrize(
    'wrong', [{'ema_decay': 1.0}, {'ema_decay': -0.1}, {'burn_in': -1}, {'interval': 0}]
)
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match='expected|share the teacher keeps'):
        EMATeacherHook(**wrong)
