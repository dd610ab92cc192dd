"""A detector as one graph without loops over images: what ``mmssod export --format onnx`` traces.

``B`` images, ``n`` boxes of one of them, ``C`` classes. Boxes are ``x1 y1 x2 y2`` in pixels of the resized image. mmdet
decodes and suppresses image by image; here all images go together, so that the batch is free, and all have as many
rows: those beyond an image's boxes have the score 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmdet.models import BaseDetector, GFLHead, RPNHead, StandardRoIHead, YOLOXHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.detectors import FasterRCNN, SingleStageDetector
from torch import Tensor, nn
from torchvision.ops import nms, roi_align

from mmssod.environment.errors import InputError
from mmssod.models.buckets.bucket_head import BucketHead
from mmssod.models.buckets.bucket_yolox_head import BucketYOLOXHead

MOST = 3000
"""Candidates of a level, or of all RoIs, before suppression: those of the highest scores."""
SINGLE = '_predict_by_feat_single'


class Found(NamedTuple):
    """Boxes of each image: (B, n, 4), and of shape (B, n) scores, classes, p and v; absent ones have the score 0."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    p: Tensor
    v: Tensor


class OnnxDetector(nn.Module):
    """Pixels in, boxes out.

    Args:
        model: In eval mode.
        fill: Value of the pixels outside an image where the test pipeline pads; None where the preprocessor does.
        suppress: Whether overlapping boxes are suppressed; without, candidates leave the graph.

    Raises:
        ValueError: A detector, a head or a suppression that is not known here.
    """

    def __init__(self, model: BaseDetector, fill: float | None, suppress: bool = True) -> None:
        super().__init__()
        _require_known(model)
        self.model, self.fill, self.suppress = model, fill, suppress
        self.two_stages = isinstance(model, FasterRCNN)
        self.cfg = model.test_cfg.rcnn if self.two_stages else model.test_cfg

    def forward(self, images: Tensor, sizes: Tensor) -> Found:
        """Detect.

        Args:
            images: BGR as OpenCV reads it, 0 to 255, at the upper left corner, shape (B, 3, H, W), float32; what lies
                outside an image is not looked at.
            sizes: Height and width of each image within its frame, shape (B, 2), float32.
        """
        pixels, bounds = self._pixels(images, sizes)
        maps = self.model.extract_feat(pixels)
        if self.two_stages:
            proposals = _proposals(self.model.rpn_head, maps, bounds)
            found = _second_stage(self.model.roi_head, maps, proposals, bounds, self.cfg)
        elif isinstance(self.model.bbox_head, YOLOXHead):
            found = _yolox(self.model.bbox_head, maps, self.cfg)
        else:
            found = _dense(self.model.bbox_head, maps, bounds, self.cfg)
        if not self.suppress:
            return found
        return _suppress(
            found, found.labels, self.cfg.nms.iou_threshold, self.cfg.get('max_per_img', 100)
        )

    def _pixels(self, images: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """The network's input, and the borders that boxes are clipped to, shape (B, 1, 4)."""
        rows, columns = (torch.arange(side, device=images.device) for side in images.shape[-2:])
        inside = rows[:, None] < sizes[:, :1, None]  # (B, H, 1)
        inside = (inside & (columns < sizes[:, 1:, None]))[:, None]
        if self.fill is not None:  # a padded image counts as one of that size
            images = torch.where(inside, images, self.fill)
            sizes = (torch.stack([rows[-1], columns[-1]]) + 1).to(sizes).expand_as(sizes)
        before = self.model.data_preprocessor
        if before._channel_conversion:
            images = images.flip(1)
        if before._enable_normalize:
            images = (images - before.mean) / before.std
        if self.fill is None:
            images = torch.where(inside, images, float(before.pad_value))
        return images, sizes.flip(1).repeat(1, 2)[:, None]


def _require_known(model: BaseDetector) -> None:
    cfg: Any = model.test_cfg
    head: Any = getattr(model, 'bbox_head', None)
    if isinstance(model, FasterRCNN) and type(model.roi_head) is StandardRoIHead:
        cfg, known = cfg.rcnn, type(model.rpn_head) is RPNHead
    else:
        single = getattr(type(head), SINGLE, None)
        plain = single in (BaseDenseHead._predict_by_feat_single, GFLHead._predict_by_feat_single)
        decode = getattr(type(head), 'predict_by_feat', None)
        plain = plain and decode is BaseDenseHead.predict_by_feat
        known = isinstance(model, SingleStageDetector) and (plain or isinstance(head, YOLOXHead))
    if not known or cfg.nms.get('type', 'nms') != 'nms':
        raise InputError(
            'onnx: expected Faster R-CNN, YOLOX, or a dense head that decodes as RTMDet, GFL, RetinaNet, ATSS or FCOS '
            f'do, with plain suppression; got {type(model).__name__} with {type(head or model).__name__}, '
            f'{cfg.get("nms")}; fix: export it with --format mmdet'
        )


# ---------------------------------------------------------------- heads


def _yolox(head: YOLOXHead, maps: Sequence[Tensor], cfg: Any) -> Found:
    """All places, each with its best class."""
    scores, localization, objectness = (_rows(level, None) for level in head(maps))
    priors = torch.cat(_priors(head, maps, with_stride=True))
    best, labels = scores.sigmoid().max(dim=-1)
    p = best * objectness[..., 0].sigmoid()
    boxes, v = head._bbox_decode(priors, localization[..., :4]), torch.ones_like(p)
    if isinstance(head, BucketYOLOXHead):
        v = head.loc_certainty(head.split(localization)[1])
        boxes = head.decode(boxes.flatten(0, 1), localization.flatten(0, 1)).reshape(boxes.shape)
    return Found(boxes, torch.where(p >= cfg.score_thr, p * v, 0.0), labels, p, v)


def _dense(head: BaseDenseHead, maps: Sequence[Tensor], bounds: Tensor, cfg: Any) -> Found:
    """The best pairs of a place and a class of each level."""
    outputs, parts = head(maps), []
    factors: Any = outputs[2] if len(outputs) > 2 else [None] * len(maps)
    for number, priors in enumerate(_priors(head, maps)):
        classes = head.cls_out_channels
        logits = _rows([outputs[0][number]], classes)
        scores = logits.sigmoid() if head.use_sigmoid_cls else logits.softmax(-1)[..., :-1]
        scores = torch.where(scores > cfg.get('score_thr', 0), scores, 0.0)
        p, index = _top(scores.flatten(1), _number(cfg))
        place, labels = index // scores.shape[-1], index % scores.shape[-1]
        sides = outputs[1][number]
        if hasattr(head, 'integral'):
            answer = _rows([sides], 4 * (head.reg_max + 1))
            distance = head.integral(answer).reshape(answer.shape[0], -1, 4)
            answer = distance * head.prior_generator.strides[number][0]
            priors = head.anchor_center(priors)
        else:
            answer = _rows([sides], head.bbox_coder.encode_size)
        boxes = _decode(head.bbox_coder, priors[place], _take(answer, place), bounds)
        if factors[number] is not None:
            p = p * _take(_rows([factors[number]], 1).sigmoid(), place)[..., 0]
        parts.append(
            Found(boxes, torch.where(_whole(boxes, cfg), p, 0.0), labels, p, torch.ones_like(p))
        )
    return Found(*(torch.cat(several, dim=1) for several in zip(*parts, strict=True)))


def _proposals(head: RPNHead, maps: Sequence[Tensor], bounds: Tensor) -> Found:
    """What the RoI head looks at; ``labels`` are levels."""
    logits, deltas = head(maps)
    parts = []
    for number, priors in enumerate(_priors(head, maps)):
        rows = _rows([logits[number]], head.cls_out_channels)
        scores = rows.sigmoid() if head.use_sigmoid_cls else rows.softmax(-1)[..., :-1]
        scores, index = _top(scores[..., 0], head.test_cfg.nms_pre)
        boxes = _decode(
            head.bbox_coder, priors[index], _take(_rows([deltas[number]], 4), index), bounds
        )
        scores = torch.where(_whole(boxes, head.test_cfg), scores, 0.0)
        parts.append(Found(boxes, scores, torch.full_like(index, number), scores, scores))
    found = Found(*(torch.cat(several, dim=1) for several in zip(*parts, strict=True)))
    return _suppress(
        found, found.labels, head.test_cfg.nms.iou_threshold, head.test_cfg.max_per_img
    )


def _second_stage(
    head: StandardRoIHead, maps: Sequence[Tensor], proposals: Found, bounds: Tensor, cfg: Any
) -> Found:
    """The best pairs of a RoI and a class."""
    priors, box_head = proposals.boxes, head.bbox_head
    images = torch.arange(priors.shape[0], device=priors.device)[:, None, None]
    rois = torch.cat([(priors[..., :1] * 0 + images), priors], dim=-1).flatten(0, 1)
    features = _roi_features(head.bbox_roi_extractor, maps, rois)
    if head.with_shared_head:
        features = head.shared_head(features)
    logits, answer = (_unflat(rows, priors) for rows in box_head(features))
    scores = logits.float().softmax(-1)[..., :-1]
    scores = torch.where((scores > cfg.score_thr) & (proposals.scores > 0)[..., None], scores, 0.0)
    v = torch.ones_like(proposals.scores)
    if isinstance(box_head, BucketHead):
        v = _unflat(box_head.loc_certainty(answer.flatten(0, 1)), priors)
    classes = scores.shape[-1]
    ranked, index = _top((scores * v[..., None]).flatten(1), MOST)
    place, labels = index // classes, index % classes
    if box_head.reg_class_agnostic or isinstance(box_head, BucketHead):
        answer = _take(answer.flatten(2), place)
    else:
        answer = _take(answer.reshape(answer.shape[0], -1, 4), index)
    coder = box_head.bbox_coder
    start = _take(priors, place)
    if isinstance(box_head, BucketHead):
        two = answer.flatten(0, 1).reshape(-1, 2, 4, box_head.num_buckets)
        boxes = _clip(_unflat(coder.decode(start.flatten(0, 1), *two.unbind(1)), start), bounds)
    else:
        boxes = _decode(coder, start, answer, bounds)
    return Found(boxes, ranked, labels, scores.flatten(1).gather(1, index), v.gather(1, place))


def _roi_features(extractor: Any, maps: Sequence[Tensor], rois: Tensor) -> Tensor:
    """Of each RoI from its level; torchvision's operator is the one that ONNX has."""
    maps = maps[: extractor.num_inputs]
    levels = extractor.map_roi_levels(rois, len(maps))
    places, parts = [], []
    for number, (level, layer) in enumerate(zip(maps, extractor.roi_layers, strict=True)):
        places.append((levels == number).nonzero()[:, 0])
        options = (layer.spatial_scale, layer.sampling_ratio, layer.aligned)
        parts.append(roi_align(level, rois[places[-1]], layer.output_size, *options))
    return torch.cat(parts)[torch.cat(places).argsort()]


# ---------------------------------------------------------------- boxes


def _priors(head: Any, maps: Sequence[Tensor], **options: Any) -> list[Tensor]:
    sizes = [level.shape[-2:] for level in maps]
    priors: list[Tensor] = head.prior_generator.grid_priors(
        sizes, dtype=maps[0].dtype, device=maps[0].device, **options
    )
    return priors


def _decode(coder: Any, priors: Tensor, answer: Tensor, bounds: Tensor) -> Tensor:
    """Boxes (B, n, 4), clipped where the coder clips."""
    boxes = coder.decode(priors.flatten(0, 1), answer.flatten(0, 1))
    boxes = _unflat(boxes, priors)
    return _clip(boxes, bounds) if getattr(coder, 'clip_border', True) else boxes


def _clip(boxes: Tensor, bounds: Tensor) -> Tensor:
    return torch.minimum(boxes.clamp(min=0), bounds)


def _whole(boxes: Tensor, cfg: Any) -> Tensor:
    """Which boxes are wider and higher than the least size, in pixels; without one all are."""
    least = cfg.get('min_bbox_size', -1)
    sides = boxes[..., 2:] - boxes[..., :2]
    return (sides > (least if least >= 0 else -torch.inf)).all(-1)


def _suppress(found: Found, groups: Tensor, iou: float, number: int) -> Found:
    """The best boxes of each image that no better one of their group overlaps, best first."""
    boxes, scores = found.boxes, found.scores
    apart = groups[..., None].to(boxes) * (boxes.max() + 1)  # as mmcv: groups do not touch
    kept = _Suppression.apply(boxes + apart, scores[:, None], number, iou)
    image, _, place = kept.unbind(1)
    stays = torch.zeros_like(scores).index_put(
        (image, place), torch.ones_like(scores[image, place])
    )
    scores, index = _top(scores * stays, number)
    return Found(_take(boxes, index), scores, *(row.gather(1, index) for row in found[2:]))


class _Suppression(torch.autograd.Function):
    """ONNX's ``NonMaxSuppression``: rows of image, class and place."""

    @staticmethod
    def forward(ctx: Any, boxes: Tensor, scores: Tensor, number: int, iou: float) -> Tensor:
        rows = []
        for image, (each, score) in enumerate(zip(boxes, scores[:, 0], strict=True)):
            there = (score > 0).nonzero()[:, 0]
            place = there[nms(each[there], score[there], iou)[:number]]
            rows.append(
                torch.stack([torch.full_like(place, image), torch.zeros_like(place), place], 1)
            )
        return torch.cat(rows)

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any, number: int, iou: float) -> Any:
        values = (torch.tensor([number]), torch.tensor([iou]), torch.tensor([0.0]))
        return g.op(
            'NonMaxSuppression', boxes, scores, *(g.op('Constant', value_t=one) for one in values)
        )


