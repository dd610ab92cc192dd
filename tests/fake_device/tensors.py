"""Tensors of the fake device, and how operations on them run."""

from __future__ import annotations

from copy import copy
from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from .rules import (
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
            layout=inner.layout,
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
        assert not tensor.is_meta, (
            f'{place()}: {func} got a tensor that the fake device does not know'
        )
    makes_mine = target is not None and target.type in (INNER.type, DEVICE.type)
    if len(hosts) == len(tensors) and not makes_mine:
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
    if target is not None and not makes_mine:  # a copy to the host
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
