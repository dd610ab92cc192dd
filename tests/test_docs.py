"""What the docs name is there: files, configs, links, options of tools, knobs."""

import importlib.util
import inspect
import re
import runpy
from pathlib import Path

import pytest
from mmengine.config import Config

from mmssod.environment.check import Installation, installed_stack
from mmssod.models import SideBucketCoder
from mmssod.models.buckets import BucketHead
from mmssod.ops import status

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / 'README.md',
    *sorted((ROOT / 'docs').rglob('*.md')),
    *sorted((ROOT / 'configs').rglob('README.md')),
]
TOOLS = sorted(p for p in (ROOT / 'tools').rglob('*.py') if p.parent.name != 'matrices')
# The scripts hand their options on.
SCRIPTS = {
    'train.py': ('dist_train.sh', 'slurm_train.sh'),
    'test.py': ('dist_test.sh', 'slurm_test.sh'),
}


def name(path):
    return str(path.relative_to(ROOT))


def test_pages_are_seen():
    assert len(PAGES) >= 9


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_named_files_exist(page):
    # Other repositories have files of their own.
    text = re.sub(r'https?://\S+', '', page.read_text())
    paths = re.findall(r'\b(?:configs|tools|mmssod|requirements|tests|docs)/[\w./@-]*\w', text)
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_links_lead_somewhere(page):
    links = re.findall(r'\]\(([^)#:]+)\)', page.read_text())
    assert all((page.parent / link).exists() for link in links), links


def commands(tool):
    """Commands of the docs that call a tool or its scripts, line continuations joined."""
    names = [name(tool), *(f'tools/{script}' for script in SCRIPTS.get(tool.name, ()))]
    for page in PAGES:
        for line in page.read_text().replace('\\\n', ' ').splitlines():
            called = [script for script in names if re.search(rf'(^|[ `]){script} ', line)]
            if called and not line.startswith('|'):
                yield line.split('#')[0].split(called[0], 1)[1]


def options(tool):
    return {o for command in commands(tool) for o in re.findall(r' (--[a-z][\w-]*)', command)}


@pytest.mark.parametrize('tool', [tool for tool in TOOLS if options(tool)], ids=name)
def test_options_in_the_docs_are_the_tools(tool, call, capsys):
    with pytest.raises(SystemExit):
        call(tool.relative_to(ROOT / 'tools'), '--help')
    assert options(tool) <= set(re.findall(r'--[a-z][\w-]*', capsys.readouterr().out))


def test_commands_are_seen():
    count = {tool.name: len(list(commands(tool))) for tool in TOOLS}
    assert count['train.py'] >= 10
    assert count['test.py'] >= 3


def test_every_knob_in_the_docs_is_one():
    model = Config.fromfile(ROOT / 'configs/certainty/student_voc.py').model
    head = BucketHead.__init__, SideBucketCoder.__init__
    knobs = re.findall(
        r'^\|[^|]+\| ((?:`[\w.]+`(?:, )?)+) \|', (ROOT / 'docs/configs.md').read_text(), re.M
    )
    keys = [key for cell in knobs for key in re.findall('`(.+?)`', cell)]
    assert len(keys) >= 20
    for key in keys:
        if key.startswith('...'):
            assert key.split('.')[-1] in {n for f in head for n in inspect.signature(f).parameters}
            continue
        value = model
        for part in key.split('.'):
            value = value[part]


def test_pages_made_of_the_code_are_up_to_date():
    """The pages are written with the onedl stack, whose arguments and defaults they show."""
    if installed_stack(Installation.current()).name != 'onedl':
        pytest.skip('another mm stack')
    generate = runpy.run_path(str(ROOT / 'tools/docs/generate.py'))
    stale = [
        name for name, text in generate['generated']().items() if (ROOT / name).read_text() != text
    ]
    assert not stale, f'run python tools/docs/generate.py: {stale}'


def test_every_knob_has_a_type_and_a_meaning():
    """What a config can set is told by the docstring of its class, or of one above it."""
    generate = runpy.run_path(str(ROOT / 'tools/docs/generate.py'))
    seen, silent = 0, []
    for classes in generate['registered']().values():
        for cls in classes.values():
            for parameter, meaning in generate['knobs'](cls)[0]:
                seen += 1
                if not meaning or parameter.annotation is parameter.empty:
                    silent.append(f'{cls.__name__}.{parameter.name}')
    assert seen >= 250
    assert not silent, f'fix: a type, and a line under Args, for {silent}'


class _Taught:
    """One.

    Args:
        first, second: Of two
            lines, in [0, 1].
        third: As in :class:`Path`.
        fourth: See :class:`_Lesson`.
    """

    def __init__(self, first: int, second: int, third: str, fourth: float, fifth: bool) -> None: ...


class _Lesson:
    """Two.

    Args:
        fourth: What is meant.

    Raises:
        fifth: This is no argument.
    """


def test_meanings_are_read_off_docstrings():
    meaning = runpy.run_path(str(ROOT / 'tools/docs/generate.py'))['meaning']
    found = [meaning(_Taught, name) for name in ('first', 'second', 'third', 'fourth', 'fifth')]
    assert found == ['Of two lines, in [0, 1].'] * 2 + [
        'As in :class:`Path`.', 'What is meant.', '',
    ]  # fmt: skip
    assert meaning(_Lesson, 'fifth') == ''


def test_every_package_has_a_page_of_the_reference():
    """But the command line, which `mmssod --help` documents."""
    packages = {file.parent.name for file in (ROOT / 'mmssod').glob('*/__init__.py')} - {'cli'}
    assert packages == {file.stem for file in (ROOT / 'docs/api').glob('*.md')} - {'mmssod'}


@pytest.mark.slow
def test_the_table_of_detectors_is_what_trying_them_shows():
    """Some need what is not installed everywhere: the page is made without a compiled mmcv and without scikit-learn."""
    other = installed_stack(Installation.current()).name != 'onedl' or status() == 'compiled'
    if other or importlib.util.find_spec('sklearn') is not None:
        pytest.skip('another environment than the one that the page is made in')
    generate = runpy.run_path(str(ROOT / 'tools/docs/generate.py'))
    for name, text in generate['tried']().items():
        assert (ROOT / name).read_text() == text, 'run python tools/docs/generate.py'


def test_the_index_of_models_has_all_of_them():
    names = re.findall(r'configs/[\w/]+/metafile.yml', (ROOT / 'model-index.yml').read_text())
    assert (
        len(names) == len(set(names)) == len(list((ROOT / 'configs').rglob('metafile.yml'))) >= 10
    )
