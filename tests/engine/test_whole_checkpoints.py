"""No moment of a run is without a whole checkpoint, once it has one."""

import errno
import os
import random
from collections import Counter
from fnmatch import fnmatch
from types import SimpleNamespace

import pytest
import torch
from builders.toy_training import toy_config, weights_of

from mmssod import apis
from mmssod.engine.reliability import checkpoint_files
from mmssod.engine.reliability.checkpoint_files import WholeFileBackend, damage, newest_checkpoint
from mmssod.engine.reliability.work_dir import full_disk_named
from mmssod.environment import whole_files
from mmssod.environment.whole_files import write_whole


class Killed(BaseException):
    """Stands for SIGKILL: nobody catches it."""


# ------------------------------------------------------------------ a file


@pytest.mark.parametrize('content', [b'', b'x', b'new' * 1000])
def test_a_file_is_replaced(tmp_path, content):
    for old in (None, b'old'):
        file = tmp_path / f'{old}.txt'
        if old:
            file.write_bytes(old)
        write_whole(file, content)
        assert file.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 2  # nothing beside them


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch, step):
    file = tmp_path / 'a.txt'
    file.write_text('old')

    def full(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(whole_files.os, step, full)
    with pytest.raises(OSError, match='No space left'):
        write_whole(file, b'new')
    assert [path.name for path in tmp_path.iterdir()] == ['a.txt']
    assert file.read_text() == 'old'


def test_the_content_is_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(whole_files.os, 'fsync', lambda descriptor: done.append('sync'))
    replace = os.replace
    monkeypatch.setattr(
        whole_files.os, 'replace', lambda *paths: (done.append('rename'), replace(*paths))
    )
    write_whole(tmp_path / 'a.txt', b'x')
    assert done == ['sync', 'rename', 'sync']  # the file, its name, the folder


def test_the_backend_makes_folders_and_takes_views(tmp_path):
    WholeFileBackend().put(memoryview(b'abc'), tmp_path / 'a/b/c.txt')
    assert (tmp_path / 'a/b/c.txt').read_bytes() == b'abc'


# ------------------------------------------------------------------ damage


@pytest.fixture
def checkpoint(tmp_path):
    file = tmp_path / 'iter_2.pth'
    torch.save({'state_dict': {'a': torch.arange(1000.0)}}, file)
    return file


def test_a_whole_file_has_no_damage(checkpoint, tmp_path):
    assert damage(str(checkpoint)) is None
    assert damage(str(tmp_path)) is None  # a folder, as DeepSpeed's
    old = tmp_path / 'old.pth'
    torch.save({'a': 1}, old, _use_new_zipfile_serialization=False)
    assert damage(str(old)) is None


@pytest.mark.parametrize(
    ('spoil', 'told'),
    [
        (lambda data: b'', 'empty'),
        (lambda data: b'no checkpoint', 'not a file of torch.save'),
        (lambda data: data[: len(data) // 2], 'cut off'),
        (lambda data: data[:-1], 'cut off'),
        (lambda data: data[:2000] + bytes([data[2000] ^ 1]) + data[2001:], 'checksum'),
    ],
)
def test_damage_is_seen(checkpoint, spoil, told):
    checkpoint.write_bytes(spoil(checkpoint.read_bytes()))
    assert told in damage(str(checkpoint))


def spoilt(data: bytes, draw: random.Random) -> bytes:
    """A file as bad disks and copies leave it: cut off, a hole of zeros, bytes changed, mostly in the zip directory."""
    changed = bytearray(data)
    directory = data.find(b'PK\x01\x02')
    way = draw.randrange(4)
    if way == 0:
        return data[: draw.randrange(len(data))]
    if way == 1:
        start = draw.randrange(len(data))
        changed[start : start + draw.randrange(1, 600)] = b''
        return bytes(changed).ljust(len(data), b'\0')
    for _ in range(draw.randrange(1, 5)):
        changed[draw.randrange(directory if way == 2 else 0, len(data))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def test_what_has_no_damage_can_be_read(checkpoint):
    """However a file is spoilt: never a traceback, and what counts as whole loads as it was saved."""
    data, draw, seen = checkpoint.read_bytes(), random.Random(0), Counter()
    for _ in range(400):
        checkpoint.write_bytes(spoilt(data, draw))
        whole = damage(str(checkpoint)) is None
        seen[whole] += 1
        if whole:
            loaded = torch.load(checkpoint, weights_only=True)['state_dict']['a']
            assert torch.equal(loaded, torch.arange(1000.0))
    assert seen[False] > 200 and seen[True] > 0  # dates and such do not matter


def test_renamed_entries_are_damage(checkpoint):
    data = checkpoint.read_bytes()
    for name in (b'data.pkl', b'data/0', b'version'):
        assert name in data
        checkpoint.write_bytes(data.replace(name, b'q' + name[1:]))
        assert 'cut off or overwritten' in damage(str(checkpoint)), name


def test_looking_for_damage_runs_nothing(tmp_path):
    class Payload:
        def __reduce__(self):
            return os.system, (f'touch {tmp_path}/it_ran',)

    torch.save(dict(a=torch.ones(2), more=Payload()), tmp_path / 'a.pth')
    assert damage(str(tmp_path / 'a.pth')) is None  # not damaged: loading refuses it
    assert not (tmp_path / 'it_ran').exists()


# ------------------------------------------------------------------ where a run goes on


def run_folder(tmp_path, steps, last):
    for step in steps:
        torch.save({'a': torch.ones(9) * step}, tmp_path / f'iter_{step}.pth')
    if last is not None:
        (tmp_path / 'last_checkpoint').write_text(last and os.path.join(tmp_path, last))
    return str(tmp_path)


@pytest.mark.parametrize(
    ('steps', 'last', 'found'),
    [
        ([], None, None),
        ([2], 'iter_2.pth', 'iter_2.pth'),
        ([8, 10], 'iter_10.pth', 'iter_10.pth'),  # numbers, not letters
        ([2, 4], 'iter_2.pth', 'iter_2.pth'),  # killed between a checkpoint and its name
        ([2, 4], None, 'iter_4.pth'),
        ([2, 4], '', 'iter_4.pth'),
        ([2], 'iter_4.pth', 'iter_2.pth'),
        ([2, 4], '/where/it/was/iter_4.pth', 'iter_4.pth'),  # the folder was moved
    ],
)
def test_the_newest_whole_checkpoint(tmp_path, steps, last, found):
    folder = run_folder(tmp_path, steps, last)
    assert newest_checkpoint(folder) == (None if found is None else str(tmp_path / found))


def test_damaged_ones_are_passed_over_with_a_warning(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(checkpoint_files, 'print_log', lambda text, *_: said.append(text))
    folder = run_folder(tmp_path, [2, 4, 6], 'iter_6.pth')
    whole = (tmp_path / 'iter_4.pth').read_bytes()
    for step in (4, 6):
        broken_name = whole.replace(b'/data/0', b'/d\xfft\xff/0')
        (tmp_path / f'iter_{step}.pth').write_bytes(b'PK' if step == 4 else broken_name)
        assert newest_checkpoint(folder) == str(tmp_path / f'iter_{2 if step == 6 else 6}.pth')
    assert 'iter_6.pth is damaged' in said[0] and 'iter_4.pth is damaged' in said[0]
    (tmp_path / 'iter_2.pth').write_bytes(b'')
    with pytest.raises(ValueError, match='no checkpoint of .* can be resumed: .*iter_6.*iter_2'):
        newest_checkpoint(folder)


# ------------------------------------------------------------------ runs


def config(folder, max_iters=6, **checkpoint):
    cfg = toy_config(folder, max_iters=max_iters)
    cfg.default_hooks.checkpoint.update(checkpoint)
    return cfg


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth*'))


def test_old_checkpoints_go_when_the_new_one_is_named(tmp_path, monkeypatch):
    events = []
    write, remove = checkpoint_files.write_whole, WholeFileBackend.remove

    def written(path, content):
        write(path, content)
        events.append(f'+{os.path.basename(path)}')

    def removed(self, path):
        events.append(f'-{os.path.basename(path)}')
        remove(self, path)

    for module in (checkpoint_files, 'mmssod.engine.reliability.whole_checkpoint_hook'):
        where = module if isinstance(module, str) else module.__name__
        monkeypatch.setattr(f'{where}.write_whole', written)
    monkeypatch.setattr(WholeFileBackend, 'remove', removed)
    apis.train(config(tmp_path, max_keep_ckpts=1))
    assert events[:5] == [
        '+iter_2.pth',
        '+last_checkpoint',
        '+iter_4.pth',
        '+last_checkpoint',
        '-iter_2.pth',
    ]
    assert names(tmp_path) == ['iter_6.pth']


def test_the_best_one_stays_until_the_better_one_is_there(tmp_path, monkeypatch):
    cfg = config(tmp_path, max_iters=4, save_best='toy/bbox_mAP')
    cfg.train_cfg.val_interval = 2
    scores = iter([0.1, 0.2])
    monkeypatch.setattr(
        'builders.toy_training.ToyMetric.compute_metrics',
        lambda self, _: {'bbox_mAP': next(scores)},
    )
    there = []
    remove = WholeFileBackend.remove
    monkeypatch.setattr(
        WholeFileBackend,
        'remove',
        lambda self, path: (there.append(names(tmp_path)), remove(self, path)),
    )
    apis.train(cfg)
    assert names(tmp_path) == ['best_toy_bbox_mAP_iter_4.pth', 'iter_2.pth', 'iter_4.pth']
    assert 'best_toy_bbox_mAP_iter_4.pth' in there[0] and 'best_toy_bbox_mAP_iter_2.pth' in there[0]


@pytest.mark.parametrize('moment', ['fsync', 'replace'])
@pytest.mark.parametrize('file', ['iter_4.pth', 'last_checkpoint'])
def test_killed_while_writing(tmp_path, monkeypatch, moment, file):
    """At whichever write the process dies, the run goes on and ends like one that did not."""
    apis.train(config(tmp_path / 'whole', max_keep_ckpts=1))
    original = getattr(os, moment)
    seen = []

    def dies(target, *rest):
        path = os.readlink(f'/proc/self/fd/{target}') if moment == 'fsync' else target
        if fnmatch(os.path.basename(path), f'{file}.*.part'):
            seen.append(path)
            if len(seen) == (2 if file == 'last_checkpoint' else 1):
                raise Killed
        return original(target, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(whole_files.os, moment, dies)
        patch.setattr(whole_files.os, 'remove', lambda path: None)  # the dead do not tidy up
        with pytest.raises(Killed):
            apis.train(config(tmp_path / 'cut', max_keep_ckpts=1))
    named = (tmp_path / 'cut/last_checkpoint').read_text()
    assert damage(str(tmp_path / 'cut' / named)) is None
    apis.train(config(tmp_path / 'cut', max_keep_ckpts=1), resume='auto')
    whole, cut = weights_of(tmp_path / 'whole', 6), weights_of(tmp_path / 'cut', 6)
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())
    assert names(tmp_path / 'cut') == ['iter_6.pth']


FULL = [
    ('best_toy_bbox_mAP_iter_4.pth', errno.ENOSPC, 'iter_4.pth'),
    ('last_evaluation', errno.EDQUOT, 'iter_2.pth'),
    ('class_balance.jsonl', errno.EROFS, None),
]


@pytest.mark.parametrize(('file', 'number', 'newest'), FULL)
def test_a_full_disk_is_named_wherever_it_shows(tmp_path, monkeypatch, file, number, newest):
    cfg = config(tmp_path, save_best='toy/bbox_mAP')
    cfg.train_cfg.val_interval = 2
    if file.startswith('best'):
        scores = iter([0.1, 0.2, 0.3])
        monkeypatch.setattr(
            'builders.toy_training.ToyMetric.compute_metrics',
            lambda self, _: {'bbox_mAP': next(scores)},
        )

    def full(*args, **options):
        raise OSError(number, os.strerror(number))

    fsync = os.fsync

    def fsync_of(descriptor):
        path = os.readlink(f'/proc/self/fd/{descriptor}')
        return full() if fnmatch(path, f'*/{file}.*.part') else fsync(descriptor)

    monkeypatch.setattr(whole_files.os, 'fsync', fsync_of)
    if file == 'class_balance.jsonl':  # a line is appended
        monkeypatch.setattr(
            'mmssod.engine.hooks.class_balance_hook.json', SimpleNamespace(dumps=full)
        )
    left = rf'the last checkpoint, {tmp_path}/{newest}, is whole' if newest else 'no checkpoint yet'
    said = rf'{tmp_path}/{file} was not written: {os.strerror(number)}.*MiB free.*{left}.*--resume'
    with pytest.raises(RuntimeError, match=said):
        apis.train(cfg)


def test_other_errors_of_files_stay(tmp_path):
    for number, kind in ((errno.EACCES, PermissionError), (errno.ENOSPC, RuntimeError)):
        with pytest.raises(kind), full_disk_named(str(tmp_path)):
            raise OSError(number, 'no')


def test_a_full_disk_is_named_and_costs_nothing_that_was_done(tmp_path, monkeypatch):
    cfg = config(tmp_path, max_keep_ckpts=1)
    with monkeypatch.context() as patch:
        replace = os.replace

        def full(source, target):
            if 'iter_4' in str(target):
                raise OSError(errno.ENOSPC, 'No space left on device')
            replace(source, target)

        patch.setattr(whole_files.os, 'replace', full)
        with pytest.raises(
            RuntimeError, match=r'(?s)iter_4\.pth was not written: No space.*MiB free.*iter_2\.pth'
        ):
            apis.train(cfg)
    assert names(tmp_path) == ['iter_2.pth'] and damage(str(tmp_path / 'iter_2.pth')) is None
    assert (tmp_path / 'last_checkpoint').read_text() == 'iter_2.pth'


def test_a_run_with_a_damaged_newest_checkpoint_ends_the_same(tmp_path):
    apis.train(config(tmp_path / 'whole'))
    apis.train(config(tmp_path / 'cut', max_iters=4))
    newest = tmp_path / 'cut/iter_4.pth'
    newest.write_bytes(newest.read_bytes()[:-100])
    cfg = config(tmp_path / 'cut')
    cfg.resume = True  # as a config says it, without an option
    apis.train(cfg)
    whole, cut = weights_of(tmp_path / 'whole', 6), weights_of(tmp_path / 'cut', 6)
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())
