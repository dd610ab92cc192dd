"""Assigners: Detectron2's, and one of MMDetection that fails on a GPU, corrected."""

from .best_box_assigner import BestBoxAssigner
from .point_assigner import PointAssigner

__all__ = ['BestBoxAssigner', 'PointAssigner']
