"""Reads the config text that mmengine stores in work directories and checkpoints, without executing it.

``mmengine.Config.fromfile`` and ``fromstring`` run the text as Python, fill in ``{{...}}``, import what
``custom_imports`` and ``_base_`` name, and a registry imports whatever module a ``type`` names and calls what it finds
there. A text from elsewhere passes here only if it is assignments of literals, and names nothing but registered types
and the parts of the mm packages.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

from mmssod.environment.errors import InputError

LARGEST = 5_000_000
"""Characters of a config's text; a dump has some 50 000."""

IMPORTABLE = (*MODULE2PACKAGE, 'mmengine', 'mmcv', 'mmssod')
"""Packages whose modules a config may name."""

# Where their buildable classes live; mmdet.apis, mmengine.config and others read files and run them.
_PARTS = (
    'cnn dataset datasets engine evaluation evaluator hooks model models ops optim structures transforms visualization'
).split()
_TORCH = ('torch.nn.', 'torch.optim.', 'mmengine.runner.loops.')
_NAMED = ('type', 'collate_fn', 'worker_init_fn', 'constructor', 'runner_type')
_SCOPES = ('default_scope', '_scope_')
_RUNS = ('.pkl', '.pickle', '.yml', '.yaml')  # files that mmengine's `load` builds objects from


class UnsafeConfigError(InputError):
    """A config that was to be read as data is or names code; nothing of it was run."""


def read_dumped(file: str | Path) -> Config:
    """A config that mmengine has dumped, read as literals; what parts of the mm packages it needs are imported.

    Raises:
        UnsafeConfigError: It is code, or names code; says what.
        OSError: It cannot be read.
    """
    text = Path(file).read_text(encoding='utf-8', errors='replace')
    try:
        content = config_from_text(text)
    except UnsafeConfigError as error:
        raise UnsafeConfigError(f'{file}: {error}') from None
    for module in _imports(content):
        if module.partition('.')[0] in IMPORTABLE:
            importlib.import_module(module)
    return Config(content, filename=str(file))


def config_from_text(text: str) -> dict[str, Any]:
    """What a dumped config assigns, by name.

    Raises:
        UnsafeConfigError: Anything but literals, or a name that leads to code.
    """
    content = _literals(text)
    for fault in _faults(content):
        raise UnsafeConfigError(f'expected the names of registered types, got {fault}')
    return content


def text_fault(text: Any) -> str | None:
    """Why mmengine may not parse a config's text, which runs it; None where that is as harmless as reading literals."""
    if not isinstance(text, str):
        return f'expected text, got {type(text).__name__}'
    try:
        content = config_from_text(text)
    except UnsafeConfigError as error:
        return str(error)
    if '{{' in text:
        return 'expected no variables to fill in, got {{'
    return 'expected a whole config, got _base_' if '_base_' in content else None


def _literals(text: str) -> dict[str, Any]:
    if len(text) > LARGEST:
        raise UnsafeConfigError(f'expected at most {LARGEST} characters, got {len(text)}')
    try:
        found: dict[str, Any] = {}
        for statement in ast.parse(text).body:
            match statement:
                case ast.Assign(targets=[ast.Name(name)], value=value):
                    found[name] = _value(value)
                case ast.Expr(ast.Constant()):
                    pass
                case _:
                    raise UnsafeConfigError(_not_literal(statement))
        return found
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        if isinstance(error, UnsafeConfigError):
            raise
        raise UnsafeConfigError(
            f'expected a config as mmengine dumps it, got {type(error).__name__}: {error}'
        ) from None


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.List(items):
            return [_value(item) for item in items]
        case ast.Tuple(items):
            return tuple(_value(item) for item in items)
        case ast.Set(items):
            return {_value(item) for item in items}
        case ast.Dict(keys, values) if None not in keys:
            return {_value(k): _value(v) for k, v in zip(keys, values, strict=True) if k}
        case ast.Call(ast.Name('dict'), positional, named) if all(each.arg for each in named):
            start = [_value(each) for each in positional]
            return dict(*start, **{str(each.arg): _value(each.value) for each in named})
        case ast.Name('inf' | 'nan' as name):  # as repr writes them
            return float(name)
        case ast.UnaryOp(ast.USub(), operand) if isinstance(value := _value(operand), (int, float)):
            return -value
    raise UnsafeConfigError(_not_literal(node))


def _not_literal(node: ast.AST) -> str:
    return (
        f'expected assignments of numbers, texts, lists and dicts, got code in line {getattr(node, "lineno", 0)}: '
        f'{ast.unparse(node)[:80]}'
    )


def _faults(content: Mapping[str, Any]) -> Iterator[str]:
    """Names in a config that lead to code when it is built or parsed."""
    for module in _imports(content):
        if module.partition('.')[0] not in IMPORTABLE and module not in sys.modules:
            yield (
                f'custom_imports of {module!r}: import that yourself first, where you trust it (--import {module} of '
                'mmssod report)'
            )
    nodes: list[Any] = [content]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Mapping):
            for key, value in node.items():
                if isinstance(value, str) and not _harmless(key, value):
                    yield f'{key}={value!r}'
            nodes += node.values()
        elif isinstance(node, (list, tuple, set)):
            nodes += node
        elif isinstance(node, str) and node.lower().endswith(_RUNS):
            yield f'{node!r}, which is no data'


def _harmless(key: Any, value: str) -> bool:
    if key in _NAMED:
        return _registered(value)
    if key in _SCOPES:
        return value in IMPORTABLE
    return key != 'warp_mode' or value.replace('.', '').isidentifier()  # mmdet evaluates it


def _registered(name: str) -> bool:
    """Whether a type's name can only be a class of a registry, or of a part of torch or of the mm packages."""
    parts = name.split('.')
    if not all(part.isidentifier() for part in parts):  # mmcv evaluates the type of an nms
        return False
    if len(parts) == 1:
        return not _is_module(name)
    if not parts[-1][:1].isupper():
        return False
    if name.startswith(_TORCH):
        return True
    return parts[0] in IMPORTABLE and (len(parts) == 2 or parts[1] in _PARTS)


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return name in sys.modules


def _imports(content: Mapping[str, Any]) -> list[str]:
    named = content.get('custom_imports')
    modules = named.get('imports') if isinstance(named, Mapping) else named
    if isinstance(modules, str):
        return [modules]
    return [str(module) for module in modules] if isinstance(modules, (list, tuple)) else []
