"""A device without hardware: finds tensors of the host and of the device that meet in one operation.

A CPU allows what CUDA forbids, so a buffer that was left on the host or a ``torch.arange(n)`` without a device is first
noticed on a GPU. Here tensors say that they are on ``cuda:0`` (``device``, ``is_cuda``, ``get_device``), hold a tensor of
the CPU and compute with it; what they compute is on the device again, and its numbers are those of the CPU::

    with device_mode():
        model = on_device(model)
        losses = model.loss(*to_device(batch))

Within the mode ``torch.cuda.is_available()`` is true, so mmdet's and mmcv's branches for CUDA are taken.

The rules are PyTorch's for CUDA; a *number* is a tensor without dimensions:

* An operation on tensors of both sides fails, and so does one that writes a device's values into a host's tensor.
* A number of the host is taken by pointwise operations and where a value is filled in (``device_rules.TAKES_NUMBERS``);
  ``cat``, ``stack``, ``matmul``, ``index_add`` and all others refuse it. A number of the device is none to a host's tensor.
* ``device[host]`` works for indices and masks, ``host[device]`` fails. ``x[i] = value`` takes a value of x's side or a
  number, and indices as ``x[i]`` does. A slice takes any value (``x[:2] = value``): that is a copy.
* ``to``, ``cpu``, ``cuda``, ``copy_``, ``tensor(..., device=)`` and ``as_tensor(..., device=)`` copy from side to side.
* ``item``, ``tolist``, ``float``, ``int`` and ``bool`` read the device; ``numpy`` and ``np.asarray`` raise TypeError.
* A list operation (``torch._foreach_*``) is one operation for each place of its lists.
* A generator of the host draws nothing for the device.

What it cannot see: the numbers and the memory of CUDA's kernels, mixed precision (autocast does nothing here), streams,
pinned memory (``pin_memory`` does nothing), several devices, mmcv's compiled operators.

:class:`DeviceError` names the line of the program, not of torch, that did it; of an operation in ``backward`` the line
that called ``backward``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from copy import copy
from types import SimpleNamespace
from typing import Any, Union, get_args
from unittest import mock

import mmcv.ops.multi_scale_deform_attn as deform_attention
import mmengine.device.utils
import numpy as np
import torch
from device_rules import (
    DEVICE,
    HOST,
    DeviceError,
    Facts,
    argument,
    check_generator,
    check_tensors,
    facts_of,
    place,
    places,
    tensors_of,
)
from mmengine.structures import BaseDataElement, instance_data
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

__all__ = ['DEVICE', 'HOST', 'DeviceError', 'DeviceTensor', 'device_mode', 'on_device', 'to_device']

# What PyTorch's own code takes for the device of these tensors: one that is not the CPU's and asks no driver.
INNER = torch.device('meta')


# ------------------------------------------------------------------ tensors


class DeviceTensor(Tensor):
    """A tensor of the device.

    Args:
        inner: Its numbers, on the CPU.
        requires_grad: As in torch.
    """

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor, requires_grad: bool = False) -> DeviceTensor:
        found = Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=INNER,
            requires_grad=requires_grad,
        )
        found.inner = inner
        return found

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return operate(func, args, kwargs or {})

    device = property(lambda self: DEVICE)
    is_cuda = property(lambda self: True)
    is_cpu = property(lambda self: False)
    is_meta = property(lambda self: False)

    @property
    def data(self) -> DeviceTensor:
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, DeviceTensor):
            raise DeviceError(f'{place()}: data of {DEVICE} replaced by a tensor of {HOST}')
        Tensor.data.__set__(self, value)
        self.inner = value.inner

    def get_device(self) -> int:
        return DEVICE.index

    def data_ptr(self) -> int:
        return self.inner.data_ptr()

    def tolist(self) -> Any:
        return self.inner.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        if not force:
            raise TypeError(
                f"{place()}: can't convert {DEVICE} device type tensor to numpy. Use Tensor.cpu() to copy the tensor "
                'to host memory first.'
            )
        return self.inner.numpy(force=True)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.numpy()

    def __deepcopy__(self, memo: dict) -> DeviceTensor:
        if id(self) not in memo:
            copied = DeviceTensor(self.inner.clone(), self.requires_grad)
            copied._is_param = isinstance(self, nn.Parameter)
            memo[id(self)] = copied
        return memo[id(self)]

    def __reduce_ex__(self, protocol: int) -> Any:
        return DeviceTensor, (self.inner.detach(), self.requires_grad)

    def __format__(self, form: str) -> str:
        return format(self.item() if self.dim() == 0 else repr(self), form)

    def __repr__(self, **kwargs: Any) -> str:
        return f'{self.inner!r} on {DEVICE}'


def on_device(model: nn.Module) -> nn.Module:
    """Move a model to the device, in place; parameters that modules share stay shared."""
    owners: dict[int, list[tuple[dict, str]]] = {}
    for module in model.modules():
        for name, parameter in module._parameters.items():
            owners.setdefault(id(parameter), []).append((module._parameters, name))
    moved = model.to(DEVICE)
    for (first, first_name), *others in owners.values():
        for parameters, name in others:
            parameters[name] = first[first_name]
    return moved


def to_device(value: Any) -> Any:
    """The tensors and data samples of nested dicts, lists and tuples on the device; all else as it is."""
    if isinstance(value, (Tensor, BaseDataElement)):
        return value.to(DEVICE)
    if isinstance(value, dict):
        moved = copy(value)
        moved.update((key, to_device(item)) for key, item in value.items())
        return moved
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_device, value))
    return value


# ------------------------------------------------------------------ operations


def operate(func: Any, args: tuple, kwargs: dict) -> Any:
    """Run an operation on the CPU by the device's rules.

    Raises:
        DeviceError: It mixes host and device.
    """
    tensors = tensors_of([args, list(kwargs.values())] if kwargs else args)
    hosts = [tensor for tensor in tensors if not isinstance(tensor, DeviceTensor)]
    target = kwargs.get('device')
    for tensor in hosts:
        assert not tensor.is_meta, f'{place()}: {func} got a tensor that the fake device does not know'
    if len(hosts) == len(tensors) and target != INNER:
        return func(*args, **kwargs)
    if hosts and len(hosts) < len(tensors):
        check_tensors(func, args, kwargs)
    if kwargs.get('generator') is not None:
        check_generator(func, kwargs['generator'])
    facts = facts_of(func)
    if facts.changes_shape:  # outside, too
        with torch._C._DisableTorchDispatch():
            func(*args, **kwargs)
    inner_args = map(inside, args)
    found = func(*inner_args, **{name: inside(value) for name, value in kwargs.items()})
    if target not in (None, INNER):  # a copy to the host
        return found
    if facts.returned:
        return returned(facts, args, kwargs, found)
    return returned_list(args, found) if facts.is_list and found else outside(found)


def inside(value: Any) -> Any:
    """What the CPU gets for an argument."""
    if isinstance(value, DeviceTensor):
        return value.inner
    if isinstance(value, (list, tuple)):
        return type(value)(map(inside, value))
    return HOST if isinstance(value, torch.device) else value


def outside(value: Any) -> Any:
    """What the program gets for a result: tensors of the device for those of the CPU, alone or in lists."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(outside, value))
    is_plain = isinstance(value, Tensor) and not isinstance(value, DeviceTensor)
    return DeviceTensor(value) if is_plain else value


