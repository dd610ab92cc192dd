"""Single values of a config change, and nothing else in it."""

import pytest

from mmssod.own_data.loop.config_values import changed, expression

TEXT = """here = "ä"  # wherever
a, b = f'{here}/a', (
    'b'
)  # two
load_from = None
"""


@pytest.mark.parametrize(('name', 'old', 'new'), [
    ('a', "f'{here}/a'", TEXT.replace("f'{here}/a'", '[1]')),
    ('here', '"ä"', TEXT.replace('"ä"', '[1]')),
    ('b', "'b'", TEXT.replace("'b'", '[1]')),
    ('load_from', 'None', TEXT.replace('None', '[1]')),
    ('other', None, TEXT + 'other = [1]\n'),
])  # fmt: skip
def test_one_value_changes(name, old, new, tmp_path):
    file = tmp_path / 'data.py'
    file.write_text(TEXT, encoding='utf-8')
    assert expression(file, name) == old
    text = changed(file, name, '[1]')
    assert text == new
    file.write_text(text, encoding='utf-8')
    assert changed(file, name, '[1]') == text


def test_no_python(tmp_path):
    (tmp_path / 'data.py').write_text('a = (')
    with pytest.raises(ValueError, match='expected a config in Python'):
        expression(tmp_path / 'data.py', 'a')
