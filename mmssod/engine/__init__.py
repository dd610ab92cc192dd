"""Hooks, schedules, and checks before training: all that surrounds the training step."""

from mmssod.engine import hooks
from mmssod.engine.both_loops import BothTestLoop, BothValLoop
from mmssod.engine.hooks import *  # noqa: F403
from mmssod.engine.schedulers import ShareStepLR

__all__ = ['BothTestLoop', 'BothValLoop', 'ShareStepLR']
__all__ += hooks.__all__
