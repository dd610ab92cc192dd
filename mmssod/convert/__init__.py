"""Converts weights of other implementations to mmdet's detectors."""

from mmssod.start.yolox import from_yolox_pth, is_yolox_pth, yolox_size

__all__ = ['from_yolox_pth', 'is_yolox_pth', 'yolox_size']
