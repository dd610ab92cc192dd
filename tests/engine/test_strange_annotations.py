"""Whatever a json holds, the checks before training answer with findings, which can be written down."""

import copy
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmssod.datasets import UnlabeledDataset
from mmssod.engine.preflight.data_checks import config_outside_problems, file_findings

SOUND = dict(
    images=[dict(id=n, file_name=f'{n}.png', width=40, height=30) for n in (1, 2)],
    annotations=[
        dict(id=n, image_id=n, category_id=n, bbox=[2, 3, 10, 12], area=120, iscrowd=0)
        for n in (1, 2)
    ],
    categories=[dict(id=1, name='ant'), dict(id=2, name='bee')],
)
STRANGE = [None, True, 0, -1, 10**400, -(10**400), 1e308, -0.0, math.nan, math.inf, '', 'name', '\0', 'a\0/b.png',
           '\ud800/c.png', 'x' * 5000, '../a.png', '..\\a.png', 'C:\\a.png', '/', 's3://a', [], {}, ['a'], [1, 2],
           {'name': ['a']}, [[]], {'id': {}}, {'images': 1}]  # fmt: skip
json_like = st.recursive(
    st.sampled_from(STRANGE) | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(node, path=()):
    """Ways to all values of a content, the whole first."""
    yield path
    for key in (
        node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    ):
        yield from places(node[key], (*path, key))


def replaced(content, path, value):
    """A copy with another value at a place; the place may be gone by an earlier change."""
    if not path:
        return value
    content = copy.deepcopy(content)
    node = content
    try:
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        pass
    return content


def look(folder: Path, content) -> str:
    """What all checks of one file say."""
    file = folder / 'a.json'
    file.write_text(json.dumps(content))
    said = file_findings('labeled', str(file), ('ant', 'bee'), str(folder), 10).text()
    for prefix in ('', str(folder)):
        options = dict(images=str(file), data_prefix=dict(img=prefix))
        said += '\n'.join(map(str, UnlabeledDataset.file_problems(options, {})))
        dataset = dict(ann_file=str(file), data_prefix=dict(img=prefix))
        cfg = dict(test_dataloader=dict(dataset=dataset))
        said += '\n'.join(map(str, config_outside_problems(cfg, 'test_dataloader')))
    said.encode()  # a lone surrogate, as json can have one, fits in no log
    return said


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('strange')
    for number in (1, 2):
        cv2.imwrite(f'{folder}/{number}.png', np.zeros((30, 40, 3), np.uint8))
    return folder


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(list(places(SOUND))), json_like), min_size=1, max_size=3))
def test_any_content_gives_findings(folder, changes):
    content = SOUND
    for path, value in changes:
        content = replaced(content, path, value)
    assert 'problem' in look(folder, content)


@pytest.mark.parametrize('value', STRANGE, ids=lambda value: repr(value)[:20])
def test_each_strange_value_in_each_place(value, folder):
    for path in places(SOUND):
        assert 'problem' in look(folder, replaced(SOUND, path, value))


def test_the_sound_content_is_sound(folder):
    assert 'no problem' in look(folder, SOUND)
