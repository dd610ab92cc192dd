"""mmdet's heads and DETRs over the stand-in: on CUDA's branches as on the CPU's, and as by definition."""

from collections import Counter

import mmcv.ops.deform_conv as mmcv_deform_conv
import mmdet.models.dense_heads.tood_head as mmdet_tood_head
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmengine.structures import InstanceData
from reference_ops import sampled_conv
from torch import Tensor, nn

from mmssod import ops

pytestmark = pytest.mark.skipif(ops.status() != 'stand-in', reason='mmcv is compiled here')

SIZE, WIDTH, CLASSES = 64, 8, 3
STRIDES = [8, 16, 32]
FOCAL = dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0)
SQUARES = dict(
    type='AnchorGenerator', ratios=[1.0], octave_base_scale=4, scales_per_octave=1, strides=STRIDES
)
ATSS = dict(assigner=dict(type='ATSSAssigner', topk=4), allowed_border=-1, pos_weight=-1)
HEADS = {
    'RetinaHead': dict(
        anchor_generator=SQUARES | dict(scales_per_octave=2),
        loss_cls=FOCAL,
        train_cfg=dict(
            assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4, min_pos_iou=0),
            sampler=dict(type='PseudoSampler'),
            allowed_border=-1,
            pos_weight=-1,
        ),
    ),
    'FCOSHead': dict(
        strides=STRIDES, loss_cls=FOCAL, regress_ranges=((-1, 24), (24, 48), (48, 1e8))
    ),
    'ATSSHead': dict(
        anchor_generator=SQUARES,
        reg_decoded_bbox=True,
        loss_cls=FOCAL,
        loss_bbox=dict(type='GIoULoss'),
        train_cfg=ATSS,
    ),
    'VFNetHead': dict(
        strides=STRIDES,
        regress_ranges=((-1, 24), (24, 48), (48, 1e8)),
        anchor_generator=SQUARES | dict(center_offset=0.0, octave_base_scale=8),
        train_cfg=ATSS,
    ),
    'TOODHead': dict(
        num_dcn=1,
        anchor_type='anchor_free',
        anchor_generator=SQUARES | dict(octave_base_scale=8),
        initial_loss_cls=dict(FOCAL, activated=True),
        loss_cls=dict(type='QualityFocalLoss', activated=True, beta=2.0),
        loss_bbox=dict(type='GIoULoss'),
        train_cfg=dict(
            initial_epoch=4,
            initial_assigner=dict(type='ATSSAssigner', topk=4),
            assigner=dict(type='TaskAlignedAssigner', topk=4),
            alpha=1,
            beta=6,
            allowed_border=-1,
            pos_weight=-1,
        ),
    ),
}


def samples() -> list[DetDataSample]:
    """An image with two boxes, one without any."""
    found = []
    for boxes in ([[4.0, 6, 30, 40], [24.0, 10, 60, 58]], []):
        meta = dict(img_shape=(SIZE, SIZE), pad_shape=(SIZE, SIZE), ori_shape=(SIZE, SIZE))
        sample = DetDataSample(
            metainfo=meta | dict(batch_input_shape=(SIZE, SIZE), scale_factor=(1.0, 1.0))
        )
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor(boxes).reshape(-1, 4), labels=torch.arange(len(boxes))
        )
        found.append(sample)
    return found


def head(name: str) -> nn.Module:
    torch.manual_seed(0)
    sizes = dict(in_channels=WIDTH, feat_channels=WIDTH, num_classes=CLASSES, stacked_convs=1)
    config = dict(type=name, **sizes, **HEADS[name], test_cfg=dict(nms_pre=100))
    if name != 'RetinaHead':
        config['norm_cfg'] = dict(type='GN', num_groups=4)
    module = MODELS.build(ConfigDict(config))
    module.init_weights()
    for parameter in module.parameters():  # else many start at 0 and pass nothing on
        parameter.data += 0.05 * torch.randn_like(parameter)
    return module


