"""Finds the detectors of the installed MMDetection: one config per combination of detector class and head classes.

Configs are read from their text, without running them: loading all of them takes a minute, reading a second. So what a
config computes (instead of writing it down) is unknown here; classes are always written down.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmssod.ops import status
from mmssod.start.zoo import metafile_entries, zoo_folder

from .words import LIMITS, words_of

HEADS = ('rpn_head', 'roi_head', 'bbox_head')
INNER = ('shared_head', 'bbox_head', 'mask_head')  # of an RoI head
DETECTION = 'Object Detection'  # the task that metafiles name


@dataclass(frozen=True)
class Found:
    """A detector of MMDetection.

    Args:
        family: Name of the collection in MMDetection's metafile, mostly the paper's.
        detector: Class of the detector.
        heads: Classes of its heads: RPN, RoI head, box head, mask head, as far as it has them.
        config: File below ``configs/``, the plainest of those with these classes.
        left_out: Why it is not tried as a student; empty: it is.
        first: Whether it is the one that shows what its class is, others having other heads.
    """

    family: str
    detector: str
    heads: tuple[str, ...]
    config: str
    left_out: str = ''
    first: bool = False

    @property
    def name(self) -> str:
        """Name of the config, which is that of the model in MMDetection's zoo."""
        return Path(self.config).stem

    @property
    def types(self) -> set[str]:
        """All that its config names by ``type``."""
        return types(model_outline(self.path))

    @property
    def limits(self) -> list[str]:
        """Why it cannot do all in this environment."""
        known = words_of(LIMITS, self.types)
        return [text for lifted_by, text in known if not is_there(lifted_by)]

    @property
    def at_home(self) -> bool:
        """Whether its config lies in the folder that has its class's name."""
        return _letters(Path(self.config).parent.name) == _letters(self.detector)

    @property
    def path(self) -> Path:
        """The config's file."""
        return zoo_folder() / 'configs' / self.config


@dataclass(frozen=True)
class _Entry:
    family: str
    config: str
    tasks: tuple[str, ...]
    model: Mapping[str, Any]


@cache
def detectors() -> tuple[Found, ...]:
    """All detectors, sorted by family and config.

    Raises:
        FileNotFoundError: The installed mmdet has no metafiles.
    """
    groups: dict[tuple[str, ...], list[_Entry]] = defaultdict(list)
    for entry in _entries():
        groups[classes(entry.model)].append(entry)
    found = [_found(key, entries) for key, entries in groups.items()]
    found.sort(key=lambda one: (one.family.lower(), one.config))
    first: dict[str, Found] = {}
    for one in sorted(found, key=lambda one: (bool(one.left_out), not one.at_home, len(one.name))):
        first.setdefault(one.detector, one)
    return tuple(replace(one, first=first[one.detector] is one) for one in found)


def tried() -> list[Found]:
    """Those that are tried as students."""
    return [one for one in detectors() if not one.left_out]


