"""docs/add_a_method.md, block by block: the part, its config, its law, and two steps."""

import re
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from tiny_recipes import build_recipe, tiny_recipe, two_steps

from mmssod.structures import PseudoLabels

ROOT = Path(__file__).parents[2]
PAGE = ROOT / 'docs/add_a_method.md'


def some_labels(certainties):
    p = torch.tensor(certainties, dtype=torch.float64)
    number = len(p)
    corners = torch.arange(number)[:, None].expand(-1, 4) + torch.tensor([0, 0, 9, 9])
    ones = torch.ones(number, dtype=torch.float64)
    return PseudoLabels(corners.float(), torch.zeros(number, dtype=torch.long), p, ones, ones)


@pytest.fixture
def blocks():
    """The page's Python, run as a reader would; its class is known to the registry for the time of a test."""
    part, config, law = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.S)
    names = dict(some_labels=some_labels)
    exec(compile(part + law, str(PAGE), 'exec'), names)
    yield names, config
    MODELS._module_dict.pop('TopSelector')


@pytest.mark.parametrize('number', [0, 1, 4])
def test_the_part_keeps_its_law(blocks, number):
    names, _ = blocks
    names['test_the_best_two_are_kept']()
    labels = some_labels([0.5] * number)
    assert len(names['TopSelector'](number=2)(labels, None)) == min(number, 2)
    with pytest.raises(ValueError, match='at least 1'):
        names['TopSelector'](number=0)


def test_the_config_is_the_students_with_another_selector(blocks, tmp_path):
    _, text = blocks
    config = tmp_path / 'top.py'
    config.write_text(text.replace("'configs/", f"'{ROOT}/configs/"))
    recipe = tiny_recipe(config)
    assert recipe.selector == dict(type='TopSelector', number=2)
    steps = two_steps(build_recipe(recipe))
    assert [step['pseudo_boxes'] for step in steps] == [2.0, 2.0]
