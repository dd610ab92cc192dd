"""The command line: light help, one script a command, readable errors."""

from pathlib import Path

import pytest

from mmssod.cli import COMMANDS, main, run_tool
from mmssod.cli.main import command

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize('name', COMMANDS)
def test_help_of_each_command(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, '--help'])
    assert end.value.code == 0
    assert f'usage: mmssod {name}' in capsys.readouterr().out


def test_each_command_has_its_script():
    for name in COMMANDS:
        text = (ROOT / f'tools/{name}.py').read_text()
        assert f"run_tool('{name}')" in text
        assert command(name).__doc__


def test_overview_names_all_commands(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(f'  {name} ' in out for name in COMMANDS)


def test_unknown_command_shows_the_known_ones(capsys):
    with pytest.raises(SystemExit) as end:
        main(['trian'])
    assert end.value.code == 2
    assert 'train' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('name', 'argv'),
    [
        ('train', ['a.py', '--dry-run', '--launcher', 'pytorch']),
        ('train', ['a.py', '--dry-run', '--teacher', 'b.py']),
        ('new', ['labels.json']),  # no --unlabeled
        ('label', ['a.py']),  # no checkpoint
    ],
)
def test_impossible_options_are_refused_before_anything_loads(name, argv, capsys):
    with pytest.raises(SystemExit) as end:
        run_tool(name, argv, prog=f'mmssod {name}')
    assert end.value.code == 2
    assert f'mmssod {name}: error' in capsys.readouterr().err


def test_configs_that_come_with_mmssod_are_found(tmp_path, monkeypatch):
    from mmssod.apis import find_config

    monkeypatch.chdir(tmp_path)
    inside = str(ROOT / 'configs/demo/teacher.py')
    assert find_config('configs/demo/teacher.py') == find_config('demo/teacher.py') == inside
    Path('mine.py').touch()
    assert find_config('mine.py') == 'mine.py'
    with pytest.raises(FileNotFoundError, match='demo/nothing.py'):
        find_config('demo/nothing.py')
