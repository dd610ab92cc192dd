"""Fonts for class names in scripts that matplotlib's default font lacks, such as Chinese, Japanese and Korean."""

from __future__ import annotations

import logging
from functools import cache, lru_cache
from unicodedata import east_asian_width

from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font
from mmengine.logging import print_log

USUAL = 'sans-serif'


@lru_cache(maxsize=4096)
def families(text: str) -> list[str]:
    """Font families to draw a text with: the usual one and, for letters that it lacks, installed ones that have them.

    A warning tells once where there is none: such letters are drawn as empty squares.
    """
    fonts = {
        font.name: font.fname for font in fontManager.ttflist if 'Last Resort' not in font.name
    }
    chosen = [USUAL]
    missing = {ord(letter) for letter in text if letter.isprintable()}
    missing -= _letters(findfont(FontProperties(family=[USUAL])))
    while missing:
        best = max(fonts, key=lambda name: len(missing & _letters(fonts[name])), default=USUAL)
        found = missing & _letters(fonts.get(best, ''))
        if not found:
            _warn()
            break
        chosen.append(best)
        missing -= found
    return chosen


def text_width(text: str) -> float:
    """About how wide a text is, in heights of its letters; Chinese, Japanese and Korean ones are as wide as high."""
    return sum(1.0 if east_asian_width(letter) in 'WF' else 0.6 for letter in text)


@cache
def _letters(file: str) -> frozenset[int]:
    """Code points that a font has; none of a file that is no font."""
    try:
        return frozenset(FT2Font(file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _warn() -> None:
    print_log(
        'no installed font has all letters of the class names: the others are drawn as empty squares. Install one that '
        'has them, such as fonts-noto-cjk',
        'current',
        logging.WARNING,
    )
