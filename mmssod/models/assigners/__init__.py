"""Assigners: Detectron2's, a corrected one of MMDetection that fails on GPUs, and a faster one for YOLOX."""

from .best_box_assigner import BestBoxAssigner
from .point_assigner import PointAssigner
from .sim_ota_assigner import SimOTAAssigner

__all__ = ['BestBoxAssigner', 'PointAssigner', 'SimOTAAssigner']
