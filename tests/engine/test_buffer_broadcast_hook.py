import pytest
import torch
from builders.fakes import fake_runner, run_iterations
from mmengine.hooks import CheckpointHook
from torch import nn

from mmssod.engine import BufferBroadcastHook
from mmssod.engine.reliability import buffer_broadcast_hook as module


class Model(nn.Module):
    """Batch norm, and a count that is in no checkpoint."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.register_buffer('seen', torch.zeros(()), persistent=False)


@pytest.fixture
def sent(monkeypatch):
    """Buffers that were broadcast, by their address; two processes."""
    tensors: list[int] = []
    monkeypatch.setattr(module, 'get_world_size', lambda: 2)
    monkeypatch.setattr(module, 'broadcast', lambda tensor: tensors.append(tensor.data_ptr()))
    return tensors


def test_sends_what_a_checkpoint_holds_in_place(tmp_path, sent):
    model = Model()
    BufferBroadcastHook().before_val_epoch(fake_runner(tmp_path, model))
    buffers = (model.norm.running_mean, model.norm.running_var, model.norm.num_batches_tracked)
    assert sent == [buffer.data_ptr() for buffer in buffers]


@pytest.mark.parametrize(
    ('options', 'iterations'),
    [
        (dict(by_epoch=False, interval=3), [2, 5, 6]),  # the last iteration is saved too
        (dict(by_epoch=False, interval=3, save_last=False), [2, 5]),
        (dict(by_epoch=True, interval=1), []),
    ],
)
def test_where_a_checkpoint_follows(tmp_path, sent, options, iterations):
    runner = fake_runner(tmp_path, Model(), max_iters=7, hooks=[CheckpointHook(**options)])
    done = []
    for iteration in range(7):
        before = len(sent)
        run_iterations(BufferBroadcastHook(), runner, [iteration])
        done += [iteration] if len(sent) > before else []
    assert done == iterations


def test_one_process_sends_nothing(tmp_path, sent, monkeypatch):
    monkeypatch.setattr(module, 'get_world_size', lambda: 1)
    hooks = [CheckpointHook(by_epoch=False, interval=1)]
    run_iterations(BufferBroadcastHook(), fake_runner(tmp_path, Model(), hooks=hooks), range(2))
    assert sent == []