# ---------------------------------------------------------------- rows


def _number(cfg: Any) -> int:
    number = cfg.get('nms_pre', -1)
    return min(number, MOST) if number > 0 else MOST


def _rows(levels: Sequence[Tensor], width: int | None) -> Tensor:
    """Maps (B, A width, H, W) of some levels as rows (B, n, width), float32; ``width`` None: of one anchor a place."""
    each = [level.permute(0, 2, 3, 1) for level in levels]
    return torch.cat(
        [one.reshape(one.shape[0], -1, width or one.shape[-1]) for one in each], 1
    ).float()


def _top(scores: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """The highest scores and their places, (B, number) each; where there are fewer, rows of score 0 follow."""
    padded = torch.cat([scores, torch.zeros_like(scores[:, :1]).repeat(1, number)], 1)
    best, index = padded.topk(number)
    return best, torch.where(index < scores.shape[1], index, 0)


def _take(rows: Tensor, index: Tensor) -> Tensor:
    """Rows (B, n, m) at places (B, k): (B, k, m)."""
    return rows.gather(1, index[..., None].expand(-1, -1, rows.shape[-1]))


def _unflat(rows: Tensor, like: Tensor) -> Tensor:
    """Rows of all images, (B n, ...), by image, as ``like`` (B, n, ...) is."""
    return rows.reshape(like.shape[0], -1, *rows.shape[1:])
