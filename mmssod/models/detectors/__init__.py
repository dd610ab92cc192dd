"""The semi-supervised detector, one training step with slots, and the ensemble."""

from .ensemble_detector import EnsembleDetector
from .pseudo_label_detector import PseudoLabelDetector
from .wbf_ensemble import WBFEnsemble

__all__ = ['EnsembleDetector', 'PseudoLabelDetector', 'WBFEnsemble']
