"""Assigners of MMDetection that fail on a GPU, corrected."""

from .point_assigner import PointAssigner

__all__ = ['PointAssigner']
