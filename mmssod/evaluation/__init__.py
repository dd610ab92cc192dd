"""Metrics: boxes by COCO's and VOC's rules, rare classes, and pseudo-label quality."""

from .coco import CocoBoxMetric, CocoResult, evaluate_boxes
from .detections import DetectionWriter, DetectorOutputs
from .pseudo_quality import Matches, match_image, quality
from .voc import VOCBoxMetric

__all__ = [
    'CocoBoxMetric',
    'CocoResult',
    'DetectionWriter',
    'DetectorOutputs',
    'Matches',
    'VOCBoxMetric',
    'evaluate_boxes',
    'match_image',
    'quality',
]
