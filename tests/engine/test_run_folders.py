"""A work directory is one run's: copied, used again, used twice at once, or given by someone else."""

import json
import multiprocessing
import shutil

import pytest
import torch
from builders.toy_training import toy_config, weights_of
from mmengine.runner import runner as mmengine_runner

from mmssod import apis
from mmssod.engine.reliability import checkpoint_files
from mmssod.engine.reliability.checkpoint_files import keep_own_names, newest_checkpoint
from mmssod.engine.reliability.work_dir import FolderInUseError, RunLock, run_lock
from mmssod.environment.whole_files import unfinished_files, write_whole


@pytest.fixture
def said(monkeypatch):
    lines: list[str] = []
    monkeypatch.setattr(checkpoint_files, 'print_log', lambda text, *_: lines.append(text))
    return lines


def train(folder, max_iters=4, **options):
    apis.train(toy_config(folder, max_iters=max_iters), **options)


# ------------------------------------------------------------------ copied, used again


def test_a_copy_resumes_its_own(tmp_path):
    train(tmp_path / 'a')
    assert (tmp_path / 'a/last_checkpoint').read_text() == 'iter_4.pth'
    shutil.copytree(tmp_path / 'a', tmp_path / 'b')
    for name in ('iter_4.pth', str(tmp_path / 'a/iter_4.pth')):  # as mmengine writes it, too
        (tmp_path / 'b/last_checkpoint').write_text(name)
        assert newest_checkpoint(str(tmp_path / 'b')) == str(tmp_path / 'b/iter_4.pth')
    (tmp_path / 'b/iter_4.pth').unlink()
    assert newest_checkpoint(str(tmp_path / 'b')) == str(tmp_path / 'b/iter_2.pth')
    (tmp_path / 'b/iter_2.pth').unlink()
    with pytest.raises(ValueError, match='b/iter_4.pth is damaged: it is not there'):
        newest_checkpoint(str(tmp_path / 'b'))
    assert mmengine_runner.find_latest_checkpoint(str(tmp_path / 'a')) == str(
        tmp_path / 'a/iter_4.pth'
    )


def test_a_run_killed_early_does_not_go_on_with_an_older_one(tmp_path, monkeypatch, said):
    train(tmp_path)
    old = weights_of(tmp_path, 4)

    def killed(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr('builders.toy_training.ToyDetector.forward', killed)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, seed=9)
    assert newest_checkpoint(str(tmp_path)) is None
    assert 'begins anew; 2 of an earlier run are passed over' in said[0]
    train(tmp_path, max_iters=2, seed=9, resume='auto')
    new = weights_of(tmp_path, 2)
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_2.pth')
    train(tmp_path, max_iters=3, seed=9, resume='auto')  # on with its own, past the other's iter_4
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_3.pth')
    assert any(not torch.equal(old[name], new[name]) for name in old)
    train(tmp_path, max_iters=6, resume=str(tmp_path / 'iter_4.pth'))  # named, it may
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_6.pth')


def test_a_failed_start_buries_nothing(tmp_path):
    train(tmp_path)
    wrong = toy_config(tmp_path)
    wrong.train_dataloader.dataset.no_such_key = 1
    with pytest.raises(Exception, match='no_such_key'):
        apis.train(wrong)
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_4.pth')


# ------------------------------------------------------------------ two at once


def hold(folder, ready, leave):
    with run_lock(folder):
        ready.set()
        leave.wait(30)


def test_two_runs_in_one_folder(tmp_path):
    fork = multiprocessing.get_context('fork')
    ready, leave = fork.Event(), fork.Event()
    other = fork.Process(target=hold, args=(str(tmp_path), ready, leave))
    other.start()
    try:
        assert ready.wait(30)
        with pytest.raises(FolderInUseError, match=rf'but process {other.pid} on .* --work-dir'):
            train(tmp_path)
        assert not list(tmp_path.glob('*.pth*'))
    finally:
        leave.set()
        other.join()
    train(tmp_path, max_iters=2)
    RunLock(tmp_path / '.lock').close()


def test_writers_have_names_of_their_own(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr('os.replace', lambda source, target: seen.append(str(source)))
    for _ in range(2):
        write_whole(tmp_path / 'a.pth', b'x')
    assert len(set(seen)) == 2 and set(map(str, unfinished_files(tmp_path))) == set(seen)
    (tmp_path / 'film.part').touch()  # someone else's
    assert len(list(unfinished_files(tmp_path))) == 2


# ------------------------------------------------------------------ given by someone else


def test_what_a_checkpoint_names_elsewhere_is_not_removed(tmp_path, monkeypatch):
    """A better evaluation removes the former best one, but nothing that is not the run's own."""
    victims = [
        tmp_path / 'best_other.pth',
        tmp_path / 'work/notes.txt',
        tmp_path / 'work/best_d.pth',
    ]
    cfg = toy_config(tmp_path / 'work', max_iters=4)
    cfg.default_hooks.checkpoint.update(save_best='toy/bbox_mAP', max_keep_ckpts=1)
    cfg.train_cfg.val_interval = 2
    scores = iter([0.1, *([0.5] * 9)])
    monkeypatch.setattr(
        'builders.toy_training.ToyMetric.compute_metrics',
        lambda self, _: {'bbox_mAP': next(scores)},
    )
    first = toy_config(tmp_path / 'work', max_iters=2)
    first.default_hooks.checkpoint.update(save_best='toy/bbox_mAP')
    first.train_cfg.val_interval = 2
    apis.train(first)
    file = tmp_path / 'work/iter_2.pth'
    whole = torch.load(file, weights_only=False)
    for victim in victims:
        if victim.name == 'best_d.pth':
            victim.mkdir()
            (victim / 'thesis').touch()
        else:
            victim.touch()
        (tmp_path / 'work/iter_').mkdir(exist_ok=True)
        info = whole['message_hub']['runtime_info']
        info.update(best_ckpt=str(victim), best_score=0.1, keep_ckpt_ids=['/../../x', 1, 2])
        (tmp_path / 'x.pth').touch()
        torch.save(whole, file)
        scores = iter([0.5] * 9)
        apis.train(cfg, resume=str(file))
        assert victim.exists() and (tmp_path / 'x.pth').exists(), victim


@pytest.mark.parametrize(
    ('said', 'kept'),
    [
        ('/elsewhere/best_a_iter_2.pth', '/run/best_a_iter_2.pth'),  # a copy's is its own
        ('/run/../etc/passwd', None),
        ('/run/iter_2.pth', None),
        ({'a': 1}, None),
        (None, None),
    ],
)
def test_names_that_are_kept(said, kept):
    info = {'best_ckpt': said, 'best_ckpt_b': said, 'lr': 1}
    keep_own_names(info, '/run')
    assert info == {'best_ckpt': kept, 'best_ckpt_b': kept, 'lr': 1}


def test_a_note_of_older_runs_may_be_damaged(tmp_path):
    torch.save({'a': 1}, tmp_path / 'iter_2.pth')
    for content in ('', '[[]]', '7', json.dumps(['x'])):
        (tmp_path / 'older_checkpoints.json').write_text(content)
        assert newest_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_2.pth')
