"""A shard has one writer, and a killed one leaves it to the next."""

import errno
import fcntl
import multiprocessing
import os
import signal
import socket
import time

import pytest
from builders.banks import header, image

from mmssod.label_bank import BankError, Header, ShardWriter
from mmssod.label_bank.shards import images_done

fork = multiprocessing.get_context('fork')
MADE_OF = header(images=4, shard_size=2)


def hold(folder, told, child=False):
    """Write an image of shard 0 and keep the shard; with a forked child of its own, as a loader's worker is."""
    writer = ShardWriter(folder, MADE_OF, 0)
    writer.append([image(0)])
    worker = os.fork() if child else 1
    if worker:
        told.send(worker)
    time.sleep(60)


@pytest.fixture
def holder(tmp_path):
    """A process that holds shard 0, and the forked child of it."""
    ours, theirs = fork.Pipe()
    process = fork.Process(target=hold, args=(tmp_path, theirs, True))
    process.start()
    worker = ours.recv()
    yield process
    process.kill()
    process.join()
    os.kill(worker, signal.SIGKILL)


def test_a_second_process_is_refused_and_told_by_whom(tmp_path, holder):
    with pytest.raises(BankError, match='written by another process') as refused:
        ShardWriter(tmp_path, MADE_OF, 0)
    problem = refused.value.problem
    assert problem.actual == f'process {holder.pid} on {socket.gethostname()} does'
    assert 'shards/00000' in problem.what and '--launcher' in problem.fix
    assert images_done(tmp_path, MADE_OF) == 1  # a refused one cuts nothing off
    ShardWriter(tmp_path, MADE_OF, 1).append([image(2), image(3)])  # another shard is free


def test_a_killed_process_leaves_the_shard_free_though_its_worker_lives(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    writer = ShardWriter(tmp_path, MADE_OF, 0)
    assert writer.done == 1
    writer.append([image(1)])
    assert images_done(tmp_path, MADE_OF) == 2


def test_a_lock_is_kept_while_its_writer_writes(tmp_path):
    """Appending opens and closes the shard's files, which must not give the lock back."""
    writer = ShardWriter(tmp_path, MADE_OF, 0)
    writer.append([image(0)])

    def second():
        with pytest.raises(BankError):
            ShardWriter(tmp_path, MADE_OF, 0)

    process = fork.Process(target=second)
    process.start()
    process.join()
    assert process.exitcode == 0
    del writer
    process = fork.Process(target=lambda: ShardWriter(tmp_path, MADE_OF, 0))
    process.start()
    process.join()
    assert process.exitcode == 0


def test_a_file_system_without_locks_gives_a_warning(tmp_path, monkeypatch):
    def unknown(*args):
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'lockf', unknown)
    said = []
    monkeypatch.setattr(
        'mmssod.environment.file_lock.print_log', lambda text, *_: said.append(text)
    )
    ShardWriter(tmp_path, MADE_OF, 0).append([image(0)])
    assert images_done(tmp_path, MADE_OF) == 1
    assert len(said) == 1 and 'No locks available' in said[0]


def save_at_once(folder, size, start, told):
    """Write a header of its own as soon as all do, and tell which one is there then."""
    start.wait()
    header(images=4, shard_size=size).save(folder, first=True)
    told.put(Header.load(folder).shard_size)


def test_makers_that_begin_at_once_have_one_header(tmp_path):
    """Started with other numbers of processes, they cut the images otherwise."""
    start, told = fork.Barrier(4), fork.Queue()
    makers = [
        fork.Process(target=save_at_once, args=(tmp_path, size, start, told))
        for size in (1, 2, 3, 4)
    ]
    for maker in makers:
        maker.start()
    seen = {told.get(timeout=20) for _ in makers}
    for maker in makers:
        maker.join()
    assert seen == {Header.load(tmp_path).shard_size}
    assert [file.name for file in tmp_path.iterdir()] == ['bank.json']
