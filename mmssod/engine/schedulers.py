"""Learning rate schedules that follow the length of the training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mmdet.registry import PARAM_SCHEDULERS
from mmengine.optim import MultiStepLR

from mmssod.environment.errors import InputError


@PARAM_SCHEDULERS.register_module()
class ShareStepLR(MultiStepLR):
    """Lowers the learning rate after shares of the training, so that ``max_iters`` is the one number of a schedule.

    The paper divides by 10 at iterations 120k and 160k of 180k, "likewise for other schedules".

    Args:
        optimizer: Optimizer or wrapper.
        shares: When the rate falls, in (0, 1) of the training.
        gamma: What it is multiplied with.
        end: Length of the training; the runner gives ``max_iters`` (or ``max_epochs`` when ``by_epoch``).
        kwargs: As :class:`mmengine.optim.MultiStepLR`.

    Raises:
        ValueError: For a share outside (0, 1).
    """

    def __init__(
        self,
        optimizer: Any,
        shares: Sequence[float] = (2 / 3, 8 / 9),
        gamma: float = 0.1,
        *,
        end: int,
        **kwargs: Any,
    ) -> None:
        if not all(0 < share < 1 for share in shares):
            raise InputError(f'shares must lie in (0, 1), got {tuple(shares)}')
        # 8 / 9 of 540000 is 480000, also where the product of floats falls short of it.
        milestones = [math.floor(share * end + 1e-6) for share in shares]
        super().__init__(optimizer, milestones=milestones, gamma=gamma, end=end, **kwargs)
