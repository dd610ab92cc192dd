"""Checks before training whatever can be checked, and reports all problems together."""

from mmssod.engine.preflight.config_checks import config_problems, labeled_classes
from mmssod.engine.preflight.data_checks import config_outside_problems
from mmssod.engine.preflight.evaluator_checks import evaluator_problems, truth_problems
from mmssod.engine.preflight.parts import part_problems, part_warnings
from mmssod.engine.preflight.resume_checks import resume_findings, resume_problems
from mmssod.engine.preflight.runtime_checks import batch_line, runtime_problems, runtime_warnings
from mmssod.engine.preflight.start_checks import fetch_problems, start_problems
from mmssod.structures import raise_together

__all__ = ['batch_line', 'config_outside_problems', 'config_problems', 'evaluator_problems',
           'fetch_problems', 'labeled_classes', 'part_problems', 'part_warnings', 'raise_together',
           'resume_findings', 'resume_problems', 'runtime_problems', 'runtime_warnings',
           'start_problems', 'truth_problems']  # fmt: skip
