"""The demo's data set: drawn shapes with a long tail of classes, as files in MMDetection's layout."""

from demo_drawings.demo_data import CLASSES, DemoData, count_boxes, make_demo_data

__all__ = ['CLASSES', 'DemoData', 'count_boxes', 'make_demo_data']
