"""Screenshots of a report page for the documentation, at two widths and in both themes.

::

    python tools/docs/screenshots.py work_dirs/cells/report.html docs/images

writes ``report_wide.png`` (1280 px, light), ``report_phone.png`` (390 px, dark) and ``report_pictures.webp`` (the
pseudo labels); ``--whole`` writes the whole page at both widths in both themes instead, to look at. Needs the extra
``browser`` and Chromium: the system's, or playwright's own.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')


@dataclass(frozen=True)
class Shot:
    """One screenshot.

    Args:
        name: File name; its ending says the format.
        width, height: Of the window, pixels; a height of 0 takes the whole page.
        scheme: ``light`` or ``dark``.
        at: Selector of the element to scroll to; '' for the top.
    """

    name: str
    width: int
    height: int
    scheme: str
    at: str = ''


SHOWN = (
    Shot('report_wide.png', 1280, 900, 'light'),
    Shot('report_phone.png', 390, 844, 'dark'),
    Shot('report_pictures.webp', 1280, 640, 'dark', '#label-gallery'),
)
WHOLE = tuple(
    Shot(f'whole_{width}_{scheme}.png', width, 0, scheme)
    for width in (1280, 390)
    for scheme in ('light', 'dark')
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('page', help='html file of `mmssod report`')
    parser.add_argument('out', help='folder for the pictures')
    parser.add_argument('--whole', action='store_true', help='the whole page, in both themes')
    return parser.parse_args()


def take(page: Path, out: Path, shots: tuple[Shot, ...] = SHOWN) -> list[Path]:
    """Write the screenshots; those whose element the page lacks are left out.

    Returns:
        The files.

    Raises:
        RuntimeError: No browser, or the page complains in its console.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = []
    with browser() as chromium:
        for shot in shots:
            context = chromium.new_context(
                viewport=dict(width=shot.width, height=shot.height or 900),
                color_scheme=shot.scheme,
                offline=True,
            )
            pixels = capture(context.new_page(), page, shot)
            context.close()
            if pixels:
                files.append(out / shot.name)
                # Photos are five times as large as PNG.
                Image.open(io.BytesIO(pixels)).convert('RGB').save(
                    files[-1], optimize=True, quality=85
                )
    return files


def capture(tab: Any, page: Path, shot: Shot) -> bytes:
    """One screenshot as PNG; empty where the page lacks the element."""
    complaints: list[str] = []
    tab.on('console', lambda message: complaints.append(message.text))
    tab.on('pageerror', lambda error: complaints.append(str(error)))
    tab.goto(page.resolve().as_uri())
    if complaints:
        raise RuntimeError(f'{page}: expected a page without a complaint, got {complaints}')
    if shot.at:
        if not tab.locator(shot.at).count():
            return b''
        # The bar at the top stays where it is, so the element goes below it.
        tab.evaluate(
            '([at, y]) => scrollTo(0, document.querySelector(at).offsetTop - y)', [shot.at, 110]
        )
    pixels: bytes = tab.screenshot(full_page=not shot.height)
    return pixels


@contextmanager
def browser() -> Iterator[Any]:
    """Headless Chromium: the system's if there is one, else playwright's.

    Raises:
        RuntimeError: There is none, or playwright is missing.
    """
    try:
        from playwright import sync_api
    except ImportError:
        raise RuntimeError(
            "no playwright: pip install -e '.[browser]' -c requirements/constraints.txt"
        ) from None
    own = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_api.sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=own, args=['--no-sandbox'])
        except sync_api.Error as error:
            raise RuntimeError(
                f'no Chromium: {str(error).splitlines()[0]}; install it, or run `playwright install chromium`'
            ) from None
        yield chromium
        chromium.close()


def main() -> int:
    """Take them."""
    args = parse_args()
    try:
        files = take(Path(args.page), Path(args.out), WHOLE if args.whole else SHOWN)
    except RuntimeError as error:
        print(error)
        return 1
    for file in files:
        print(f'{file}: {file.stat().st_size / 1000:.0f} kB')
    return 0


if __name__ == '__main__':
    sys.exit(main())
