"""The environment check's messages, and the report that stamps results."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub

from mmssod import environment
from mmssod.environment import EnvironmentProblem, Installation, find_problems
from mmssod.environment.checkpoints import _statistic, allow_checkpoint_types
from mmssod.environment.stacks import STACKS

ROOT = Path(__file__).parents[1]
PAIR = {'torch': '2.11.0', 'torchvision': '0.26.0'}
ONEDL = {'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6', 'onedl-mmdetection': '3.5.1'}
OPENMMLAB = {'mmengine': '0.10.7', 'mmcv-lite': '2.1.0', 'mmdet': '3.3.0'}
MODULE_OF = {name: part.module for s in STACKS for part in s.parts for name in part.distributions}


def installation(versions: dict[str, str], has_pkg_resources: bool = True) -> Installation:
    """What importlib.metadata would report for these distributions."""
    owners: dict[str, tuple[str, ...]] = {}
    for name in sorted(versions):
        if name in MODULE_OF:
            module = MODULE_OF[name]
            owners[module] = (*owners.get(module, ()), name)
    return Installation(owners, versions, has_pkg_resources)


def loads(module: str) -> object:
    """An import that works."""
    return SimpleNamespace(ops=SimpleNamespace(torchvision=SimpleNamespace(nms=None)))


def fails(broken: str, error: Exception):
    """An import that raises ``error`` for the module ``broken``."""

    def load(module: str) -> object:
        if module == broken:
            raise error
        return loads(module)

    return load


def the_problem(versions: dict[str, str], load=loads, has_pkg_resources: bool = True) -> str:
    """The message, of which there must be one."""
    (problem,) = find_problems(installation(versions, has_pkg_resources), load)
    return problem


@pytest.mark.parametrize(
    'stack',
    [
        ONEDL,
        OPENMMLAB,
        {'mmengine': '0.10.7', 'mmcv': '2.1.0', 'mmdet': '3.3.0'},
        {'mmengine-lite': '0.10.7', 'mmcv': '2.1.0', 'mmdet': '3.3.0'},
        {'onedl-mmengine': '0.10.13rc1', 'onedl-mmcv': '2.4.0', 'onedl-mmdetection': '3.6.0'},
    ],
)
def test_one_whole_stack_is_fine(stack: dict[str, str]) -> None:
    assert find_problems(installation(PAIR | stack), loads) == []


def test_the_running_environment_is_fine() -> None:
    environment.check()


OWNERS = '`mmdet` is owned by more than one distribution, mmdet 3.3.0 and onedl-mmdetection 3.5.1'
BOTH = ONEDL | OPENMMLAB
MIXED = {'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6', 'mmdet': '3.3.0'}
PARTLY = {'onedl-mmengine': '0.10.9', 'onedl-mmdetection': '3.5.1'}


@pytest.mark.parametrize(('stack', 'said'), [
    ({}, ['MMDetection is not installed', "pip install 'mmssod[onedl]'", "pip install 'mmssod[openmmlab]'"]),
    (BOTH, [OWNERS, 'pip uninstall -y mmcv-lite mmdet mmengine onedl-mmcv onedl-mmdetection onedl-mmengine',
            "pip install 'mmssod[onedl]'"]),
    (ONEDL | {'mmdet': '3.3.0'}, [OWNERS]),
    (OPENMMLAB | {'mmcv': '2.1.0'}, ['`mmcv` is owned by more than one distribution, mmcv 2.1.0 and mmcv-lite']),
    (MIXED, ['parts of two mm stacks are mixed', 'pip uninstall -y mmdet onedl-mmcv onedl-mmengine']),
    (PARTLY, ['onedl-mmengine 0.10.9 found, expected >=0.10.12,<0.11', "pip install --upgrade 'mmssod[onedl]'",
              '`mmcv` is not installed, expected onedl-mmcv>=2.3.6,<3']),
    (OPENMMLAB | {'mmcv-lite': '2.2.0'}, ['mmcv-lite 2.2.0 found, expected >=2.1.0,<2.2']),
])  # fmt: skip
def test_what_is_wrong_with_a_stack_and_the_command_that_mends_it(stack, said) -> None:
    problem = the_problem(PAIR | stack)
    assert all(part in problem for part in said)


def test_setuptools_without_pkg_resources_concerns_the_original_stack_only() -> None:
    assert find_problems(installation(PAIR | ONEDL, has_pkg_resources=False), loads) == []
    problem = the_problem(PAIR | OPENMMLAB, has_pkg_resources=False)
    assert "pip install 'setuptools<82'" in problem


@pytest.mark.parametrize(
    ('versions', 'expected'),
    [
        ({}, 'torch and torchvision not installed'),
        ({'torch': '2.11.0'}, 'torchvision not installed'),
        ({'torch': '2.3.1', 'torchvision': '0.18.1'}, 'torch 2.3.1 found, expected >=2.4'),
    ],
)
def test_torch_missing_or_old(versions: dict[str, str], expected: str) -> None:
    problem = the_problem(versions | ONEDL)
    assert expected in problem
    assert 'pip install torch==2.11.0 torchvision==0.26.0' in problem


NO_NMS = RuntimeError('operator torchvision::nms does not exist\nand a long tail')


@pytest.mark.parametrize(('versions', 'load', 'said'), [
    ({'torch': '2.11.0+cpu'}, fails('torchvision', NO_NMS),
     ['torchvision 0.26.0 does not load beside torch 2.11.0+cpu', '(operator torchvision::nms does not exist)',
      'two indexes (torch: cpu, torchvision: PyPI)', 'torchvision --index-url https://download.pytorch.org/whl/cpu',
      'pip install --force-reinstall torch==2.11.0 torchvision==0.26.0']),
    ({'torchvision': '0.20.0'}, fails('torchvision', ImportError('undefined symbol')),
     ['Each torchvision fits exactly one version of torch']),
    ({'opencv-python': '4.12.0.88'}, fails('cv2', ImportError('libGL.so.1: cannot open')),
     ['OpenCV does not load (libGL.so.1: cannot open)',
      'pip install --force-reinstall --no-deps opencv-python-headless==4.12.0.88']),
])  # fmt: skip
def test_what_does_not_load(versions, load, said) -> None:
    """Another index is named where two were mixed, and nowhere else."""
    problem = the_problem(PAIR | ONEDL | versions, load)
    assert all(part in problem for part in said)
    assert ('whl/' in problem) == ('+cpu' in str(versions))


def test_torchvision_that_loads_without_operators() -> None:
    def load(module: str) -> object:
        return SimpleNamespace(ops=SimpleNamespace(torchvision=SimpleNamespace()))

    assert 'torchvision::nms does not exist' in the_problem(PAIR | ONEDL, load)


def test_all_problems_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = installation({})
    monkeypatch.setattr(Installation, 'current', classmethod(lambda cls: broken))
    with pytest.raises(EnvironmentProblem) as raised:
        environment.check()
    assert 'torch and torchvision not installed' in str(raised.value)
    assert 'MMDetection is not installed' in str(raised.value)


def distribution(folder: Path, name: str, version: str, module: str) -> None:
    """A distribution as pip leaves it, of one module."""
    info = folder / f'{name.replace("-", "_")}-{version}.dist-info'
    info.mkdir(parents=True)
    info.joinpath('METADATA').write_text(f'Name: {name}\nVersion: {version}\n')
    info.joinpath('top_level.txt').write_text(f'{module}\n')


def test_current_reads_what_pip_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, 'torch', '2.11.0+cpu', 'torch')
    distribution(tmp_path, 'mmdet', '3.3.0', 'mmdet')
    distribution(tmp_path, 'onedl_mmdetection', '3.5.1', 'mmdet')
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    found = Installation.current()
    assert found.owners == {'mmdet': ('mmdet', 'onedl-mmdetection')}
    assert found.versions == {'mmdet': '3.3.0', 'onedl-mmdetection': '3.5.1', 'torch': '2.11.0+cpu'}


def requirements(file: str) -> set[str]:
    lines = (ROOT / 'requirements' / file).read_text().splitlines()
    return {line for line in lines if line and not line.startswith(('#', '-c'))}


def test_the_extras_ask_for_what_the_check_accepts() -> None:
    assert len(STACKS) == 2
    for stack in STACKS:
        asked = requirements(f'{stack.name}.txt') - {'setuptools<82'}
        assert asked == {part.requirement for part in stack.parts}


def test_the_constraints_are_the_tested_set() -> None:
    pinned = requirements('constraints.txt')
    assert pinned >= {f'{name}=={version}' for name, version in (PAIR | ONEDL).items()}
    original = {f'{name}=={version}' for name, version in OPENMMLAB.items()}
    assert requirements('constraints-openmmlab.txt') == original
    assert all(re.match(r'^[A-Za-z0-9-]+==[0-9.]+(; .+)?$', line) for line in pinned)


def test_report_has_a_text_for_every_fact() -> None:
    facts = environment.collect()
    assert facts['mm stack'] in {'onedl', 'openmmlab'}
    assert facts['mmcv operators'] in {'compiled', 'stand-in'}
    assert re.match(r'\d+\.\d+\.\d+', facts['torch'])
    assert int(facts['cores']) >= 1
    assert re.fullmatch(r'\d+ GiB|unknown', facts['memory'])
    assert all(isinstance(value, str) and value for value in facts.values())
    lines = environment.format_report(facts).splitlines()
    assert len(lines) == len(facts)
    assert environment.format_report({}) == ''


@pytest.mark.slow  # a process that imports everything
def test_report_as_a_command_warns_of_nothing() -> None:
    command = [sys.executable, '-W', 'error::RuntimeWarning', '-m', 'mmssod.environment']
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = list(environment.collect())
    report = result.stdout.splitlines()[-len(expected) :]  # mmdet may print a line at import
    assert [re.split(r'\s{2,}', line)[0] for line in report] == expected


def test_a_checkpoint_of_mmengine_loads_as_data(tmp_path: Path) -> None:
    hub = MessageHub('test')
    for step in range(3):
        hub.update_scalar('train/loss', 1.0 / (1 + step))
        hub.update_scalar('train/time', np.float32(0.5))
    hub.update_info('counts', np.arange(3))
    hub.update_info('best', np.float64(0.25))
    path = tmp_path / 'iter_3.pth'
    torch.save({'message_hub': hub.state_dict(), 'meta': {'iter': 3}}, path)

    # Once more, since onedl-mmengine's own loading, in another test, takes its types off torch's list afterwards.
    allow_checkpoint_types()
    loaded = torch.load(path, weights_only=True)['message_hub']
    assert loaded['log_scalars']['train/loss'].mean(3) == pytest.approx(11 / 18)
    assert loaded['runtime_info']['counts'].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ('owner', 'name'), [(HistoryBuffer, '__init__'), (np.ndarray, 'tofile'), (HistoryBuffer, 'mro')]
)
def test_a_checkpoint_cannot_ask_for_any_attribute(owner: object, name: str) -> None:
    with pytest.raises(ValueError, match='not written by mmengine alone'):
        _statistic(owner, name)
