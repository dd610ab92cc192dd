"""A terminal that is closed over a training: a checkpoint is saved, although nothing can be shown any more."""

import os
import pty
import select
import signal
import time

from builders.fault_runs import code_of, wait
from builders.toy_training import toy_config

from mmssod import apis


def test_a_run_saves_when_its_terminal_is_closed(tmp_path):
    cfg = toy_config(tmp_path, max_iters=5000, loader=dict(num_workers=1, persistent_workers=True))
    pid, terminal = pty.fork()
    if not pid:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os._exit(code_of(lambda: apis.train(cfg)))
    end = time.monotonic() + 60
    while not (tmp_path / 'last_checkpoint').exists() and time.monotonic() < end:
        if select.select([terminal], [], [], 0.01)[0]:
            os.read(terminal, 4096)
    os.kill(pid, signal.SIGSTOP)  # in no write to the terminal, which would be an error at once
    os.close(terminal)
    os.kill(pid, signal.SIGCONT)
    assert wait(pid, 60) == 129
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert 'told to end: stopped after iteration' in log and 'go on with --resume' in log
    assert 'Traceback' not in log
