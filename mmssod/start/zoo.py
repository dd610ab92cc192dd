"""Names of trained detectors and the addresses of their weights: MMDetection's zoo, and YOLOX-Nano.

The zoo is what the metafiles of the installed ``mmdet`` say (``.mim/configs/*/metafile.yml``). A model is found by its
name, an alias, or the stem of its config's file, which may differ from its name; case does not matter, and ``-`` and
``_`` are the same.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import mmdet
import yaml

from mmssod.environment.errors import InputError
from mmssod.structures import Problem

AUTHORS = {
    'yolox_nano': (
        'https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.pth'
    )
}
"""Models that no metafile lists, by name: the release of their authors. Their weights are converted when read."""

CLOSE_NAMES = 5


class StartError(InputError):
    """A start that cannot be found, fetched or read; ``problem`` says what is wrong and what the user can do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class ZooModel(NamedTuple):
    """A trained detector."""

    name: str  # as its metafile writes it
    config: (
        str  # its path below mmdet's ``configs``' parent, '' of AUTHORS; 17 of the zoo do not exist
    )
    address: str  # URL of its weights; empty where the metafile has none
    datasets: tuple[str, ...]  # on which it was evaluated, such as ('COCO',)


def find_model(name: str) -> ZooModel:
    """The model of a name, an alias, or a config's stem (also as ``mmdet::yolox/yolox_s_8xb8-300e_coco.py``).

    Raises:
        StartError: There is none, with the names that are close; or its metafile lists no weights.
    """
    model = _by_key().get(_key(name))
    if model is None:
        raise StartError(_unknown(name))
    if not model.address:
        raise StartError(
            Problem(
                f'no weights of {model.name}',
                "the address of its weights in MMDetection's metafile",
                f'none; the zoo has its config ({model.config}) alone',
                'name another model, or a file of weights',
            )
        )
    return model


def is_known(name: str) -> bool:
    """Whether a model has this name, alias or stem."""
    return '/' not in name and _key(name) in _by_key()


def zoo_folder() -> Path:
    """Folder of the metafiles of the installed mmdet: ``.mim`` of a wheel, the repository of an editable install."""
    package = Path(mmdet.__file__).parent
    inside = package / '.mim'
    return inside if (inside / 'configs').is_dir() else package.parent


@lru_cache(maxsize=1)
def zoo_models() -> tuple[ZooModel, ...]:
    """All models of the metafiles, and those of ``AUTHORS``; read once."""
    return tuple(model for model, _ in _entries())


@lru_cache(maxsize=1)
def _by_key() -> dict[str, ZooModel]:
    found: dict[str, ZooModel] = {}
    entries = list(_entries())
    names = [(model.name, model) for model, _ in entries]
    aliases = [(alias, model) for model, others in entries for alias in others]
    stems = [(Path(model.config).stem, model) for model, _ in entries if model.config]
    for name, model in (*names, *aliases, *stems):  # a stem never hides another model's name
        found.setdefault(_key(name), model)
    return found


def _entries() -> Iterator[tuple[ZooModel, list[str]]]:
    """Each model with its aliases."""
    for name, address in AUTHORS.items():
        yield ZooModel(name, '', address, ('COCO',)), []
    for entry in metafile_entries():
        datasets = (str(result.get('Dataset', '')) for result in entry.get('Results') or ())
        weights = _listed(
            entry.get('Weights')
        )  # trackers list further networks behind the detector
        model = ZooModel(
            name=str(entry['Name']),
            config=str(entry.get('Config') or ''),
            address=weights[0] if weights else '',
            datasets=tuple(dict.fromkeys(datasets)),
        )
        yield model, _listed(entry.get('Alias'))


def metafile_entries() -> Iterator[Mapping[str, Any]]:
    """Each model as its metafile has it: ``Name``, ``In Collection``, ``Config``, ``Results``, ``Weights``."""
    loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)  # 600 models: 0.1 s, not 1 s
    for file in sorted(zoo_folder().glob('configs/*/metafile.yml')):
        content = yaml.load(file.read_text(encoding='utf-8'), Loader=loader)
        models = content.get('Models') if isinstance(content, Mapping) else content
        yield from models or ()


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _key(name: str) -> str:
    """What is compared of a name."""
    file = name.strip().casefold().removeprefix('mmdet::').replace('\\', '/').rpartition('/')[2]
    return file.removesuffix('.py').replace('_', '-')


def _unknown(name: str) -> Problem:
    key, known = _key(name), {k: model for k, model in _by_key().items() if model.address}
    close = sorted((k for k in known if key and key in k), key=lambda k: (k.find(key), len(k), k))
    close = close[:CLOSE_NAMES] or difflib.get_close_matches(key, known, n=CLOSE_NAMES)
    names = list(dict.fromkeys(known[other].name for other in close))
    hint = f'did you mean {", ".join(names)}? ' if names else ''
    return Problem(
        'no such start',
        f"a file, a URL, or one of the {len(zoo_models())} names of {', '.join(AUTHORS)} and MMDetection's zoo",
        repr(name),
        f'{hint}The names are listed in {zoo_folder()}/configs/*/metafile.yml',
    )