def returned(facts: Facts, args: tuple, kwargs: dict, found: Any) -> Any:
    """What an operation returns that writes into arguments: those, and new tensors."""
    values = found if isinstance(found, (tuple, list)) else (found,)
    both = [
        argument(facts, name, args, kwargs) if name else outside(value)
        for name, value in zip(facts.returned, values, strict=True)
    ]
    return both[0] if len(both) == 1 else tuple(both)


def returned_list(args: tuple, found: list[Tensor]) -> list[Tensor]:
    """What a list operation returns: on the device where an operand is."""
    return [
        outside(value) if any(isinstance(operand, DeviceTensor) for operand in operands) else value
        for value, operands in zip(found, places(args), strict=True)
    ]


# ------------------------------------------------------------------ the mode


class Operations(TorchDispatchMode):
    """Sees what PyTorch's own code does, also without a tensor of the device: new tensors are made here.

    Attributes:
        operations: How many gave a tensor of the device.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = operate(func, args, kwargs or {})
        self.operations += isinstance(found, DeviceTensor)
        return found


class Calls(TorchFunctionMode):
    """Sees the program's calls: what PyTorch would ask a driver for is answered, and the device gets its inner name."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in ANSWERS:
            return ANSWERS[func](*args, **kwargs)
        args = tuple(map(inner_device, args))
        if 'device' in kwargs:
            kwargs = {**kwargs, 'device': inner_device(kwargs['device'], True)}
        try:
            return func(*args, **kwargs)
        except DeviceError:
            raise
        except RuntimeError as error:
            if INNER.type not in str(error):
                raise
            message = str(error).replace(INNER.type, DEVICE.type)
            raise DeviceError(f'{place()}: {message}') from error


def inner_device(value: Any, is_device: bool = False) -> Any:
    """The device's inner name for an argument that names the device; all else as it is."""
    if isinstance(value, torch.device):
        return INNER if value.type == DEVICE.type else value
    if isinstance(value, str):
        return INNER if value.split(':')[0] == DEVICE.type else value
    is_index = is_device and isinstance(value, int) and not isinstance(value, bool)
    return INNER if is_index else value


