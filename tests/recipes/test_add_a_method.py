"""The example of docs/add_a_method.md: two steps with its config; its laws stand beside it, in docs/examples."""

from pathlib import Path

from builders.tiny_recipes import build_recipe, tiny_recipe, two_steps

CONFIG = Path(__file__).parents[2] / 'docs/examples/best_few/demo.py'


def test_the_examples_config_fills_two_slots_and_trains():
    recipe = tiny_recipe(CONFIG)
    assert recipe.selector == dict(type='TopSelector', number=2)
    steps = two_steps(build_recipe(recipe))
    assert [step['pseudo_boxes'] for step in steps] == [2.0, 2.0]
    assert all(step['unsup_loss_mirror'] > 0 for step in steps)


def test_without_loss_terms_there_is_no_further_loss():
    with_term = two_steps(build_recipe(tiny_recipe(CONFIG)))
    without = two_steps(build_recipe(tiny_recipe(CONFIG, loss_terms=[])))
    assert with_term[0].keys() - without[0].keys() == {'unsup_loss_mirror'}
    assert with_term[0]['unsup_loss_cls'] == without[0]['unsup_loss_cls']
