"""A device without hardware: finds tensors of the host and of the device that meet in one operation.

A CPU allows what CUDA forbids, so a buffer that was left on the host or a ``torch.arange(n)`` without a device is first
noticed on a GPU. Tensors of the fake device say that they are on ``cuda:0`` (``device``, ``is_cuda``, ``get_device``),
hold a tensor of the CPU and compute with it; what they compute is on the device again, with the CPU's numbers::

    with device_mode():
        model = on_device(model)
        losses = model.loss(*to_device(batch))

Within the mode ``torch.cuda.is_available()`` is true, so mmdet's and mmcv's branches for CUDA are taken.

The rules are PyTorch's for CUDA; a *number* is a tensor without dimensions:

* An operation on tensors of both sides fails, and so does one that writes a device's values into a host's tensor.
* A number of the host is taken by pointwise operations and where a value is filled in (``rules.TAKES_NUMBERS``);
  ``cat``, ``stack``, ``matmul``, ``index_add`` and all others refuse it. A number of the device cannot stand beside a
  tensor of the host.
* ``device[host]`` works for indices and masks, ``host[device]`` fails. ``x[i] = value`` takes a value of x's side or a
  number, and indices as ``x[i]`` does. A slice takes any value (``x[:2] = value``): that is a copy.
* ``to``, ``cpu``, ``cuda``, ``copy_``, ``tensor(..., device=)`` and ``as_tensor(..., device=)`` copy from side to side.
* ``item``, ``tolist``, ``float``, ``int`` and ``bool`` read the device; ``numpy`` and ``np.asarray`` raise TypeError.
* A list operation (``torch._foreach_*``) is one operation for each place of its lists.
* A generator of the host draws nothing for the device.

What it cannot see: the numbers and the memory of CUDA's kernels, mixed precision (autocast does nothing here), streams,
pinned memory (``pin_memory`` does nothing), several devices, mmcv's compiled operators.

:class:`DeviceError` names the line of the program, not of torch, that did it; of what PyTorch itself does in a backward
pass, the line that called ``backward``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import mmcv.ops.multi_scale_deform_attn as deform_attention
import mmengine.device.utils
import torch
from mmengine.structures import instance_data

from .calls import DRIVER, Calls, load, run_backward
from .rules import DEVICE, HOST, DeviceError
from .tensors import DeviceTensor, Operations, on_device, to_device

__all__ = ['DEVICE', 'HOST', 'DeviceError', 'DeviceTensor', 'device_mode', 'on_device', 'to_device']


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
        BoolTypeTensor=instance_data.BoolTypeTensor | DeviceBools,
        LongTypeTensor=instance_data.LongTypeTensor | DeviceLongs,
        IndexType=instance_data.IndexType | DeviceBools | DeviceLongs,
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.multiple(torch.cuda, **DRIVER))
        stack.enter_context(mock.patch.object(torch, 'load', load))
        stack.enter_context(mock.patch.object(torch.autograd, '_engine_run_backward', run_backward))
        stack.enter_context(mock.patch.multiple(instance_data, **kinds))
        stack.enter_context(mock.patch.object(mmengine.device.utils, 'DEVICE', DEVICE.type))
        stack.enter_context(mock.patch.object(deform_attention, 'IS_CUDA_AVAILABLE', True))
        operations = stack.enter_context(Operations())
        stack.enter_context(Calls())
        yield operations
