"""The semi-supervised detectors: one training step with slots, its heirs, consistency; and the ensemble."""

from .co_rectify_detector import CoRectifyDetector
from .consistency_detector import ConsistencyDetector
from .ensemble_detector import EnsembleDetector
from .pseudo_label_detector import PseudoLabelDetector
from .soft_teacher_detector import SoftTeacherDetector
from .wbf_ensemble import WBFEnsemble

__all__ = [
    'CoRectifyDetector',
    'ConsistencyDetector',
    'EnsembleDetector',
    'PseudoLabelDetector',
    'SoftTeacherDetector',
    'WBFEnsemble',
]
