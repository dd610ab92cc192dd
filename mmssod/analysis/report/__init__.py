"""One HTML page about runs: what was trained on what, how good it is, how it came about, what it looks like."""

from mmssod.analysis.report.page import Page, render
from mmssod.analysis.report.runs import RunRecord, read_run_folder

__all__ = ['Page', 'RunRecord', 'read_run_folder', 'render']
