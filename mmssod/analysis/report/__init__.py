"""Builds one HTML page about runs: data and settings, AP, training curves, and example images."""

from mmssod.analysis.report.page import Page, render
from mmssod.analysis.report.runs import RunRecord, read_run_folder

__all__ = ['Page', 'RunRecord', 'read_run_folder', 'render']