def classes(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Classes of a model's config: the detector's, then those of its heads."""
    heads = [_first(model.get(name)) for name in HEADS]
    heads += [_first(head.get(name)) for head in heads for name in INNER]
    return (str(model['type']), *(str(head['type']) for head in heads if 'type' in head))


def reason(model: Mapping[str, Any], tasks: Sequence[str]) -> str:
    """Why a detector cannot learn from pseudo boxes alone; empty: it can.

    Args:
        model: Config of the model.
        tasks: What MMDetection's metafile says that it does.
    """
    others = [task for task in tasks if task != DETECTION]
    if others:
        return f'made for {" and ".join(others).lower()}'
    if any('language_model' in key for key in model):
        return 'classes are words of a text, not numbers'
    if any(key.startswith('teacher_') for key in model):
        return 'distills a trained teacher of its own'
    if 'roi_head' in model and 'rpn_head' not in model:
        return 'its proposals come from a file'
    if 'roi_head' not in model and 'bbox_head' not in model:
        return 'proposals without classes'
    if _first(_first(model.get('roi_head')).get('bbox_head')).get('num_classes') == 1:
        return 'made for a single class'
    return ''


def _found(key: tuple[str, ...], entries: list[_Entry]) -> Found:
    counts = Counter(entry.tasks for entry in entries)
    tasks = max(counts, key=lambda known: (counts[known], known == (DETECTION,)))
    folders = Counter(Path(entry.config).parent.name for entry in entries)
    home = max(folders, key=lambda name: (_letters(name) == _letters(key[0]), folders[name]))

    def plainness(entry: _Entry) -> tuple[Any, ...]:
        path = Path(entry.config)
        backbone = _first(entry.model.get('backbone'))
        extras = len(backbone.keys() & {'dcn', 'plugins'}) + (backbone.get('type') != 'ResNet')
        return entry.tasks != tasks, path.parent.name != home, extras, len(path.name), path.name

    best = min(entries, key=plainness)
    return Found(best.family, key[0], key[1:], best.config, reason(best.model, tasks))


def _letters(name: str) -> str:
    return name.replace('_', '').lower()


def _entries() -> Iterator[_Entry]:
    seen = set()
    for model in metafile_entries():
        path = zoo_folder() / model['Config']
        # Some entries name a file that is not there, or are there twice.
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        outline = model_outline(path)
        if isinstance(outline.get('type'), str):
            tasks = {result['Task'] for result in model.get('Results') or ()}
            config = path.relative_to(zoo_folder() / 'configs').as_posix()
            yield _Entry(str(model['In Collection']), config, tuple(sorted(tasks)), outline)
    if not seen:
        raise FileNotFoundError(
            f'no metafile.yml below {zoo_folder()}/configs: install mmdet as a package, whose wheel has them'
        )


# ---------------------------------------------------------------- configs as text


@cache
def model_outline(path: Path) -> dict[str, Any]:
    """The ``model`` of a config file, its bases merged; None stands for what is computed.

    A base that is not there has nothing to give.
    """
    if not path.is_file():
        return {}
    values = {
        target.id: statement.value
        for statement in ast.parse(path.read_text(encoding='utf-8')).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    bases = _value(values['_base_'], values) if '_base_' in values else []
    model: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases or []:
        if isinstance(base, str):
            model = _merged(model, model_outline((path.parent / base).resolve()))
    own = _value(values['model'], values) if 'model' in values else None
    return _merged(model, own) if isinstance(own, dict) else model


def _value(node: ast.AST, names: Mapping[str, ast.AST]) -> Any:
    """What is written; names are those that the file assigns, and a list by comprehension has one entry for all."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(part, names) for part in node.elts]
    if isinstance(node, ast.ListComp):
        return [_value(node.elt, names)]
    if isinstance(node, ast.Name) and node.id in names:
        return _value(names[node.id], {n: v for n, v in names.items() if n != node.id})
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        return {part.arg: _value(part.value, names) for part in node.keywords if part.arg}
    return None


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """As mmengine merges configs: dicts key by key, all else replaced."""
    merged = dict(base)
    for key, value in own.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict) and not value.get('_delete_'):
            value = _merged(before, value)
        merged[key] = value
    merged.pop('_delete_', None)
    return merged


def _first(part: Any) -> Mapping[str, Any]:
    """A part's config, the first of several stages; empty where there is none."""
    part = part[0] if isinstance(part, list) and part else part
    return part if isinstance(part, dict) else {}


def types(node: Any) -> set[str]:
    """All that a config names by ``type``."""
    return set(_types(node))


def _types(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get('type'), str):
            yield node['type']
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for part in node:
            yield from _types(part)


def is_there(name: str) -> bool:
    """Whether a package is installed; of ``'mmcv'``, whether it has compiled operators; no name is nowhere."""
    return status() == 'compiled' if name == 'mmcv' else bool(name) and find_spec(name) is not None
