"""Every writer on a disk that is full: an error that says so, what was there as it was, and then it goes on."""

import errno
import json
import os
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import torch
from builders.authors_yolox import trained
from builders.fault_runs import start, wait
from builders.small_run import make_run
from builders.toy_training import toy_config
from builders.trainings import small_data
from own_mounts import NOT_ALLOWED, mount

from mmssod import apis
from mmssod.cli import main
from mmssod.convert.files import convert_yolox
from mmssod.label_bank import LabelBankFiles

NO_SPACE = os.strerror(errno.ENOSPC)
TIMES = ('first', 'full', 'again')
"""A writer is called on an empty disk, on a full one, and when there is room again."""

Write = Callable[[Path, str], int | None]


def writers(root: Path) -> dict[str, Write]:
    """What writes: gets the folder of the disk and which time it is; its exit status."""
    run = make_run(root / 'run')
    torch.save(
        dict(model=trained(depth=1, width=16, depthwise=True, num_classes=80).state_dict()),
        root / 'nano.pth',
    )
    given = [f'{run}/config.py', f'{run}/iter_1.pth']
    data = small_data(root / 'data')
    labels = [f'{data}/train.json', '--val', f'{data}/val.json', '--unlabeled', f'{data}/unlabeled']
    labels += ['--images', f'{data}/labeled', '--val-images', f'{data}/val', '--start', 'none']

    def command(name: str, out: str, *more: str, words=given) -> Write:
        return lambda disk, time: main([name, *words, *more, '--out', str(disk / out)])

    def train(disk: Path, time: str) -> None:
        cfg = toy_config(disk / 'run', max_iters=2 if time == 'first' else 4)
        apis.train(cfg, resume='auto')

    def bank(disk: Path, time: str) -> None:
        if time != 'first':
            _bank(run, disk)

    return {
        'a training': train,
        'the label bank': bank,
        'export': command('export', 'detector', '--safetensors'),
        'report': command('report', 'page.html', words=[str(run)]),
        'label --format coco': command('label', 'labels.json'),
        'label --format voc': command('label', 'voc', '--format', 'voc'),
        'label --format yolo': command('label', 'yolo', '--format', 'yolo'),
        'infer': command('infer', 'found', f'{run}/unlabeled', '--score-thr', '0.1'),
        'browse': command('browse', 'views', '--number', '1', words=given[:1]),
        'new': lambda disk, time: main(
            ['new', *labels, '--out', str(disk / ('own' if time == 'again' else time))]
        ),
        'the converter of YOLOX': lambda disk, time: (
            convert_yolox(root / 'nano.pth', disk / 'nano.safetensors') and 0
        ),
    }


def full_disk(root: Path, only: str = '') -> dict:
    """Each writer that has ``only`` in its name."""
    seen = {
        name: on_full_disk(root / f'disk_{number}', write)
        for number, (name, write) in enumerate(writers(root).items())
        if only in name
    }
    wrong = {name: result for name, result in seen.items() if result}
    return dict(writers=[*seen], wrong=wrong or [], passed=not wrong)


def on_full_disk(disk: Path, write: Write) -> str:
    """What is wrong with a writer on a disk of its own of 64 MB; '' for nothing."""
    disk.mkdir()
    result, log = disk.with_suffix('.json'), disk.with_suffix('.log')

    def action():
        mount(disk, '64m')
        faults = []
        for time in TIMES:
            before = _digests(disk)
            if time == 'full':
                _fill(disk / 'filler')
            offset = log.stat().st_size
            code = _status(write, disk, time)
            said = log.read_bytes()[offset:].decode(errors='replace')
            if time == 'full':
                after = _digests(disk)
                faults += ['no error'] if not code else []
                faults += [] if NO_SPACE in said else [f'said: {said[-300:]}']
                faults += ['a traceback'] if 'Traceback' in said else []
                faults += [f'changed: {name}' for name in before if after.get(name) != before[name]]
                faults += [f'left: {path.name}' for path in disk.rglob('*.part')]
                (disk / 'filler').unlink()
            elif code:
                faults.append(f'{time}: {said[-300:]}')
        result.write_text(json.dumps(faults))

    code = wait(start(action, log), 600)
    if code == NOT_ALLOWED:
        return ''
    return '; '.join(json.loads(result.read_text())) if result.exists() else f'exit code {code}'


def _status(write: Write, disk: Path, time: str) -> int:
    """As a command's: errors of Python calls are told in a line."""
    try:
        return int(write(disk, time) or 0)
    except Exception as error:
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _fill(file: Path) -> None:
    """Take all room."""
    with open(file, 'wb', buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(1 << 16))
        except OSError:
            pass
        try:
            while True:
                stream.write(bytes(64))
        except OSError:
            pass


def _digests(disk: Path) -> dict[str, str]:
    """Of what is there but logs, which grow."""
    files = [file for file in disk.rglob('*') if file.is_file() and file.name != 'filler']
    logs = ('.log', '.jsonl', '.lock')
    return {
        str(file): sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.suffix not in logs and 'vis_data' not in file.parts and file.name != '.lock'
    }


def _bank(run: Path, disk: Path) -> None:
    from mmengine.config import Config

    from mmssod.label_bank.making import make_label_bank

    cfg = Config.fromfile(run / 'config.py')
    cfg.model.labeler = dict(type='LabelBank', path=str(disk / 'bank'))
    cfg.train_dataloader.dataset.unlabeled.pipeline.views.weak.type = 'UnseenSteps'
    make_label_bank(cfg, f'{run}/iter_1.pth', batch_size=1, workers=0)
    LabelBankFiles(disk / 'bank').verify()
