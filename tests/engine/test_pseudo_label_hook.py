import pytest
import torch
from builders.fakes import FakeModel, FakeStatistics, fake_runner, run_iterations

from mmssod.engine import PseudoLabelHook

NONE, SOME = {'pseudo_boxes': 0.0}, {'pseudo_boxes': 0.5}


def warnings(runner):
    return [message for message in runner.messages if 'no pseudo box' in message]


def test_logs_and_resets_every_interval(tmp_path):
    runner = fake_runner(tmp_path)
    run_iterations(PseudoLabelHook(interval=2), runner, range(5), SOME)
    assert len(runner.messages) == runner.model.statistics.resets == 2
    assert runner.model.candidate_statistics.resets == 2
    kept, candidates = runner.messages[0].splitlines()
    assert '4 images, 1.50 boxes per image' in kept and 'of candidates: 4 images' in candidates
    assert 'p 0.50/0.75/0.99' in runner.messages[0]
    assert runner.scalars[0] == (
        2,
        {'pseudo/boxes_per_image': 1.5, 'pseudo/p_median': 0.75, 'pseudo/v_median': 0.75},
    )


def test_says_nothing_where_no_unlabeled_image_was_seen(tmp_path):
    runner = fake_runner(tmp_path, FakeModel(images=0))
    run_iterations(PseudoLabelHook(interval=1), runner, range(3), {})
    assert runner.messages == []


def test_warns_after_patience_and_names_causes(tmp_path):
    runner = fake_runner(tmp_path)
    hook = PseudoLabelHook(interval=1000, patience=3)
    run_iterations(hook, runner, range(2), NONE)
    assert not warnings(runner)
    run_iterations(hook, runner, range(2, 7), NONE)
    assert len(warnings(runner)) == 2
    first = warnings(runner)[0]
    assert 'iteration 3' in first and '0.40 to 0.90' in first and 'candidates: 4 images' in first
    for cause in ('thresholds', 'checkpoint', 'order of classes', 'normalization'):
        assert cause in first


def test_one_box_starts_the_count_anew(tmp_path):
    runner = fake_runner(tmp_path)
    hook = PseudoLabelHook(interval=1000, patience=3)
    run_iterations(hook, runner, range(2), NONE)
    run_iterations(hook, runner, range(2, 3), SOME)
    run_iterations(hook, runner, range(3, 5), NONE)
    assert not warnings(runner)


def test_burn_in_does_not_count(tmp_path):
    runner = fake_runner(tmp_path)
    runner.model.unsupervised = False
    run_iterations(PseudoLabelHook(interval=1000, patience=1), runner, range(5), NONE)
    assert not runner.messages


@pytest.mark.parametrize(
    'wrong',
    [
        {'interval': 0},
        {'patience': 0},
        {'class_patience': 0},
        {'policy': 'skip'},
        {'class_policy': 'skip'},
    ],
)
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match='expected'):
        PseudoLabelHook(**wrong)


def test_the_policy_may_be_to_stop(tmp_path):
    runner = fake_runner(tmp_path)
    with pytest.raises(RuntimeError, match='no pseudo box was kept in the last 3 iterations'):
        run_iterations(PseudoLabelHook(patience=3, policy='stop'), runner, range(5), NONE)
    assert runner.iter == 2


def test_a_silent_teacher_is_called_so(tmp_path):
    runner = fake_runner(tmp_path)
    hook = PseudoLabelHook(interval=1000, patience=1)
    run_iterations(hook, runner, range(1), NONE)
    silent = FakeStatistics()
    silent.summary = lambda reduce=False: {
        **FakeStatistics().summary(),
        'boxes_per_image': 0.0,
    }
    runner.model.candidate_statistics = silent
    run_iterations(hook, runner, range(1, 2), NONE)
    first, second = warnings(runner)
    assert 'the teacher predicts nothing' not in first
    assert 'the teacher predicts nothing' in second


def test_classes_that_never_appear_are_named_once(tmp_path):
    runner = fake_runner(tmp_path)
    run_iterations(PseudoLabelHook(interval=2, class_patience=4), runner, range(10), SOME)
    named = [message for message in runner.messages if 'had no pseudo box' in message]
    assert len(named) == 1
    assert (
        '2 of 3 classes had no pseudo box in 4 iterations' in named[0]
        and "['bee', 'cat']" in named[0]
    )


def test_classes_that_never_appear_may_stop_a_run(tmp_path):
    runner = fake_runner(tmp_path)
    hook = PseudoLabelHook(interval=2, class_patience=4, class_policy='stop')
    with pytest.raises(RuntimeError, match='2 of 3 classes had no pseudo box in 4 iterations'):
        run_iterations(hook, runner, range(10), SOME)
    assert runner.iter == 3


def test_patience_outlives_a_resume(tmp_path):
    """Two empty iterations, a resume, and one more are three; classes are named once in a run."""
    first, checkpoint = PseudoLabelHook(patience=3, class_patience=2), {}
    runner = fake_runner(tmp_path)
    run_iterations(first, runner, range(2), {'pseudo_boxes': torch.tensor(0.0)})
    first._seen_classes, first._classes_named = {0, 2}, True
    first.before_save_checkpoint(runner, checkpoint)
    second = PseudoLabelHook(patience=3, class_patience=2)
    resumed = fake_runner(tmp_path, _resume=True)
    second.after_load_checkpoint(resumed, checkpoint)
    assert second._seen_classes == {0, 2} and second._classes_named
    run_iterations(second, resumed, [2], {'pseudo_boxes': torch.tensor(0.0)})
    assert len(resumed.messages) == 1 and 'the last 3 iterations' in resumed.messages[0]
    fresh = PseudoLabelHook()
    fresh.after_load_checkpoint(fake_runner(tmp_path, _resume=False), checkpoint)
    assert fresh._steps == 0
