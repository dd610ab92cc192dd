"""Links of built pages that lead nowhere: ``python tools/docs/links.py docs/_build/html``, a part of ``make docs``.

Sphinx warns of links that it resolves itself; this also reads links that are written as addresses, and anchors.
Addresses of the network are not looked at.
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


def broken(folder: Path) -> list[str]:
    """Each link of a page below ``folder`` whose file or anchor is missing, as ``page: link``."""
    pages = sorted(folder.rglob('*.html'))
    return [
        f'{page.relative_to(folder)}: {link}'
        for page in pages
        for link in sorted(read(page)[0])
        if not leads_somewhere(page, link)
    ]


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether the file of a link is there, and its anchor in it."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.exists() or not parts.fragment or target.suffix != '.html':
        return target.exists()
    return unquote(parts.fragment) in read(target)[1]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = {'', 'top'}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in ('href', 'src'):
                self.links.add(value)
            elif value and (name == 'id' or (tag == 'a' and name == 'name')):
                self.anchors.add(value)


@cache
def read(page: Path) -> tuple[set[str], set[str]]:
    """Links and anchors of a page."""
    parser = _Page()
    parser.feed(page.read_text(encoding='utf-8'))
    return parser.links, parser.anchors


def main() -> int:
    """Print them; 1 if there are any."""
    found = broken(Path(sys.argv[1]))
    print('\n'.join(found) or 'no link leads nowhere')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
