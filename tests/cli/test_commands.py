"""The command line: light help, one script a command, readable errors."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from mmssod.cli import COMMANDS, main, run_tool
from mmssod.cli.main import command

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize('name', COMMANDS)
def test_help_of_each_command(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, '--help'])
    assert end.value.code == 0
    assert f'usage: mmssod {name}' in capsys.readouterr().out


@pytest.mark.parametrize(('words', 'status', 'shown'), [
    ([], 0, 'browse'),
    (['train', '--help'], 0, '--dry-run'),
    (['new', '--help'], 0, '{auto,coco,cvat,label_studio,voc,yolo}'),
    (['label', 'a.py'], 2, 'mmssod label: error'),
    (['trian'], 2, "invalid choice: 'trian'"),
])  # fmt: skip
def test_help_is_quick(words, status, shown):
    """Neither torch nor mmengine is loaded for it."""
    code = (
        'import sys, mmssod_command\n'
        'try: sys.exit(mmssod_command.main())\n'
        'finally: print("loaded", {"torch", "mmengine", "numpy"} & set(sys.modules))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, *words], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (status, 'loaded set()')
    assert shown in done.stdout + done.stderr


def test_the_console_command_runs_commands(tmp_path):
    """After the stand-in the real package is there, with its registries filled."""
    code = 'import sys, mmssod_command; sys.exit(mmssod_command.main())'
    words = ['new', 'nothing.json', '--unlabeled', str(tmp_path)]
    done = subprocess.run(
        [sys.executable, '-c', code, *words], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1 and 'no file or folder nothing.json' in done.stderr


def test_each_command_has_its_script():
    for name in COMMANDS:
        text = (ROOT / f'tools/{name}.py').read_text()
        assert f"run_tool('{name}')" in text
        assert command(name).__doc__


def test_overview_names_all_commands(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert all(f'  {name} ' in out for name in COMMANDS)


@pytest.mark.parametrize(
    ('name', 'argv', 'said'),
    [
        ('train', ['a.py', '--dry-run', '--launcher', 'pytorch'], 'error'),
        ('train', ['a.py', '--dry-run', '--teacher', 'b.py'], 'error'),
        ('train', ['a.py', '--cfg-options', 'nonsense'], "expected key=value, got 'nonsense'"),
        ('new', ['labels.json'], 'error'),  # no --unlabeled
    ],
)
def test_impossible_options_are_refused_before_anything_loads(name, argv, said, capsys):
    with pytest.raises(SystemExit) as end:
        run_tool(name, argv, prog=f'mmssod {name}')
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert f'mmssod {name}: ' in told and said in told


def test_configs_that_come_with_mmssod_are_found(tmp_path, monkeypatch):
    from mmssod.apis import find_config

    monkeypatch.chdir(tmp_path)
    inside = str(ROOT / 'configs/demo/teacher.py')
    assert find_config('configs/demo/teacher.py') == find_config('demo/teacher.py') == inside
    Path('mine.py').touch()
    assert find_config('mine.py') == 'mine.py'
    with pytest.raises(FileNotFoundError, match='demo/nothing.py'):
        find_config('demo/nothing.py')


WRONG = {
    'new': ['nothing.json', '--unlabeled', '.'],
    'run': ['nothing'],
    'next': ['nothing'],
    'add': ['nothing', 'labels.json'],
    'errors': ['nothing'],
    'train': ['nothing.py'],
    'test': ['{run}/config.py', 'nothing.pth'],
    'infer': ['{run}/config.py', '{run}/iter_1.pth', 'nothing.jpg', '--out', 'out'],
    'label': ['{run}/config.py', '{run}/iter_1.pth', '--images', 'nothing.json', '--out', 'x.json'],
    'report': ['nothing'],
    'browse': ['{run}/config.py', '--boxes', 'nothing.json', '--out', 'out'],
    'export': ['{run}/config.py', 'nothing.pth', '--out', 'out'],
}


@pytest.mark.parametrize('name', COMMANDS)
def test_each_command_says_what_is_wrong(name, run_folder, tmp_path, monkeypatch, capsys):
    """One line that names it, status 1, no traceback; with MMSSOD_TRACE the error itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('MMSSOD_TRACE', raising=False)
    words = [name, *(word.format(run=run_folder) for word in WRONG[name])]
    assert main(words) == 1
    # What comes before are remarks of mmengine's logger about pytest's closed streams.
    _, told = capsys.readouterr().err.split(f'mmssod {name}: ')
    assert 'nothing' in told and 'Traceback' not in told and len(told.splitlines()) <= 8
    monkeypatch.setenv('MMSSOD_TRACE', '1')
    with pytest.raises((ValueError, FileNotFoundError), match='nothing'):
        main(words)


