"""Assigners: Detectron2's, one of MMDetection that fails on a GPU, corrected, and YOLOX's, faster."""

from .best_box_assigner import BestBoxAssigner
from .point_assigner import PointAssigner
from .sim_ota_assigner import SimOTAAssigner

__all__ = ['BestBoxAssigner', 'PointAssigner', 'SimOTAAssigner']
