"""The check at import: one working torch, a matching torchvision, and exactly one mm stack.

All problems are found before the first is raised, and each message says what was found, what is
needed, and the command that fixes it.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from mmssod.environment.stacks import MODULES, OPENCV, STACKS, TORCH_AT_LEAST, TORCH_TESTED, Stack

_TORCH_PAIR = ' '.join(f'{name}=={version}' for name, version in TORCH_TESTED.items())
_ONE_OF_THE_STACKS = (
    "    pip install 'mmssod[onedl]'        (maintained: onedl-mmengine, -mmcv, -mmdetection)\n"
    "    pip install 'mmssod[openmmlab]'    (the originals: mmengine, mmcv-lite, mmdet)\n"
    'or, in a clone of the repository, `make install`, which does\n'
    "    pip install -e '.[onedl]' -c requirements/constraints.txt"
)


class EnvironmentProblem(ImportError):
    """The installed packages cannot run mmssod; the message says why and how to fix it."""


@dataclass(frozen=True)
class Installation:
    """What importlib.metadata knows of one environment.

    Attributes:
        owners: import name -> names of the distributions that install it, sorted. Holds
            ``mmengine``, ``mmcv`` and ``mmdet`` as far as installed.
        versions: distribution name -> version, of the owners, torch, torchvision and OpenCV.
        has_pkg_resources: whether ``pkg_resources`` can be imported; setuptools 82 dropped it.
    """

    owners: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, str]
    has_pkg_resources: bool

    @classmethod
    def current(cls) -> Installation:
        """The installation of the running interpreter."""
        all_owners = metadata.packages_distributions()
        owners = {
            module: tuple(sorted({_normalize(name) for name in all_owners[module]}))
            for module in MODULES
            if module in all_owners
        }
        names = {name for group in owners.values() for name in group} | {*TORCH_TESTED, *OPENCV}
        versions = {name: found for name in sorted(names) if (found := version(name))}
        return cls(owners, versions, importlib.util.find_spec('pkg_resources') is not None)

    def named(self, *distributions: str) -> str:
        """``'mmdet 3.3.0 and onedl-mmdetection 3.5.1'``."""
        return ' and '.join(f'{name} {self.versions[name]}' for name in distributions)


def check() -> None:
    """Raise unless mmssod can run here.

    Raises:
        EnvironmentProblem: with all problems found.
    """
    problems = find_problems(Installation.current())
    if problems:
        listed = '\n\n'.join(f'* {problem}' for problem in problems)
        raise EnvironmentProblem(f'mmssod cannot run here:\n\n{listed}')


def find_problems(
    installation: Installation, load: Callable[[str], object] = importlib.import_module
) -> list[str]:
    """Everything that keeps mmssod from running on ``installation``.

    Args:
        installation: what is installed.
        load: imports a module by name; torchvision and OpenCV are loaded to see whether they do.

    Returns:
        A message for each problem; empty if there is none.
    """
    problems = list(_torch_problems(installation, load))
    problems += list(_stack_problems(installation)) or _opencv_problems(installation, load)
    return problems


def installed_stack(installation: Installation) -> Stack | None:
    """The stack that ``mmdet`` belongs to; None without mmdet, or if no known stack provides it."""
    owners = set(installation.owners.get('mmdet', ()))
    return next((stack for stack in STACKS if owners & stack.distributions), None)


def _torch_problems(installation: Installation, load: Callable[[str], object]) -> Iterator[str]:
    versions = installation.versions
    missing = [name for name in TORCH_TESTED if name not in versions]
    if missing:
        yield (
            f'{" and ".join(missing)} not installed. Install the pair together:\n'
            f'    pip install {_TORCH_PAIR}'
        )
        return
    if _release(versions['torch']) < _release(TORCH_AT_LEAST):
        yield (
            f'torch {versions["torch"]} found, expected >={TORCH_AT_LEAST}. Install a newer pair:\n'
            f'    pip install {_TORCH_PAIR}'
        )
        return
    try:
        _load_torchvision(load)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        yield _torchvision_message(installation, error)


def _load_torchvision(load: Callable[[str], object]) -> None:
    load('torchvision')
    torch: Any = load('torch')
    # A torchvision whose library does not load imports with no more than a warning in some
    # versions; its operators are then missing.
    if not hasattr(torch.ops.torchvision, 'nms'):
        raise RuntimeError('operator torchvision::nms does not exist')


def _torchvision_message(installation: Installation, error: Exception) -> str:
    torch, vision = (installation.versions[name] for name in TORCH_TESTED)
    torch_build, vision_build = _build(torch), _build(vision)
    if torch_build != vision_build:
        why = (
            f'They come from two indexes (torch: {torch_build or "PyPI"}, torchvision: '
            f'{vision_build or "PyPI"}); both must come from one.'
        )
    else:
        why = 'Each torchvision fits exactly one version of torch.'
    fix = f'    pip install --force-reinstall {_TORCH_PAIR}    (both from PyPI)'
    if torch_build:
        index = f'https://download.pytorch.org/whl/{torch_build}'
        fix += (
            f'\nor, to keep this torch,\n'
            f'    pip install --force-reinstall --no-deps torchvision --index-url {index}'
        )
    first_line = str(error).partition('\n')[0]
    return f'torchvision {vision} does not load beside torch {torch} ({first_line}). {why}\n{fix}'


def _opencv_problems(installation: Installation, load: Callable[[str], object]) -> Iterator[str]:
    try:
        load('cv2')
    except ImportError as error:
        versions = [installation.versions[name] for name in OPENCV if name in installation.versions]
        pin = f'=={versions[0]}' if versions else ''
        yield (
            f'OpenCV does not load ({error}). opencv-python needs the libraries of a desktop; '
            'opencv-python-headless has the same files without that need. Install it last, over '
            f'the other:\n    pip install --force-reinstall --no-deps {OPENCV[-1]}{pin}'
        )


def _stack_problems(installation: Installation) -> Iterator[str]:
    owners = installation.owners
    present = sorted({name for group in owners.values() for name in group})
    stacks = [stack for stack in STACKS if set(present) & stack.distributions]
    doubled = [module for module, names in owners.items() if len(names) > 1]
    if not present:
        yield f'MMDetection is not installed. Install one of the two stacks:\n{_ONE_OF_THE_STACKS}'
    elif doubled or len(stacks) > 1:
        yield _conflict_message(installation, doubled, present)
    elif stacks:
        yield from _single_stack_problems(installation, stacks[0])
    # else a fork under names of its own: nothing is known about it, so nothing is refused


def _conflict_message(installation: Installation, doubled: list[str], present: list[str]) -> str:
    if doubled:
        what = '; '.join(
            f'`{module}` is owned by more than one distribution, {installation.named(*installation.owners[module])}'
            for module in doubled
        )
    else:
        what = f'parts of two mm stacks are mixed: {installation.named(*present)}'
    return (
        f'{what}. They write the same files and cannot share an environment. Uninstall all of '
        f'them, then install one stack:\n    pip uninstall -y {" ".join(present)}\n'
        f'{_ONE_OF_THE_STACKS}'
    )


def _single_stack_problems(installation: Installation, stack: Stack) -> Iterator[str]:
    wrong = []
    for part in stack.parts:
        owners = installation.owners.get(part.module, ())
        if not owners:
            wrong.append(f'`{part.module}` is not installed, expected {part.requirement}')
            continue
        version = installation.versions[owners[0]]
        if not _release(part.at_least) <= _release(version) < _release(part.below):
            wrong.append(f'{owners[0]} {version} found, expected >={part.at_least},<{part.below}')
    if wrong:
        yield f'{"; ".join(wrong)}. Install the stack again:\n    {_install(stack)}'
    if stack.name == 'openmmlab' and not installation.has_pkg_resources:
        yield (
            'mmengine imports `pkg_resources`, which setuptools dropped in version 82:\n'
            "    pip install 'setuptools<82'"
        )


def _install(stack: Stack) -> str:
    return f"pip install --upgrade 'mmssod[{stack.name}]'"


def _release(version: str) -> tuple[int, ...]:
    """``'2.11.0+cpu'`` -> ``(2, 11, 0)``; what follows the numbers does not count."""
    numbers = re.match(r'\d+(\.\d+)*', version)
    return tuple(int(number) for number in numbers.group().split('.')) if numbers else ()


def _build(version: str) -> str:
    """The build of a version: ``'2.11.0+cpu'`` -> ``'cpu'``; PyPI's have none."""
    return version.partition('+')[2]


def _normalize(distribution: str) -> str:
    return re.sub(r'[-_.]+', '-', distribution).lower()


def version(distribution: str) -> str | None:
    """Version of a distribution; None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
