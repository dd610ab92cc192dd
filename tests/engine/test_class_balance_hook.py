import json
import re

import pytest
import torch
from builders.fakes import FakeDataset, FakeModel, FakePair, fake_runner, run_iterations

from mmssod.engine import ClassBalanceHook
from mmssod.engine.runner_access import count_boxes


def labeled(*labels_by_image):
    return FakeDataset([(f'/l/{i}.jpg', labels) for i, labels in enumerate(labels_by_image)])


@pytest.mark.parametrize(
    ('images', 'counts'),
    [
        ([], [0, 0, 0]),
        ([[]], [0, 0, 0]),
        ([[1]], [0, 1, 0]),
        ([[0, 0, 2], [0], [-1, -3]], [3, 0, 1]),  # negative: ignored boxes
    ],
)
def test_box_counts(images, counts):
    dataset = labeled(*images)
    assert count_boxes(dataset, 3).tolist() == counts
    assert count_boxes(dataset, 3).dtype == torch.float64


def test_box_counts_are_a_copy_of_what_was_counted_once():
    dataset = labeled([0])
    count_boxes(dataset, 3).zero_()
    assert count_boxes(dataset, 3).tolist() == [1, 0, 0]


def test_balancer_starts_with_the_labeled_boxes(tmp_path):
    pair = FakePair(labeled([0, 0], [1]), FakeDataset([('/u/0.jpg', [2])]))
    runner = fake_runner(tmp_path, dataset=pair)
    ClassBalanceHook().before_train(runner)
    assert runner.model.balancer.started_with == [2, 1, 0]


def test_resumed_counts_are_left_alone(tmp_path):
    runner = fake_runner(tmp_path, FakeModel(initialized=True))
    ClassBalanceHook().before_train(runner)
    assert runner.model.balancer.started_with is None


def test_table_and_file_every_interval(tmp_path):
    runner = fake_runner(tmp_path)
    hook = ClassBalanceHook(interval=2)
    hook.before_train(runner)
    run_iterations(hook, runner, range(5))
    lines = [
        json.loads(line) for line in (tmp_path / 'class_balance.jsonl').read_text().splitlines()
    ]
    assert [line['iter'] for line in lines] == [0, 2, 4]
    assert lines[0].pop('classes') == ['ant', 'bee', 'cat']
    assert lines[0].pop('labeled_boxes') == [2, 1, 0]
    assert lines[0].keys() == lines[1].keys()
    assert lines[0]['thresholds'] == pytest.approx([0.4, 0.7, 0.9])
    assert lines[0]['weights'] == [1.5, 1.0, 0.5]
    assert lines[0]['counts'] == [10, 20, 30]
    assert lines[0]['certainty'] == [0.25] * 3
    assert lines[0]['pseudo_boxes'] == [1.5, 0, 0]
    assert len(runner.messages) == 2
    row = next(line for line in runner.messages[0].splitlines() if '| ant' in line)
    assert row.split()[1::2] == ['ant', '2', '0.400', '1.500', '10', '0.25', '1.50']


def test_no_unlabeled_image_yet(tmp_path):
    runner = fake_runner(tmp_path, FakeModel(images=0))
    hook = ClassBalanceHook(interval=1)
    hook.before_train(runner)
    run_iterations(hook, runner, range(1))
    for line in (tmp_path / 'class_balance.jsonl').read_text().splitlines():
        assert json.loads(line)['pseudo_boxes'] is None
    assert re.search(r'\| +- \|\n', runner.messages[0])


def test_resume_forgets_what_is_done_again_and_a_cut_line(tmp_path):
    file = tmp_path / 'class_balance.jsonl'
    file.write_text('{"iter": 2}\n{"iter": 4}\n{"iter": 6}\n{"it')
    hook = ClassBalanceHook()
    hook.before_train(fake_runner(tmp_path, iter=4))
    assert file.read_text() == '{"iter": 2}\n{"iter": 4}\n'


def test_a_new_run_begins_a_new_file(tmp_path):
    file = tmp_path / 'class_balance.jsonl'
    file.write_text('{"iter": 0}\n{"iter": 4}\n')
    ClassBalanceHook().before_train(fake_runner(tmp_path))
    (line,) = file.read_text().splitlines()
    assert json.loads(line)['classes'] == ['ant', 'bee', 'cat']


def test_interval_below_one_is_refused():
    with pytest.raises(ValueError, match='interval >= 1, got 0'):
        ClassBalanceHook(interval=0)
