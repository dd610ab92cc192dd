"""Unreadable images through a run: counted, listed, limited. (The limits themselves: tests/bad_input.)"""

from copy import deepcopy

import pytest
from builders.fakes import FakeDataset, FakePair, fake_runner, run_iterations
from mmengine.hooks import CheckpointHook

from mmssod.engine import SkippedImagesHook
from mmssod.engine.reliability import skipped_images_hook as module


class Skipped:
    def __init__(self):
        self.images = {}

    def read(self):
        return dict(self.images)


def run_with(tmp_path, images=100, **values):
    """A runner whose unlabeled images can be made unreadable, and how."""
    unlabeled = FakeDataset([(f'/u/{n}.jpg', []) for n in range(images)])
    unlabeled.skipped = Skipped()
    runner = fake_runner(tmp_path, dataset=FakePair(FakeDataset([]), unlabeled), **values)

    def spoil(number, why='truncated'):
        unlabeled.skipped.images[f'/u/{number}.jpg'] = f'/u/{number}.jpg: {why}'

    return runner, spoil


def test_new_ones_are_told_once(tmp_path):
    runner, spoil = run_with(tmp_path)
    hook = SkippedImagesHook(interval=2)
    run_iterations(hook, runner, range(2))
    assert runner.messages == [] and list(tmp_path.iterdir()) == []
    spoil(3, 'empty file')
    run_iterations(hook, runner, range(2, 6))
    assert len(runner.messages) == 1 and '1 of 100 images' in runner.messages[0]
    spoil(7)
    hook.after_train(runner)
    assert '2 of 100 images' in runner.messages[1] and '3.jpg' not in runner.messages[1]
    assert (tmp_path / 'skipped_images.txt').read_text() == (
        '/u/3.jpg: empty file\n/u/7.jpg: truncated\n'
    )


def test_checkpoints_hold_the_list(tmp_path):
    """What was met before a checkpoint is known after a resume: it counts, and is not told again."""
    checkpoint = CheckpointHook(by_epoch=False, interval=5)
    runner, spoil = run_with(tmp_path, hooks=[checkpoint])
    spoil(3, 'empty file')
    run_iterations(SkippedImagesHook(interval=50), runner, range(5))
    saved = deepcopy(runner.message_hub.state_dict())
    (tmp_path / 'skipped_images.txt').unlink()

    resumed, spoil = run_with(tmp_path, iter=5)
    resumed.message_hub.load_state_dict(saved)
    hook = SkippedImagesHook(interval=2)
    hook.before_train(resumed)
    spoil(3, 'empty file')
    run_iterations(hook, resumed, range(5, 8))
    assert resumed.messages == []
    spoil(7)
    hook.before_early_checkpoint(resumed)
    assert '2 of 100 images' in resumed.messages[0] and '3.jpg' not in resumed.messages[0]
    assert (tmp_path / 'skipped_images.txt').read_text() == (
        '/u/3.jpg: empty file\n/u/7.jpg: truncated\n'
    )


def test_a_run_that_starts_knows_nothing(tmp_path):
    """The message hub of another run in this process may still be there."""
    runner, spoil = run_with(tmp_path)
    runner.message_hub.update_info('skipped_images', dict(unlabeled={'/u/1.jpg': 'old'}))
    hook = SkippedImagesHook(interval=1)
    hook.before_train(runner)
    spoil(3)
    run_iterations(hook, runner, range(1))
    assert '1 of 100 images' in runner.messages[0]


@pytest.mark.parametrize('rank', [0, 1])
def test_all_processes_count(tmp_path, monkeypatch, rank):
    """Three of 100 on one process and three on the other are more than 5 %, on both; the first one tells."""
    other = dict(labeled={}, unlabeled={f'/u/{n}.jpg': f'/u/{n}.jpg: empty' for n in (50, 51)})
    gathered = []

    def gather(own):
        gathered.append(own)
        return [own, other] if rank == 0 else [other, own]

    def reduce(tensor):
        tensor += sum(len(images) for images in other.values())

    monkeypatch.setattr(module, 'get_world_size', lambda: 2)
    monkeypatch.setattr(module, 'all_gather_object', gather)
    monkeypatch.setattr(module, 'all_reduce', reduce)
    runner, spoil = run_with(tmp_path, rank=rank, world_size=2)
    hook = SkippedImagesHook(interval=1)
    for number in range(3):
        spoil(number)
    run_iterations(hook, runner, range(1))
    assert len(gathered) == 1 and len(runner.messages) == (rank == 0)
    assert (tmp_path / 'skipped_images.txt').exists() == (rank == 0)
    other.clear()  # nothing new on either: nothing is gathered
    run_iterations(hook, runner, range(1, 2))
    assert len(gathered) == 1
    other['unlabeled'] = {'/u/52.jpg': '/u/52.jpg: empty'}
    with pytest.raises(RuntimeError, match='6 of 100 images.*limit of 5%'):
        run_iterations(hook, runner, range(2, 3))
