"""Which operations CUDA refuses, as the package says in words, and the line of the program that asked for one."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torchvision
from torch import Tensor

DEVICE = torch.device('cuda', 0)
HOST = torch.device('cpu')

aten = torch.ops.aten
COPIES = {aten.copy_.default, aten._to_copy.default}
LOOK_UPS = {aten.index.Tensor, aten._unsafe_index.Tensor}
WRITES = {aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
# They take a number of the host, as all do that PyTorch calls pointwise.
TAKES_NUMBERS = {
    aten.fill_.Tensor,
    aten.masked_fill_.Tensor,
    aten.masked_fill.Tensor,
    aten.where.self,
}

# Whose lines are not the program's.
NOT_THE_PROGRAM = tuple(str(Path(module.__file__).parent) for module in (torch, torchvision))
NOT_THE_PROGRAM += (str(Path(__file__).parent),)


class DeviceError(RuntimeError):
    """Tensors of the host and of the device in one operation."""


# ------------------------------------------------------------------ schemas


class Facts(NamedTuple):
    """What is known of an operation of the dispatcher without its arguments."""

    names: tuple[str, ...]  # of its arguments
    changed: tuple[str, ...]  # names of those that it writes into
    # for each value that it returns the argument that it is, '' for a new value
    returned: tuple[str, ...]
    is_list: bool  # one operation for each place of its lists
    takes_numbers: bool  # of the host
    changes_shape: bool  # of an argument, in place


@cache
def facts_of(func: Any) -> Facts:
    """The facts of an operation."""
    schema = func._schema
    written = {
        frozenset(a.alias_info.before_set): a.name
        for a in schema.arguments
        if a.alias_info and a.alias_info.is_write
    }
    returned = tuple(
        written[frozenset(r.alias_info.before_set)]
        if r.alias_info and r.alias_info.is_write
        else ''
        for r in schema.returns
    )
    return Facts(
        names=tuple(a.name for a in schema.arguments),
        changed=tuple(written.values()),
        returned=returned if any(returned) else (),
        is_list=schema.name.startswith('aten::_foreach_'),
        takes_numbers=torch.Tag.pointwise in func.tags or func in TAKES_NUMBERS,
        changes_shape=torch.Tag.inplace_view in func.tags,
    )


def argument(facts: Facts, name: str, args: tuple, kwargs: dict) -> Any:
    """The value of an argument by name; None where it was not given."""
    index = facts.names.index(name)
    return args[index] if index < len(args) else kwargs.get(name)


def places(args: tuple) -> list[list[Tensor]]:
    """The tensors at each place of a list operation's lists."""
    lists = [arg for arg in args if isinstance(arg, (list, tuple))]
    return [tensors_of(operands) for operands in zip(*lists, strict=True)]


def tensors_of(nested: Iterable) -> list[Tensor]:
    """All tensors of nested lists and tuples."""
    found = []
    for item in nested:
        if isinstance(item, Tensor):
            found.append(item)
        elif isinstance(item, (list, tuple)):
            found += tensors_of(item)
    return found


# ------------------------------------------------------------------ rules


def check_tensors(func: Any, args: tuple, kwargs: dict) -> None:
    """Raise :class:`DeviceError` where CUDA would refuse an operation on tensors of both sides."""
    if not is_allowed(func, args, kwargs):
        tensors = tensors_of([args, list(kwargs.values())])
        shapes = ', '.join(f'{tensor.device} {tuple(tensor.shape)}' for tensor in tensors)
        raise DeviceError(
            f'{place()}: {func}: Expected all tensors to be on the same device, got {shapes}'
        )


def check_generator(func: Any, generator: torch.Generator) -> None:
    """Raise :class:`DeviceError` for a generator of the host."""
    if generator.device == HOST:
        raise DeviceError(
            f"{place()}: {func}: expected a 'cuda' device type for generator, found 'cpu'"
        )


def is_allowed(func: Any, args: tuple, kwargs: dict) -> bool:
    """Whether tensors of both sides may meet in an operation."""
    if func in COPIES:
        return True
    if func in LOOK_UPS:
        return is_mine(args[0])
    if func in WRITES:
        indices_fit = is_mine(args[0]) or not any(map(is_mine, tensors_of(args[1])))
        return indices_fit and (args[2].dim() == 0 or is_mine(args[2]) == is_mine(args[0]))
    facts = facts_of(func)
    if facts.is_list:
        shared = [arg for arg in args if isinstance(arg, Tensor)]
        return all(may_meet([*operands, *shared], True) for operands in places(args))
    changed = tensors_of([argument(facts, name, args, kwargs) for name in facts.changed])
    tensors = tensors_of([args, list(kwargs.values())])
    return all(map(is_mine, changed)) and may_meet(tensors, facts.takes_numbers)


def is_mine(tensor: Tensor) -> bool:
    """Whether a tensor is on the device."""
    return tensor.device.type == DEVICE.type


def may_meet(tensors: Sequence[Tensor], takes_numbers: bool) -> bool:
    """Whether tensors may be operands of one operation."""
    hosts = [tensor for tensor in tensors if not is_mine(tensor)]
    if not hosts or len(hosts) == len(tensors):
        return True
    return takes_numbers and all(tensor.dim() == 0 for tensor in hosts)


# ------------------------------------------------------------------ places


def place() -> str:
    """The line of the program that is running, and the lines that led there from mmssod's or mmdet's code."""
    frames = []
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(NOT_THE_PROGRAM) and not file.startswith('<'):
            frames.append(frame)
        frame = frame.f_back
    sources = (
        number for number, f in enumerate(frames) if is_source(f.f_globals.get('__name__', ''))
    )
    return ', called from '.join(map(line_of, frames[: next(sources, 0) + 1]))


def is_source(module: str) -> bool:
    """Whether a module is where somebody would look for the fault."""
    return module.split('.')[0] in ('mmssod', 'mmdet') and not module.startswith('mmssod.ops')


def line_of(frame: Any) -> str:
    """Module, line number and source of a frame's line."""
    file, number = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(file, number).strip()
    return f'{Path(file).parent.name}/{Path(file).name}:{number} `{source}`'
