"""Four kinds of heads at tiny size, and the class logits that each answers with."""

import copy
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import mmdet
import torch
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from torch import Tensor, nn

from mmssod.start import fit_start, twin_shapes
from mmssod.tiny_detectors import tiny_batch, tiny_detector

ROOT = Path(__file__).parents[2]
MMDET = Path(mmdet.__file__).parent / '.mim/configs'


def yolox() -> ConfigDict:
    """A sigmoid head with one anchor a cell; its features have as many channels as 8 classes, twice."""
    model = Config.fromfile(ROOT / 'configs/_base_/models/yolox_nano.py').model
    model.bbox_head.update(feat_channels=16, stacked_convs=1)
    model.backbone.update(widen_factor=0.0625)
    model.neck.update(in_channels=[16, 32, 64], out_channels=16)
    model.bbox_head.in_channels = 16
    return model


def retinanet() -> ConfigDict:
    """A sigmoid head with nine anchors a cell."""
    model = Config.fromfile(ROOT / 'configs/_base_/models/retinanet_lite.py').model
    tiny = tiny_detector()
    model.backbone = tiny.backbone
    model.update(data_preprocessor=tiny.data_preprocessor)
    model.neck.update(in_channels=[8, 16, 32, 64], out_channels=16)
    model.bbox_head.update(in_channels=16, feat_channels=16, stacked_convs=1)
    return model


def faster_rcnn() -> ConfigDict:
    """A softmax head with a background, and box regression by class."""
    model = tiny_detector('plain')
    model.roi_head.type = 'StandardRoIHead'
    return model


def dino() -> ConfigDict:
    """Queries with a sigmoid, one class layer for each decoder layer, and an embedding of labels for denoising."""
    model = Config.fromfile(MMDET / 'dino/dino-4scale_r50_8xb2-12e_coco.py').model
    model.backbone = tiny_detector().backbone
    model.backbone.out_indices = (1, 2, 3)
    model.neck.in_channels = [16, 32, 64]
    return with_short_transformer(model, 256)  # mmdet 3.3's DINO has no other width


def detr() -> ConfigDict:
    """Queries with a softmax and a background."""
    model = Config.fromfile(MMDET / 'detr/detr_r50_8xb2-150e_coco.py').model
    model.backbone = tiny_detector().backbone
    model.backbone.out_indices = (3,)
    model.neck.update(in_channels=[64], out_channels=32)
    return with_short_transformer(model, 32)


def with_short_transformer(model: ConfigDict, width: int) -> ConfigDict:
    """Two layers of so many channels, and 10 queries; the config is changed."""
    model.num_queries, model.bbox_head.embed_dims = 10, width
    for part in (model.encoder, model.decoder):
        part.num_layers = 2
        for name, cfg in part.layer_cfg.items():
            if name.endswith('attn_cfg'):
                cfg.update(embed_dims=width, num_heads=4)
        part.layer_cfg.ffn_cfg.update(embed_dims=width, feedforward_channels=32)
    model.positional_encoding.num_feats = width // 2
    return model


KINDS = dict(yolox=yolox, retinanet=retinanet, faster_rcnn=faster_rcnn, dino=dino, detr=detr)
SOFTMAX = ('faster_rcnn', 'detr')


def of_classes(config: ConfigDict, count: int) -> ConfigDict:
    """The config of a detector for so many classes; it is changed."""
    head = config.roi_head.bbox_head if 'roi_head' in config else config.bbox_head
    head.num_classes = count
    return config


def build(config: ConfigDict, seed: int) -> nn.Module:
    """In eval mode, every weight drawn, so that no two classes are alike."""
    torch.manual_seed(seed)
    model = MODELS.build(copy.deepcopy(config))
    logging.disable(logging.INFO)  # a line for each weight
    model.init_weights()
    logging.disable(logging.NOTSET)
    for parameter in model.parameters():
        parameter.data += torch.randn_like(parameter) * 0.05
    return model.eval()


def started(kind: str, theirs: Sequence[str], ours: Sequence[str], told: bool = True) -> tuple:
    """A detector of one kind, another of other classes that started from it, the weights it had before, and the fit.

    The checkpoint says its classes where it is ``told``.
    """
    teacher = build(of_classes(KINDS[kind](), len(theirs)), seed=0)
    config = of_classes(KINDS[kind](), len(ours))
    model = build(config, seed=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    meta = dict(dataset_meta=dict(classes=tuple(theirs))) if told else {}
    checkpoint = dict(state_dict=teacher.state_dict(), meta=meta)
    return teacher, model, before, fit_start(model, checkpoint, ours, partial(twin_shapes, config))


@torch.no_grad()
def class_answers(model: nn.Module, count: int) -> list[Tensor]:
    """What a model answers to a fixed image, by class: shape (positions, classes, numbers), of logits and of boxes.

    The logits of the background are left out, and so are boxes that do not depend on the class.
    """
    inputs, samples = tiny_batch()
    images, labels = inputs['labeled'][:1].float() / 255, samples['labeled'][:1]
    for sample in labels:
        sample.set_metainfo(dict(batch_input_shape=tuple(images.shape[-2:])))
    answers = model(images, labels, mode='tensor')
    if hasattr(model, 'roi_head'):
        scores, boxes = answers[-1]
        return [scores[:, :count, None], boxes.view(len(boxes), count, 4)]
    scores = answers[0]
    if torch.is_tensor(scores):  # (layers, images, queries, classes)
        return [scores.flatten(0, 2)[:, :count, None]]
    # Of each level (images, anchors * classes, height, width): mmdet's heads reshape them so.
    return [torch.cat([level.permute(0, 2, 3, 1).reshape(-1, count, 1) for level in scores])]
