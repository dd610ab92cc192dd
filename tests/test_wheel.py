"""A wheel is complete: outside the repository it finds configs, templates and types."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """A wheel built of a copy, so that nothing is left in the tree."""
    copy = tmp_path_factory.mktemp('build') / 'tree'
    ignore = shutil.ignore_patterns(
        '.git', 'data', 'work_dirs', '.venv*', '*.egg-info', 'build', '__pycache__'
    )
    shutil.copytree(ROOT, copy, ignore=ignore, symlinks=True)
    out = copy.parent / 'dist'
    command = [
        sys.executable,
        '-m',
        'pip',
        'wheel',
        '-q',
        '--no-deps',
        '--no-build-isolation',
        '-w',
        str(out),
        str(copy),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return next(out.glob('*.whl'))


@pytest.mark.slow
def test_configs_tools_and_types_are_inside(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    for folder in ('configs', 'tools'):
        wanted = {
            f'mmssod/.mim/{path.relative_to(ROOT).as_posix()}'
            for path in (ROOT / folder).rglob('*')
            if path.suffix in ('.py', '.yml', '.sh')
        }
        assert len(wanted) > 20 and wanted <= names
    for file in (
        'py.typed',
        '.mim/model-index.yml',
        *(f'analysis/report/page.{end}' for end in ('html', 'css', 'js')),
    ):
        assert f'mmssod/{file}' in names
    assert {'mmssod/cli/main.py', 'mmssod_command.py'} <= names
    assert not any(name.startswith(('tests/', 'docs/')) for name in names)


@pytest.fixture(scope='module')
def environment(wheel, tmp_path_factory):
    """``run(program, *words)`` in an environment with the wheel, in an empty folder.

    What mmssod needs is read where it is installed for the tests; the environment's own packages come before those.
    """
    folder = tmp_path_factory.mktemp('environment')
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', folder / 'venv'], check=True)
    python = folder / 'venv/bin/python'
    code = 'import sysconfig; print(sysconfig.get_path("purelib"))'
    found = subprocess.run([python, '-c', code], check=True, capture_output=True, text=True)
    place = Path(found.stdout.strip())
    with zipfile.ZipFile(wheel) as file:
        scripts = next(n for n in file.namelist() if n.endswith('entry_points.txt'))
        assert 'mmssod = mmssod_command:main' in file.read(scripts).decode()
    install = ['-m', 'pip', '--python', str(python), 'install', '-q', '--no-deps', '--no-index']
    subprocess.run([sys.executable, *install, str(wheel)], check=True, capture_output=True)
    others = [path for path in sys.path if 'packages' in Path(path).name]
    (place / 'others.pth').write_text('\n'.join(others))
    (folder / 'work').mkdir()
    clean = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}

    def run(program, *words):
        command = [python.parent / program, *map(str, words)]
        done = subprocess.run(
            command, cwd=folder / 'work', env=clean, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout

    run.work = folder / 'work'
    return run


@pytest.mark.slow
def test_outside_the_repository(environment):
    """Help, a new project, and its configs, which build on those in the wheel; mmengine finds them by name, too."""
    assert '--unlabeled' in environment('mmssod', 'new', '--help')
    from builders.small_run import annotations, images

    images(environment.work / 'images', 6)
    (environment.work / 'labels.json').write_text(json.dumps(annotations(4)))
    out = environment('mmssod', 'new', 'labels.json', '--unlabeled', 'images', '--out', 'own')
    assert '3 labeled images, 1 to evaluate on, 2 unlabeled' in out
    (environment.work / 'named.py').write_text("_base_ = 'mmssod::stac/demo.py'\nseed = 7\n")
    code = (
        'import json, mmssod; from mmengine.config import Config; from mmssod import apis\n'
        "own, named = Config.fromfile('own/student.py'), Config.fromfile('named.py')\n"
        "found = apis.find_config('demo/teacher.py')\n"
        'print(json.dumps([mmssod.__file__, found, own.model.type, named.model.type, named.seed]))'
    )
    package, found, own, named, seed = json.loads(
        environment('python', '-c', code).splitlines()[-1]
    )
    inside = Path(package).parent
    assert inside.is_relative_to(environment.work.parent)
    assert found == str(inside / '.mim/configs/demo/teacher.py')
    assert str(inside / '.mim/configs/_base_') in (environment.work / 'own/data.py').read_text()
    assert own == named == 'PseudoLabelDetector' and seed == 7