@pytest.mark.parametrize(('text', 'words'), [
    ('a = (1,', "SyntaxError: '(' was never closed"),
    ('a = b', "NameError: name 'b'"),
    ("_base_ = './nothing.py'", 'nothing.py'),
    ('classes = ["cat"]', 'expected a model'),
])  # fmt: skip
@pytest.mark.parametrize('name', ['train', 'test', 'infer', 'label', 'browse', 'export'])
def test_configs_that_are_none(name, text, words, run_folder, tmp_path, capsys):
    (tmp_path / 'own.py').write_text(text)
    Image.new('RGB', (4, 4)).save(tmp_path / 'x.jpg')
    more = [f'{tmp_path}/x.jpg'] if name == 'infer' else []
    checkpoint = [] if name in ('train', 'browse') else [f'{run_folder}/iter_1.pth']
    out = [] if name in ('train', 'test') else ['--out', f'{tmp_path}/out']
    assert main([name, f'{tmp_path}/own.py', *checkpoint, *more, *out]) == 1
    err = capsys.readouterr().err
    assert words in err and 'own.py' in err


@pytest.mark.parametrize('name', ['test', 'infer', 'label', 'browse', 'export'])
def test_checkpoints_that_are_none(name, run_folder, tmp_path, capsys):
    (tmp_path / 'garbage.pth').write_bytes(b'garbage')
    checkpoint = ['--checkpoint'] if name == 'browse' else []
    more = [f'{run_folder}/val'] if name == 'infer' else []
    out = [] if name == 'test' else ['--out', f'{tmp_path}/out']
    words = [name, f'{run_folder}/config.py', *checkpoint, f'{tmp_path}/garbage.pth', *more, *out]
    assert main(words) == 1
    assert 'garbage.pth: expected a checkpoint, got a damaged file' in capsys.readouterr().err


@pytest.mark.parametrize('name', ['browse', 'infer', 'label', 'report'])
def test_damaged_jsons(name, run_folder, tmp_path, capsys):
    damaged = tmp_path / 'damaged.json'
    damaged.write_text('{"images": [{"id": 1}], "annotations": [], "categories": []}')
    config, checkpoint = f'{run_folder}/config.py', f'{run_folder}/iter_1.pth'
    words = dict(
        browse=[config, '--boxes', damaged, '--out', tmp_path / 'out'],
        infer=[config, checkpoint, damaged, '--out', tmp_path / 'out'],
        label=[config, checkpoint, '--images', damaged, '--out', tmp_path / 'out.json'],
        report=[run_folder, '--withheld', damaged, '--out', tmp_path / 'out.html'],
    )[name]
    assert main([name, *map(str, words)]) == 1
    err = capsys.readouterr().err
    assert 'damaged.json' in err and 'images[0]' in err and 'file_name' in err


def test_devices_that_are_none(run_folder, tmp_path, capsys):
    words = [f'{run_folder}/config.py', f'{run_folder}/iter_1.pth', f'{run_folder}/val']
    devices = ['gpu'] if torch.cuda.is_available() else ['gpu', 'cuda:0']
    for device in devices:
        assert main(['infer', *words, '--out', str(tmp_path), '--device', device]) == 1
        assert f'device: expected one that is here, got {device!r}' in capsys.readouterr().err


def test_a_type_that_nobody_knows(run_folder, capsys):
    words = [f'{run_folder}/config.py', f'{run_folder}/iter_1.pth']
    assert main(['test', *words, '--cfg-options', 'model.type=Nothing']) == 1
    assert 'Nothing is not in the mmdet::model registry' in capsys.readouterr().err


@pytest.mark.parametrize('error', [AttributeError('a bug'), ValueError('of other code')])
def test_bugs_keep_their_traceback(error, monkeypatch):
    def run(args):
        raise error

    monkeypatch.setattr('mmssod.cli.test.run', run)
    monkeypatch.setattr('mmssod.cli.test.before_loading', lambda args: None)
    with pytest.raises(type(error)):
        main(['test', 'a.py', 'b.pth'])
