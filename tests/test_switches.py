"""A switch's row times what a config switches on, and says so where it needs a GPU."""

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper

from mmssod.models import CertaintyRoIHead
from speed_ratios import Measured, Setting, switches
from speed_ratios.detectors import shipped
from speed_ratios.steps import Images, plain_detector

BY_NAME = {switch.name: switch for switch in switches.SWITCHES}


def taken(switch, monkeypatch):
    """The wrapper that took a step, how often it scaled losses, and the precision of the student's feature maps."""
    made, scaled, types = [], [], set()

    def wrapper(**kwargs):
        made.append(switch.wrapper(**kwargs))
        if isinstance(made[0], AmpOptimWrapper):
            scale = made[0].loss_scaler.scale
            made[0].loss_scaler.scale = lambda loss: scaled.append(loss) or scale(loss)
        return made[0]

    loss = CertaintyRoIHead.loss

    def watched(self, features, *args):
        types.update(value.dtype for value in features)
        return loss(self, features, *args)

    monkeypatch.setattr(CertaintyRoIHead, 'loss', watched)
    used = switches.Switch(switch.name, '', within=switch.within, wrapper=wrapper)
    prepare, step = switches.switched_step(used, Images(1, 64), Setting(), resnet=False)
    prepare()
    step()
    return made[0], len(scaled), types


@pytest.fixture
def gpu(monkeypatch):
    """Mmengine's wrapper asks for a GPU; it is told that there is one."""
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_mixed_precision_is_the_wrapper_of_the_config(gpu, dtype):
    switch = BY_NAME[f'{dtype} on a GPU']
    wrapper = switch.wrapper(optimizer=torch.optim.SGD([torch.zeros(1)], lr=0.1))
    assert type(wrapper) is AmpOptimWrapper and wrapper.cast_dtype is getattr(torch, dtype)
    assert f"loss_scale='dynamic', dtype='{dtype}'" in switch.setting


def test_a_step_in_mixed_precision_scales_its_losses(gpu, monkeypatch):
    _, scaled, types = taken(BY_NAME['bfloat16 on a GPU'], monkeypatch)
    assert scaled == 1 and types == {torch.bfloat16}


def test_mixed_precision_on_a_cpu_and_none(monkeypatch):
    wrapper, _, types = taken(BY_NAME['bfloat16 on a CPU'], monkeypatch)
    assert isinstance(wrapper, OptimWrapper) and types == {torch.bfloat16}
    monkeypatch.undo()
    assert taken(switches.Switch('off', ''), monkeypatch)[2] == {torch.float32}


def test_the_key_of_pinned_memory_is_read_where_batches_are_copied(monkeypatch):
    """By the preprocessor of all branches, from the student's config."""
    switch = BY_NAME['pinned memory']
    config = Config(dict(model=dict(detector=plain_detector(), **shipped('semi').semi)))
    config.model.labeler = dict(type='EMATeacher')
    key, value = switch.setting.split(', ')[1].split('=')
    config.merge_from_dict({key: value == 'True'})
    written = config.model.detector.data_preprocessor.non_blocking
    assert written is switch.detector['data_preprocessor']['non_blocking'] is True
    made, copied = MODELS.build(config.model).data_preprocessor.data_preprocessor, []
    images = Images(1, 64).batch()['inputs']['strong']
    monkeypatch.setattr(
        torch.Tensor, 'to', lambda self, *args, **kwargs: copied.append(kwargs) or self
    )
    made.cast_data(images)
    assert copied == [dict(non_blocking=True)]


@pytest.mark.parametrize('before', [True, False])
def test_tf32_is_for_products_and_convolutions(monkeypatch, before):
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', before)
    with BY_NAME['TF32'].within():
        assert torch.get_float32_matmul_precision() == 'high'
        assert torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == 'highest'
    assert torch.backends.cudnn.allow_tf32 is before


def test_on_a_cpu_those_of_gpus_say_so(monkeypatch):
    measured = []

    def measure(switch, setting):
        measured.append(switch.name)
        return Measured([1.0] * 5, [2.0] * 5)

    monkeypatch.setattr(switches, 'measure_switch', measure)
    rows = {row[0]: row[2] for row in switches.switch_table(Setting())[1:]}
    of_gpus = {name for name, switch in BY_NAME.items() if switch.gpu}
    assert len(of_gpus) == 5 and rows.keys() == BY_NAME.keys()
    assert {name for name, ratio in rows.items() if 'needs a GPU' in ratio} == of_gpus
    assert set(measured) == BY_NAME.keys() - of_gpus
    assert all(rows[name] == '0.500' for name in measured)
