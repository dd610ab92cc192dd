"""What the ratios of the label bank compare: the same weights, images and boxes, in steps that do what they say."""

import itertools
import mmap

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from mmssod.label_bank.labeler import LabelBank
from speed_ratios import Setting, bank, bank_memory, bank_predict
from speed_ratios.steps import Images

IMAGES = Images(2, 64)


@pytest.fixture(scope='module')
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bank')
    with DefaultScope.overwrite_default_scope('mmdet'):
        bank.begin(folder, IMAGES)
    return folder


@pytest.fixture
def trained(monkeypatch):
    """Models and batches of the steps that are built, and their losses at their first step."""
    seen = []

    def step_of(model, batch):
        def step():
            torch.manual_seed(0)
            data = model.data_preprocessor(batch(), True)
            return model.loss(data['inputs'], data['data_samples'])

        seen.append((model, batch()))
        return (lambda: None), step

    monkeypatch.setattr(bank, 'step_of', step_of)
    return seen


def losses(kind, folder):
    return {
        name: torch.as_tensor(sum(value) if isinstance(value, list) else value).sum().item()
        for name, value in bank.STEPS[kind](folder, IMAGES, 'cpu')[1]().items()
    }


def test_bank_and_teacher_give_the_same_losses_on_the_same_boxes(begun, trained):
    banked, joint, online = (losses(kind, begun) for kind in ('bank', 'joint', 'online'))
    assert banked['pseudo_boxes'] >= 1
    assert banked == pytest.approx(online, rel=1e-4)
    assert banked == pytest.approx(joint, rel=1e-4)
    (with_bank, batch), (one_pass, _), (with_teacher, other) = trained
    assert isinstance(with_bank.labeler, LabelBank) and not list(with_bank.labeler.parameters())
    assert list(with_teacher.labeler.parameters())
    assert one_pass.joint_features and not with_bank.joint_features
    assert batch['inputs']['weak'] == [None, None] and other['inputs']['weak'][0] is not None


def test_a_supervised_step_has_the_boxes_that_the_bank_holds(begun, trained):
    banked = losses('bank', begun)
    losses('supervised', begun)
    (_, ours), (student, batch) = trained
    images = ours['inputs']['labeled'] + ours['inputs']['strong']
    assert len(batch['inputs']) == 4
    assert all(map(torch.equal, batch['inputs'], images))
    boxes = [len(sample.gt_instances) for sample in batch['data_samples']]
    assert boxes[:2] == [4, 4]
    assert sum(boxes[2:]) / 2 == banked['pseudo_boxes']
    assert not hasattr(student, 'labeler')


def test_memory_is_measured_in_turns_in_fresh_processes(monkeypatch):
    asked = []

    def in_fresh_process(kind, folder, images, device):
        asked.append(kind)
        assert (folder / bank.START).is_file()
        return {'bank': 50.0, 'supervised': 100.0}[kind] + len(asked) % 2, 7.0

    monkeypatch.setattr(bank_memory, 'in_fresh_process', in_fresh_process)
    monkeypatch.setattr(bank, 'usual_images', lambda setting: IMAGES)
    measured = bank_memory.memory(Setting(rounds=5))
    assert asked == ['supervised', 'bank', 'bank', 'supervised'] * 2 + ['supervised', 'bank']
    assert measured.ratio == pytest.approx(0.5, abs=0.02) and measured.unit == 'MiB'
    assert '7 MiB before a model' in measured.note


def test_what_a_process_holds_and_held_at_most():
    """64 MiB more, then given back: the peak stays. Mapped, since freed memory may still be there to be used again."""
    before = bank_memory.held()
    block = mmap.mmap(-1, 64 << 20)
    np.frombuffer(block, dtype=np.uint8).fill(1)
    during = bank_memory.held()
    del block
    assert 60 < during - before < 80
    assert bank_memory.most() >= during - 1  # the system counts some pages late


@pytest.mark.slow
def test_a_process_that_fails_says_why(begun):
    with pytest.raises(RuntimeError, match="to print two numbers(.|\n)*KeyError: 'nothing'"):
        bank_memory.in_fresh_process('nothing', begun, IMAGES, 'cpu')


@pytest.mark.slow
def test_steps_in_a_fresh_process_need_some_memory(begun):
    peak, before = bank_memory.in_fresh_process('bank', begun, IMAGES, 'cpu')
    assert 10 < peak < before


def test_a_bank_is_compared_with_the_faster_plain_way(monkeypatch):
    """One at a time takes 3, padded batches 2; the bank's 1 is then twice as fast, not thrice."""
    theirs = itertools.cycle([[3.0] * 5, [2.0] * 5])
    calls = []

    def in_turns(setting, ours, plain):
        ours()
        plain()
        return [1.0] * 5, next(theirs)

    class Labeler(bank_predict.ViewLabeler):
        def __call__(self, batch):
            calls.append(len(batch['inputs']))
            return super().__call__(batch)

    monkeypatch.setattr(bank_predict, 'in_turns', in_turns)
    monkeypatch.setattr(bank_predict, 'ViewLabeler', Labeler)
    measured = bank_predict.predict(Setting(quick=True))
    assert measured.ratio == 2 and 'plain: 4 at a time' in measured.note
    assert calls == [4, 4]
    assert '4 images of 2 sizes' in measured.note
