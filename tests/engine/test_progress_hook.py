import io
import logging
import os
import sys
import threading

import pytest
from builders.fakes import fake_runner, run_iterations
from rich.console import Console

from mmssod.engine import ProgressHook
from mmssod.engine.progress import ProgressBar, duration


@pytest.fixture
def terminal(monkeypatch):
    """Put a terminal of 200 columns in place of stdout; the function returns what it shows.

    A function, as pytest sets stdout anew between a fixture and its test.
    """

    def open_terminal():
        screen = io.StringIO()
        screen.isatty = lambda: True
        monkeypatch.setenv('TERM', 'xterm')
        monkeypatch.setenv('COLUMNS', '200')
        monkeypatch.setattr(sys, 'stdout', screen)
        return screen

    return open_terminal


def log(runner, **values):
    for name, value in values.items():
        runner.message_hub.update_scalar(f'train/{name}', value)


def test_not_a_terminal_draws_nothing_but_logs_images_a_second(tmp_path, capsys):
    runner = fake_runner(tmp_path, world_size=3)
    hook = ProgressHook()
    hook.before_train(runner)
    run_iterations(hook, runner, range(3))
    hook.after_run(runner)
    assert capsys.readouterr().out == ''
    assert runner.message_hub.get_scalar('train/images_per_second').current() > 0


def test_terminal_shows_phase_figures_and_ap(tmp_path, terminal):
    screen = terminal()
    runner = fake_runner(tmp_path, max_iters=2, val_dataloader=range(5))
    log(
        runner,
        loss=1.25,
        sup_loss_cls=0.5,
        sup_loss_bbox=0.25,
        unsup_loss_cls=0.5,
        pseudo_boxes=3.0,
    )
    hook = ProgressHook()
    hook.before_train(runner)
    hook.before_val_epoch(runner)
    hook.after_val_iter(runner, 4)
    assert 'val' in screen.getvalue() and '5/5' in screen.getvalue()
    hook.after_val_epoch(runner, {'coco/bbox_mAP_50': 0.5, 'coco/bbox_mAP': 0.234})
    run_iterations(hook, runner, range(2))
    hook.after_run(runner)
    shown = screen.getvalue()
    for part in (
        'train',
        '2/2',
        'images/s',
        'data ',
        'left',
        'loss 1.250',
        'sup 0.750',
        'unsup 0.500',
        '3.0 pseudo boxes/image',
        'bbox_mAP 0.234',
    ):
        assert part in shown


def test_log_lines_stand_whole_above_the_bar_and_stdout_comes_back(tmp_path, terminal):
    screen = terminal()
    logger = logging.Logger('x')
    handler = logging.StreamHandler(screen)
    logger.addHandler(handler)
    bar = ProgressBar([logger])
    bar.start()
    assert sys.stdout is not screen
    bar.show('train', 1, 9, 'figures')
    logger.info('a whole line of the log')
    bar.stop()
    assert sys.stdout is screen and handler.stream is screen
    assert 'a whole line of the log\n' in screen.getvalue()


def test_routine_lines_can_be_hidden_warnings_cannot(terminal):
    screen = terminal()
    logger = logging.Logger('x')
    handler = logging.StreamHandler(screen)
    logger.addHandler(handler)
    bar = ProgressBar([logger], hide_log_lines=True)
    bar.start()
    for level in (logging.INFO, logging.WARNING):
        logger.log(level, f'line of level {level}')
    bar.stop()
    assert 'line of level 30' in screen.getvalue()
    assert 'line of level 20' not in screen.getvalue()
    assert handler.level == logging.NOTSET


def test_a_forked_worker_writes_to_the_terminal_itself(terminal):
    screen = terminal()
    handler = logging.StreamHandler(screen)
    logger = logging.Logger('x')
    logger.addHandler(handler)
    bar = ProgressBar([logger])
    bar.start()
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, bytes([sys.stdout is screen, handler.stream is screen]))
        os._exit(0)
    os.wait()
    assert os.read(reader, 2) == bytes([True, True])
    assert sys.stdout is not screen
    bar.stop()


def test_redraws_in_this_thread_and_not_too_often(terminal):
    screen = terminal()
    threads = threading.active_count()
    bar = ProgressBar([])
    bar.start()
    bar.show('train', 1, 1000, 'first')
    for done in range(2, 1000):
        bar.show('train', done, 1000, 'between')
    bar.show('train', 1000, 1000, 'last')
    assert threading.active_count() == threads
    bar.stop()
    assert screen.getvalue().count('between') < 500
    assert 'last' in screen.getvalue()


def test_a_fault_while_drawing_ends_the_bar_not_the_run(tmp_path, terminal, monkeypatch):
    screen = terminal()
    runner = fake_runner(tmp_path, max_iters=2)
    hook = ProgressHook()
    hook.before_train(runner)

    def broken(*args):
        raise RuntimeError('screen on fire')

    monkeypatch.setattr(hook._bar, 'show', broken)
    run_iterations(hook, runner, range(2))
    assert hook._bar is None and not hook.show_bar
    assert sys.stdout is screen


def test_narrow_dumb_and_repeated(tmp_path, terminal, monkeypatch):
    screen = terminal()
    bar = ProgressBar([], console=Console(file=screen, width=20, force_terminal=True))
    bar.start()
    bar.show('train', 1, 9, 'x' * 100)
    bar.stop()
    bar.stop()
    monkeypatch.setenv('TERM', 'dumb')
    hook = ProgressHook()
    hook.before_train(fake_runner(tmp_path))
    assert hook._bar is None
    hook.close()


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(-5, '0:00:00'), (0, '0:00:00'), (3661, '1:01:01'), (90000, '1 day, 1:00:00')],
)
def test_duration_is_never_negative(seconds, text):
    assert duration(seconds) == text
