"""Multi-Phase learning: labels that are made offline between three trainings, and the ensemble of the three."""

from mmssod.apis.multi_phase.labels import (
    agreement,
    at_or_above,
    boxes_per_image,
    easiest,
    matching_thresholds,
    threshold_grid,
)
from mmssod.apis.multi_phase.running import Plan, train_phases

__all__ = [
    'Plan',
    'agreement',
    'at_or_above',
    'boxes_per_image',
    'easiest',
    'matching_thresholds',
    'threshold_grid',
    'train_phases',
]
