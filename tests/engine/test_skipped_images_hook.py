"""Unreadable images through a run: counted, listed, limited. (The limits themselves: tests/bad_input.)"""

from fakes import FakeDataset, FakePair, fake_runner, run_iterations

from mmssod.engine import SkippedImagesHook


class Skipped:
    def __init__(self):
        self.images = {}

    def read(self):
        return dict(self.images)


def test_new_ones_are_told_once(tmp_path):
    unlabeled = FakeDataset([(f'/u/{n}.jpg', []) for n in range(100)])
    unlabeled.skipped = skipped = Skipped()
    runner = fake_runner(tmp_path, dataset=FakePair(FakeDataset([]), unlabeled), rank=1)
    hook = SkippedImagesHook(interval=2)
    run_iterations(hook, runner, range(2))
    assert runner.messages == [] and list(tmp_path.iterdir()) == []
    skipped.images['/u/3.jpg'] = '/u/3.jpg: empty file'
    run_iterations(hook, runner, range(2, 6))
    assert len(runner.messages) == 1 and '1 of 100 images' in runner.messages[0]
    skipped.images['/u/7.jpg'] = '/u/7.jpg: truncated'
    hook.after_train(runner)
    assert '2 of 100 images' in runner.messages[1] and '3.jpg' not in runner.messages[1]
    assert (tmp_path / 'skipped_images_rank1.txt').read_text() == (
        '/u/3.jpg: empty file\n/u/7.jpg: truncated\n'
    )
