"""mmdet's own one-stage detectors and a DINO from their installed configs, small: for tests of heads."""

from pathlib import Path

import mmdet
import torch
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict

from mmssod.tiny_detectors import CLASSES, tiny_sample

CONFIGS = Path(mmdet.__file__).parent / '.mim' / 'configs'
SIZES = dict(in_channels=32, feat_channels=32, out_channels=32, stacked_convs=1, num_classes=3)
HEADS = dict(
    retinanet='retinanet/retinanet_r50_fpn_1x_coco.py',
    fcos='fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py',
    atss='atss/atss_r50_fpn_1x_coco.py',
    gfl='gfl/gfl_r50_fpn_1x_coco.py',
    rtmdet='rtmdet/rtmdet_tiny_8xb32-300e_coco.py',
    yolox='yolox/yolox_tiny_8xb8-300e_coco.py',
    dino='dino/dino-4scale_r50_8xb2-12e_coco.py',
)


def dense_config(name: str) -> ConfigDict:
    """The model of a key of :data:`HEADS`, small."""
    model = Config.fromfile(CONFIGS / HEADS[name]).model
    if 'data_preprocessor' in model:
        model.data_preprocessor.pop('batch_augments', None)
    if model.backbone.type == 'ResNet':
        model.backbone.update(
            depth=18, base_channels=8, frozen_stages=-1, init_cfg=None, norm_eval=False
        )
        model.backbone.norm_cfg = dict(type='BN')
        levels = len(model.neck.in_channels)
        model.neck.update(in_channels=[8, 16, 32, 64][-levels:], out_channels=32)
    else:
        model.backbone.update(deepen_factor=0.1, widen_factor=0.125, init_cfg=None)
        model.neck.update(in_channels=[32, 64, 128], out_channels=32, num_csp_blocks=1)
    if name == 'dino':
        return _small_dino(model)
    model.bbox_head.update({k: v for k, v in SIZES.items() if k != 'out_channels'})
    model.bbox_head.update(init_cfg=None) if name == 'rtmdet' else None
    for branch in ('norm_cfg',):
        if name == 'fcos':
            model.bbox_head[branch] = None
    return model


def _small_dino(model: ConfigDict) -> ConfigDict:
    model.num_queries = 20
    model.test_cfg.max_per_img = 20
    model.dn_cfg.group_cfg.num_dn_queries = 4
    model.bbox_head.update(num_classes=len(CLASSES), embed_dims=32)
    model.neck.update(out_channels=32, norm_cfg=dict(type='GN', num_groups=4))
    for part in (model.encoder, model.decoder):
        part.num_layers = 2
        part.layer_cfg.self_attn_cfg.embed_dims = 32
        part.layer_cfg.ffn_cfg.update(embed_dims=32, feedforward_channels=32)
        if 'cross_attn_cfg' in part.layer_cfg:
            part.layer_cfg.cross_attn_cfg.embed_dims = 32
    model.positional_encoding.num_feats = 16
    return model


def dense_detector(name: str) -> torch.nn.Module:
    """mmdet's detector as mmdet builds it, sure of something in some places."""
    torch.manual_seed(0)
    detector = MODELS.build(dense_config(name))
    detector.init_weights()
    for layer, parameter in detector.named_parameters():
        if layer.startswith('bbox_head') and any(
            part in layer for part in ('cls.bias', 'conv_cls.', 'cls_branches', 'obj.')
        ):
            if layer.endswith('bias'):
                parameter.data += 3.5
    return detector


def batch(boxes: tuple[int, ...] = (2, 3), size: int = 64) -> tuple[torch.Tensor, list]:
    """Images and samples with these numbers of boxes."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(len(boxes), 3, size, size, generator=generator)
    return images, [tiny_sample(i, boxes=count, size=size) for i, count in enumerate(boxes)]
