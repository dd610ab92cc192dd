"""The paper's recipe."""

from builders.tiny_recipes import FEW_BOXES, build_recipe, tiny_recipe, two_steps

CONFIG = 'configs/demo/student.py'


def test_losses_are_those_on_file(golden):
    # Without training v is near 1 / K: the thresholds must be low to keep anything.
    low = dict(threshold=0.05, bounds=(0.0, 0.9))
    model = build_recipe(tiny_recipe(CONFIG, detector=FEW_BOXES, balancer=low))
    steps = two_steps(model)
    assert all(step['pseudo_boxes'] > 0 for step in steps)
    golden('certainty', steps)
