"""What a program asks of PyTorch beside operations on tensors: names of the device, new tensors, the driver."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from .rules import DEVICE, HOST, DeviceError, place
from .tensors import INNER, DeviceTensor, to_device


class Calls(TorchFunctionMode):
    """Sees the program's calls: what PyTorch would ask a driver for is answered, and the device gets its inner name.

    What a function of PyTorch's calls in its turn is not seen, but for a ``backward`` of the program's own.
    """

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


def run_backward(*args: Any, **kwargs: Any) -> Any:
    """PyTorch's backward pass, in which the program's own ``backward`` functions are seen."""
    with Calls():
        return RUN_BACKWARD(*args, **kwargs)


def load(file: Any, map_location: Any = None, **kwargs: Any) -> Any:
    """``torch.load``, whose storages cannot be on the device."""
    if inner_device(map_location) != INNER:
        return LOAD(file, map_location=map_location, **kwargs)
    return to_device(LOAD(file, map_location=HOST, **kwargs))


def index_of_host(index: Any) -> Any:
    """An index whose sequences and arrays are tensors of the host; PyTorch makes them behind the dispatcher."""
    if isinstance(index, tuple):
        return tuple(map(index_of_host, index))
    if isinstance(index, range):
        index = list(index)
    if isinstance(index, list) and all(isinstance(value, (int, np.integer)) for value in index):
        return torch.tensor(index, dtype=None if index else torch.long)
    return torch.from_numpy(index) if isinstance(index, np.ndarray) else index


LOAD = torch.load
RUN_BACKWARD = torch.autograd._engine_run_backward
# What PyTorch's own code would ask a driver for, or reads without the dispatcher.
ANSWERS: dict[Any, Callable[..., Any]] = {
    torch.device: torch.device,
    torch.tensor: make,
    torch.as_tensor: as_tensor,
    Tensor.new_tensor: new_tensor,
    Tensor.__getitem__: lambda tensor, index: tensor[index_of_host(index)],
    Tensor.__setitem__: lambda tensor, index, value: tensor.__setitem__(
        index_of_host(index), value
    ),
    Tensor.to: move,
    Tensor.cuda: lambda tensor, device=None, **kwargs: tensor.to(INNER, **kwargs),
    Tensor.pin_memory: lambda tensor, *args, **kwargs: tensor,
}


# What a driver would answer.
DRIVER: dict[str, Any] = dict(
    _lazy_init=torch.cuda._lazy_init if torch.cuda.is_available() else lambda: None,
    is_available=lambda: True,
    device_count=lambda: 1,
    current_device=lambda: DEVICE.index,
    set_device=lambda device: None,
    get_device_name=lambda device=None: 'fake device',
    get_device_properties=lambda device=None: SimpleNamespace(
        name='fake device', total_memory=2**34
    ),
    is_current_stream_capturing=lambda: False,
    synchronize=lambda device=None: None,
    max_memory_allocated=lambda device=None: 0,
    reset_peak_memory_stats=lambda device=None: None,
    empty_cache=lambda: None,
)
