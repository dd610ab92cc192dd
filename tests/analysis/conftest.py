"""Three detectors on two images, by hand."""

import pytest
from builders.by_hand import CLASSES, data_set, detection

from mmssod.evaluation import DetectorOutputs


@pytest.fixture
def truth():
    """An ant and a bee in the first image, an ant in the second, no cat."""
    return data_set([(0, 0, [0, 0, 10, 10]), (0, 1, [40, 40, 20, 20]), (1, 0, [20, 20, 10, 10])])


@pytest.fixture
def outputs(truth):
    """A detector that finds everything, one whose single box has IoU 0.72, one without a box."""
    perfect = [detection(b['image_id'], b['category_id'] // 10 - 1, b['bbox'], 0.9, 0.8)
               for b in truth['annotations']]  # fmt: skip
    rough = [detection(0, 1, [40, 40, 14.4, 20], p=0.6)]
    return DetectorOutputs(truth, CLASSES, dict(perfect=perfect, rough=rough, none=[]))
