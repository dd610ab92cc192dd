"""Slow tests of the methods that changed since a commit, by default since the one before: ``make test-changed``.

A test belongs to a method where its file names it, as in ``mmssod.methods.ismt`` or ``configs/ismt/demo.py``.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def changed_methods(names: str) -> list[str]:
    """Methods with a file among these, one a line, in their folder or in that of their configs."""
    methods = {file.parent.name for file in (ROOT / 'mmssod/methods').glob('*/__init__.py')}
    folders = re.findall(r'^(?:mmssod/methods|configs)/(\w+)/', names, re.M)
    return sorted(methods.intersection(folders))


def slow_tests(method: str) -> list[str]:
    """Files with slow tests that name a method."""
    named = re.compile(rf'methods\.{method}\b|\b{method}/')
    texts = {str(file): file.read_text() for file in sorted((ROOT / 'tests').rglob('test_*.py'))}
    return [file for file, text in texts.items() if 'mark.slow' in text and named.search(text)]


if __name__ == '__main__':
    diff = ['git', 'diff', '--name-only', *(sys.argv[1:] or ['HEAD^'])]
    changed = changed_methods(subprocess.check_output(diff, cwd=ROOT, text=True))
    files = sorted({file for method in changed for file in slow_tests(method)})
    print(f'methods that changed: {", ".join(changed) or "none"}; {len(files)} files of slow tests')
    if files:
        sys.exit(subprocess.call([sys.executable, '-m', 'pytest', '-m', 'slow', *files], cwd=ROOT))