def features() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(2, WIDTH, SIZE // s, SIZE // s, generator=generator).requires_grad_()
        for s in STRIDES
    ]


def total(losses: dict) -> Tensor:
    return sum(sum(loss) if isinstance(loss, list) else loss for loss in losses.values()).sum()


def head_step(module: nn.Module) -> tuple[Tensor, list[Tensor]]:
    """The sum of all losses, and its gradients by features and parameters."""
    maps = features()
    loss = total(module.loss(maps, samples()))
    leaves = [*maps, *module.parameters()]
    return loss, list(torch.autograd.grad(loss, leaves, allow_unused=True))


def assert_same(
    found: tuple[Tensor, list[Tensor]], expected: tuple[Tensor, list[Tensor]], tolerance: float
) -> None:
    torch.testing.assert_close(found[0], expected[0], rtol=tolerance, atol=tolerance)
    assert expected[0] > 0 and any(g is not None and g.count_nonzero() for g in expected[1])
    for one, other in zip(found[1], expected[1], strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize('name', ['RetinaHead', 'FCOSHead', 'ATSSHead'])
def test_focal_loss_of_dense_heads_on_cuda(name: str, request: pytest.FixtureRequest) -> None:
    expected = head_step(head(name))
    calls: Counter = request.getfixturevalue('as_on_cuda')
    found = head_step(head(name))
    assert calls['sigmoid_focal_loss_forward'] == calls['sigmoid_focal_loss_backward'] > 0
    assert_same(found, expected, 1e-5)


def defined_deform_conv(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    deform_groups: int = 1,
    *rest: object,
) -> Tensor:
    geometry = tuple(x if isinstance(x, tuple) else (x, x) for x in (stride, padding, dilation))
    mask = torch.ones(len(input), offset.shape[1] // 2, *offset.shape[2:])
    return sampled_conv(input, offset, weight, mask, groups, geometry)


@pytest.mark.parametrize('name', ['VFNetHead', 'TOODHead'])
def test_heads_with_deformable_convolution(
    name: str, calls: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses and all gradients, and so those that go through offsets, are those of the definition."""
    MessageHub.get_current_instance().update_info('epoch', 4)  # TOOD's assigner is by epoch
    found = head_step(head(name))
    assert calls['deform_conv_forward'] == calls['deform_conv_backward_input'] > 0
    monkeypatch.setattr(mmcv_deform_conv, 'deform_conv2d', defined_deform_conv)
    monkeypatch.setattr(mmdet_tood_head, 'deform_conv2d', defined_deform_conv)
    before = calls.copy()
    expected = head_step(head(name))
    assert calls['deform_conv_forward'] == before['deform_conv_forward']
    assert_same(found, expected, 1e-4)


@pytest.mark.parametrize('layer', ['DCN', 'DCNv2'])
def test_backbone_of_deformable_convolutions_begins_as_an_ordinary_one(
    layer: str, calls: Counter
) -> None:
    """Offsets start at 0; with masks of 1 the outputs are those of plain convolutions of the same weights."""
    sizes = dict(type='ResNet', depth=50, base_channels=4)
    only_last = dict(
        dcn=dict(type=layer, deform_groups=2), stage_with_dcn=(False, False, False, True)
    )
    plain, deformable = MODELS.build(sizes), MODELS.build(sizes | only_last)
    plain.eval(), deformable.eval()  # mmdet's train() returns nothing
    missing, unexpected = deformable.load_state_dict(plain.state_dict(), strict=False)
    assert len(missing) == 6 and not unexpected  # weight and bias of three layers' offsets
    if layer == 'DCNv2':
        for block in deformable.layer4:
            block.conv2.conv_offset.bias.data[-18:] = 50.0  # the masks, before the sigmoid
    image = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    found = deformable(image)[-1]
    torch.testing.assert_close(found, plain(image)[-1])
    operator = 'deform_conv' if layer == 'DCN' else 'modulated_deform_conv'
    assert calls == {f'{operator}_forward': 3}
    found.square().sum().backward()
    assert all(block.conv2.conv_offset.weight.grad.count_nonzero() for block in deformable.layer4)


# --- DETRs ----------------------------------------------------------------------------------------

ATTENTION = dict(embed_dims=16, num_heads=2, num_levels=2, num_points=2, dropout=0.0)
SELF = dict(embed_dims=16, num_heads=2, dropout=0.0)
FFN = dict(embed_dims=16, feedforward_channels=16, ffn_drop=0.0)


def detr(name: str) -> nn.Module:
    """A DETR of one level of ResNet-18 and one made of it, one encoder layer and two decoder layers."""
    encoder = dict(num_layers=1, layer_cfg=dict(self_attn_cfg=ATTENTION, ffn_cfg=FFN))
    layer = dict(self_attn_cfg=SELF, cross_attn_cfg=ATTENTION, ffn_cfg=FFN)
    config = dict(
        type=name,
        num_queries=10,
        num_feature_levels=2,
        with_box_refine=True,
        as_two_stage=name
        == 'DINO',  # mmdet's two-stage Deformable DETR knows no other width than 256
        backbone=dict(type='ResNet', depth=18, base_channels=8, out_indices=(2,)),
        neck=dict(
            type='ChannelMapper',
            in_channels=[32],
            kernel_size=1,
            out_channels=16,
            num_outs=2,
            norm_cfg=dict(type='GN', num_groups=4),
        ),
        encoder=encoder,
        decoder=dict(num_layers=2, return_intermediate=True, post_norm_cfg=None, layer_cfg=layer),
        positional_encoding=dict(num_feats=8, normalize=True, offset=-0.5),
        bbox_head=dict(
            type='DeformableDETRHead' if name == 'DeformableDETR' else 'DINOHead',
            num_classes=CLASSES,
            embed_dims=16,
            sync_cls_avg_factor=True,
            loss_cls=FOCAL,
            loss_bbox=dict(type='L1Loss', loss_weight=5.0),
            loss_iou=dict(type='GIoULoss', loss_weight=2.0),
        ),
        train_cfg=dict(
            assigner=dict(
                type='HungarianAssigner',
                match_costs=[
                    dict(type='FocalLossCost', weight=2.0),
                    dict(type='BBoxL1Cost', weight=5.0, box_format='xywh'),
                    dict(type='IoUCost', iou_mode='giou', weight=2.0),
                ],
            )
        ),
        test_cfg=dict(max_per_img=10),
    )
    if name == 'DINO':
        config['dn_cfg'] = dict(
            label_noise_scale=0.5, box_noise_scale=1.0, group_cfg=dict(dynamic=False, num_groups=2)
        )
    torch.manual_seed(0)
    model = MODELS.build(ConfigDict(config))
    model.init_weights()
    return model


def detr_step(model: nn.Module) -> tuple[Tensor, list[Tensor]]:
    torch.manual_seed(2)  # DINO draws noise
    images = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    loss = total(model.loss(images, samples()))
    return loss, list(torch.autograd.grad(loss, list(model.parameters()), allow_unused=True))


def boxes(model: nn.Module) -> list[Tensor]:
    images = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        answers = model.eval().predict(images, samples(), rescale=False)
    return [answer.pred_instances.bboxes for answer in answers]


@pytest.mark.parametrize('name', ['DeformableDETR', 'DINO'])
def test_deformable_detrs_on_cuda(name: str, request: pytest.FixtureRequest) -> None:
    expected, expected_boxes = detr_step(detr(name)), boxes(detr(name))
    calls: Counter = request.getfixturevalue('as_on_cuda')
    found = detr_step(detr(name))
    for operator in ('sigmoid_focal_loss', 'ms_deform_attn'):
        assert calls[f'{operator}_forward'] == calls[f'{operator}_backward'] > 0
    assert_same(found, expected, 1e-4)
    torch.testing.assert_close(boxes(detr(name)), expected_boxes, rtol=1e-4, atol=1e-3)