def host_tensor(data: Any, dtype: torch.dtype | None = None, **kwargs: Any) -> Tensor:
    """``torch.tensor`` of the host's numbers, lists, arrays, and numbers of the device among them."""
    return torch.tensor(tree_map(readable, data), dtype=dtype)


def readable(value: Any) -> Any:
    """A device's tensor as what ``tolist`` gives; all else as it is."""
    return value.tolist() if isinstance(value, DeviceTensor) else value


def make(data: Any, device: Any = None, requires_grad: bool = False, **kwargs: Any) -> Tensor:
    """``torch.tensor``."""
    if isinstance(data, Tensor):
        made = data.detach().clone()
    else:
        made = host_tensor(data, **kwargs)
    return as_tensor(made, device=device, **kwargs).requires_grad_(requires_grad)


def as_tensor(data: Any, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """``torch.as_tensor``."""
    if not isinstance(data, (Tensor, np.ndarray)):
        data = host_tensor(data, dtype)
    return torch.as_tensor(data, dtype=dtype, device=inner_device(device, True))


def new_tensor(tensor: Tensor, data: Any, **kwargs: Any) -> Tensor:
    """``Tensor.new_tensor``."""
    return make(data, **{'dtype': tensor.dtype, 'device': tensor.device, **kwargs})


def move(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``Tensor.to``; a whole number is the index of a device."""
    first, *others = args or (None,)
    if 'device' in kwargs:
        kwargs = {**kwargs, 'device': inner_device(kwargs['device'], True)}
    return tensor.to(*[inner_device(first, True), *others][: len(args)], **kwargs)


def load(file: Any, map_location: Any = None, **kwargs: Any) -> Any:
    """``torch.load``, whose storages cannot be on the device."""
    if inner_device(map_location) != INNER:
        return LOAD(file, map_location=map_location, **kwargs)
    return to_device(LOAD(file, map_location=HOST, **kwargs))


def index_of_host(index: Any) -> Any:
    """An index whose lists and arrays are tensors of the host; PyTorch makes them behind the dispatcher."""
    if isinstance(index, tuple):
        return tuple(map(index_of_host, index))
    return host_tensor(index) if isinstance(index, (list, np.ndarray)) else index


LOAD = torch.load
# What PyTorch's own code would ask a driver for, or reads without the dispatcher.
ANSWERS: dict[Any, Callable[..., Any]] = {
    torch.device: torch.device,
    torch.tensor: make,
    torch.as_tensor: as_tensor,
    Tensor.new_tensor: new_tensor,
    Tensor.__getitem__: lambda tensor, index: tensor[index_of_host(index)],
    Tensor.__setitem__: lambda tensor, index, value: tensor.__setitem__(index_of_host(index), value),
    Tensor.to: move,
    Tensor.cuda: lambda tensor, device=None, **kwargs: tensor.to(INNER, **kwargs),
    Tensor.pin_memory: lambda tensor, *args, **kwargs: tensor,
}


# What a driver would answer.
DRIVER: dict[str, Any] = dict(
    is_available=lambda: True,
    device_count=lambda: 1,
    current_device=lambda: DEVICE.index,
    set_device=lambda device: None,
    get_device_name=lambda device=None: 'fake device',
    get_device_properties=lambda device=None: SimpleNamespace(name='fake device', total_memory=2**34),
    is_current_stream_capturing=lambda: False,
    synchronize=lambda device=None: None,
    max_memory_allocated=lambda device=None: 0,
    reset_peak_memory_stats=lambda device=None: None,
    empty_cache=lambda: None,
)


class _Kind(type):
    dtype: torch.dtype

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, DeviceTensor) and value.dtype == cls.dtype


class DeviceBools(metaclass=_Kind):
    """What ``torch.cuda.BoolTensor`` is to ``isinstance``."""

    dtype = torch.bool


class DeviceLongs(metaclass=_Kind):
    """What ``torch.cuda.LongTensor`` is to ``isinstance``."""

    dtype = torch.int64


@contextlib.contextmanager
def device_mode() -> Iterator[Operations]:
    """Within this the device exists; tensors of it are used nowhere else. What it gives counts operations."""
    kinds = dict(
        BoolTypeTensor=Union[instance_data.BoolTypeTensor, DeviceBools],
        LongTypeTensor=Union[instance_data.LongTypeTensor, DeviceLongs],
        IndexType=Union[(*get_args(instance_data.IndexType), DeviceBools, DeviceLongs)],
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.multiple(torch.cuda, **DRIVER))
        stack.enter_context(mock.patch.object(torch, 'load', load))
        stack.enter_context(mock.patch.multiple(instance_data, **kinds))
        stack.enter_context(mock.patch.object(mmengine.device.utils, 'DEVICE', DEVICE.type))
        stack.enter_context(mock.patch.object(deform_attention, 'IS_CUDA_AVAILABLE', True))
        operations = stack.enter_context(Operations())
        stack.enter_context(Calls())
        yield operations
