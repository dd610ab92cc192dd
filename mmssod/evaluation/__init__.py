"""Metrics: boxes by COCO's rules, rare classes, pseudo-label quality."""

from .coco import CocoBoxMetric, CocoResult, evaluate_boxes
from .detections import DetectionWriter, DetectorOutputs
from .pseudo_quality import Matches, match_image, quality

__all__ = [
    'CocoBoxMetric',
    'CocoResult',
    'DetectionWriter',
    'DetectorOutputs',
    'Matches',
    'evaluate_boxes',
    'match_image',
    'quality',
]
