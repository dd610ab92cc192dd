"""Letters that the usual font lacks."""

from io import BytesIO

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from matplotlib.font_manager import FontProperties, findfont, fontManager

from mmssod.analysis import fonts
from mmssod.analysis.fonts import USUAL, families, text_width
from mmssod.analysis.pictures import Side
from mmssod.analysis.views import ShownView, draw

WORD = '\u7d30\u80de'  # cells, in Chinese


@pytest.fixture
def chinese_font(tmp_path, monkeypatch):
    """A font whose glyph for both signs is that of an X."""
    font = TTFont(findfont(FontProperties(family=[USUAL])))
    tables = [table for table in font['cmap'].tables if table.isUnicode()]
    for table in tables:
        table.cmap.update(dict.fromkeys(map(ord, WORD), table.cmap[ord('X')]))
    font['cmap'].tables = tables
    for record in font['name'].names:
        if record.nameID in (1, 4, 6, 16):
            record.string = 'Two Signs'
    font.save(tmp_path / 'two.ttf')
    monkeypatch.setattr(fontManager, 'ttflist', list(fontManager.ttflist))
    fontManager.addfont(tmp_path / 'two.ttf')
    families.cache_clear()
    yield 'Two Signs'
    families.cache_clear()


@pytest.mark.parametrize(
    ('text', 'more'), [('', []), ('cat \u00e9 \u03c4', []), (f'a {WORD}', ['Two Signs'])]
)
def test_families(text, more, chinese_font):
    assert families(text) == [USUAL, *more]


def test_without_such_a_font_a_warning_tells_once(monkeypatch):
    said = []
    monkeypatch.setattr(fonts, 'print_log', lambda text, *more: said.append(text))
    usual = [font for font in fontManager.ttflist if font.name.startswith('DejaVu')]
    monkeypatch.setattr(fontManager, 'ttflist', usual)
    for cached in (families, fonts._warn):
        cached.cache_clear()
    assert families(WORD) == families(WORD[0]) == [USUAL]
    assert len(said) == 1 and 'fonts-noto-cjk' in said[0]
    families.cache_clear()


def browse_picture(word):
    image, box = np.zeros((99, 99, 3), np.uint8), np.array([[10.0, 30, 90, 90]])
    figure = draw([ShownView('labeled', image, Side(box, (word,), (word,)))], word)
    figure.savefig(BytesIO())


@pytest.mark.filterwarnings('error:Glyph')
def test_pictures_have_the_letters(chinese_font):
    """Else matplotlib warns of glyphs that are missing."""
    browse_picture(WORD)
    with pytest.raises(UserWarning, match='missing from font'):
        browse_picture('\u732b')


def test_wide_letters():
    assert text_width('') == 0
    assert text_width('ab') == pytest.approx(1.2)
    assert text_width(WORD) == 2
