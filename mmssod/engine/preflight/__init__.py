"""What can be known before training is checked before training, and reported together."""

from mmssod.engine.preflight.annotation_file import category_names, class_problem
from mmssod.engine.preflight.config_checks import config_problems, data_findings, labeled_classes
from mmssod.engine.preflight.evaluator_checks import evaluator_problems
from mmssod.engine.preflight.memory_checks import memory_problems
from mmssod.engine.preflight.outside_checks import config_outside_problems, outside_problems
from mmssod.engine.preflight.part_checks import part_problems, part_warnings
from mmssod.engine.preflight.resume_checks import resume_findings, resume_problems
from mmssod.engine.preflight.runtime_checks import (
    batch_line,
    empty_class_problems,
    runtime_problems,
    runtime_warnings,
)
from mmssod.engine.preflight.start_check import fetch_problems, start_problems
from mmssod.engine.preflight.truth_checks import truth_problems
from mmssod.engine.preflight.weight_checks import start_findings, weight_findings
from mmssod.structures import Problem, raise_together

__all__ = [
    'Problem',
    'batch_line',
    'category_names',
    'class_problem',
    'config_outside_problems',
    'config_problems',
    'data_findings',
    'empty_class_problems',
    'evaluator_problems',
    'fetch_problems',
    'labeled_classes',
    'memory_problems',
    'outside_problems',
    'part_problems',
    'part_warnings',
    'raise_together',
    'resume_findings',
    'resume_problems',
    'runtime_problems',
    'runtime_warnings',
    'start_findings',
    'start_problems',
    'truth_problems',
    'weight_findings',
]
