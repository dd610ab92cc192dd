"""Toy data and tiny configs, shared by the tests, the demo and the benchmarks."""

from mmssod.testing.demo_data import CLASSES, DemoData, count_boxes, make_demo_data

__all__ = ['CLASSES', 'DemoData', 'count_boxes', 'make_demo_data']
