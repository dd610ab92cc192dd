from .coco import CocoBoxMetric, CocoResult, evaluate_boxes
from .pseudo_quality import Matches, match_image, quality

__all__ = ['CocoBoxMetric', 'CocoResult', 'Matches', 'evaluate_boxes', 'match_image', 'quality']
