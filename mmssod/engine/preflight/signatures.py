"""What a class or function takes, by its signature: names, and which of them are numbers; what code reads of a dict."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType
from typing import Any, get_args

from torch import Tensor

_NUMBERS = {int, float}


def parameters(kind: Any) -> Mapping[str, inspect.Parameter] | None:
    """Parameters of a function or class; None if they cannot be known.

    A class that hands ``**kwargs`` on takes what any of its bases takes: which one gets them cannot be seen.
    """
    if not inspect.isclass(kind):
        return _of_function(kind) if callable(kind) else None
    own = [
        _signature(vars(base)['__init__'])
        for base in kind.__mro__
        if base is not object and '__init__' in vars(base)
    ]
    if own and not _hands_on(own[0]):
        own = own[:1]
    if all(map(_hands_on, own)):
        return None
    found: dict[str, inspect.Parameter] = {}
    for each in own:
        found = {**{p.name: p for p in each.values() if _is_named(p)}, **found}
    return found


def wants_number(parameter: inspect.Parameter) -> bool:
    """Whether a parameter is a number and nothing else, by its annotation, or else by its default."""
    if parameter.annotation is parameter.empty:
        return type(parameter.default) in _NUMBERS
    if isinstance(parameter.annotation, str):  # its other names cannot be resolved here
        names = set(re.findall(r'\w+', parameter.annotation))
        return type(parameter.default) in _NUMBERS and names <= {'int', 'float', 'None', 'Optional'}
    leaves = set(_leaves(parameter.annotation))
    return bool(leaves & _NUMBERS) and leaves <= {*_NUMBERS, NoneType, Tensor}


def names_read(code: Callable[..., Any] | type, variable: str) -> set[str]:
    """Keys that code reads of a dict: ``variable.get('key')``, ``.pop('key')``, ``['key']``, ``.key``.

    Args:
        code: a function or a class.
        variable: how the dict is called there; a regular expression.
    """
    return set(_read(variable).findall(_source(code)))


def words(code: Callable[..., Any] | type) -> set[str]:
    """All words of its source."""
    return set(re.findall(r'\w+', _source(code)))


@cache
def _read(variable: str) -> re.Pattern[str]:
    how = r"""(?:\.(?:get|pop|setdefault)\(\s*['"]|\[\s*['"]|\.(?!get\(|pop\(|setdefault\())"""
    return re.compile(rf'{variable}{how}(\w+)')


@cache
def _source(code: Any) -> str:
    try:
        return inspect.getsource(code)
    except (OSError, TypeError):
        return ''


def _of_function(function: Any) -> Mapping[str, inspect.Parameter] | None:
    own = _signature(function)
    return None if _hands_on(own) else {p.name: p for p in own.values() if _is_named(p)}


def _signature(function: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function, eval_str=True).parameters
    except Exception:  # an annotation that only a type checker can read
        return inspect.signature(function).parameters


def _hands_on(signature: Mapping[str, inspect.Parameter]) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.values())


def _is_named(parameter: inspect.Parameter) -> bool:
    named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return named and parameter.name != 'self'


def _leaves(annotation: Any) -> list[Any]:
    inner = get_args(annotation)
    return [leaf for part in inner for leaf in _leaves(part)] if inner else [annotation]
