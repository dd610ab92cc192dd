"""Selects pseudo labels with the certainty measure and the thresholds that a run's training ended with.

``M`` classes.
"""

from __future__ import annotations

from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

CERTAINTY = 'p*v'  # where the config names none, and ...
THRESHOLD = 0.5  # ... as little of thresholds
PREFIX = 'balancer.'


def selection(cfg: Config, checkpoint: str, num_classes: int) -> tuple[str, list[float]]:
    """The certainty that a run compares with its thresholds, and the thresholds.

    Args:
        cfg: The run's config.
        checkpoint: Checkpoint of the run, with what its class balancer counted; '' for none.
        num_classes: M.

    Returns:
        One of :data:`~mmssod.evaluation.pseudo_quality.CERTAINTIES`, and of each class (M) the threshold by which the
        training would keep its next pseudo labels: the balancer's, by class. Where the checkpoint has no statistics of
        these classes, as a teacher's, the config's one threshold or 0.5.
    """
    model = cfg.model
    name = model.get('selector', {}).get('certainty', CERTAINTY)
    balancer = model.get('balancer')
    if balancer is None:
        return name, [THRESHOLD] * num_classes
    built = MODELS.build({**balancer, 'num_classes': num_classes})
    stored = CheckpointLoader.load_checkpoint(checkpoint, 'cpu', 'silent') if checkpoint else {}
    weights = stored.get('state_dict', stored)
    state = {n.removeprefix(PREFIX): v for n, v in weights.items() if n.startswith(PREFIX)}
    known = state.keys() == built.state_dict().keys()
    if known and state['initialized'] and len(state['count']) == num_classes:
        built.load_state_dict(state)
        return name, built.thresholds().tolist()
    return name, [built.threshold] * num_classes
