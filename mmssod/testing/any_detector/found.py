"""Find the detectors of the installed MMDetection: one config for each combination of detector class and head classes.

Configs are read from their text, without running them: loading all of them takes a minute, reading a second. So what a
config computes (instead of writing it down) is unknown here; classes are always written down.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import mmdet
import yaml

MIM = Path(mmdet.__file__).parent / '.mim'
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
    def at_home(self) -> bool:
        """Whether its config lies in the folder that has its class's name."""
        return _letters(Path(self.config).parent.name) == _letters(self.detector)

    @property
    def path(self) -> Path:
        """The config's file."""
        return MIM / 'configs' / self.config


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
        FileNotFoundError: The installed mmdet has no configs.
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
        model: Its config.
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
    files = sorted((MIM / 'configs').rglob('metafile.yml'))
    if not files:
        raise FileNotFoundError(f'no metafile.yml below {MIM}: install mmdet as a package, whose wheel has them')
    seen = set()
    for file in files:
        for model in _models(file):
            path = MIM / model['Config']
            # Some entries name a file that is not there, or are there twice.
            if path in seen or not path.is_file():
                continue
            seen.add(path)
            outline = model_outline(path)
            if isinstance(outline.get('type'), str):
                tasks = {result['Task'] for result in model.get('Results') or ()}
                config = path.relative_to(MIM / 'configs').as_posix()
                yield _Entry(str(model['In Collection']), config, tuple(sorted(tasks)), outline)


def _models(metafile: Path) -> list[dict[str, Any]]:
    loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
    content = yaml.load(metafile.read_text(encoding='utf-8'), loader)  # noqa: S506  a safe loader
    return content if isinstance(content, list) else content.get('Models') or []


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
    bases = _value(values['_base_']) if '_base_' in values else []
    model: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases or []:
        if isinstance(base, str):
            model = _merged(model, model_outline((path.parent / base).resolve()))
    own = _value(values['model']) if 'model' in values else None
    return _merged(model, own) if isinstance(own, dict) else model


def _value(node: ast.AST) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(part) for part in node.elts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        return {part.arg: _value(part.value) for part in node.keywords if part.arg}
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
