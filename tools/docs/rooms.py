"""Size of each package at some commits, as a table: files, lines, and code without docstrings and blank lines.

For example::

    python tools/docs/rooms.py 67b819e HEAD
"""

import argparse
import ast
import io
import subprocess
import tarfile
from collections import defaultdict
from pathlib import PurePosixPath

from mmssod.analysis.markdown import pipe_table

FOLDERS = ('mmssod', 'tests', 'tools')


def count(commit: str) -> dict[str, tuple[int, int, int]]:
    """Files, lines and lines of code by room; the rooms of ``mmssod`` are its folders."""
    command = ['git', 'archive', commit, *FOLDERS]
    packed = io.BytesIO(subprocess.check_output(command))
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    with tarfile.open(fileobj=packed) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            file = archive.extractfile(member)
            if path.suffix != '.py' or file is None:
                continue
            text = file.read().decode()
            names = [path.parts[0]]
            if path.parts[0] == 'mmssod' and len(path.parts) > 2:
                names.append(f'- {path.parts[1]}')
            for name in names:
                for place, number in enumerate((1, text.count('\n'), code_lines(text))):
                    rooms[name][place] += number
    return {name: (files, lines, code) for name, (files, lines, code) in rooms.items()}


def code_lines(text: str) -> int:
    """Lines that are neither blank nor a comment nor part of a docstring."""
    doc: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            doc.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(
        bool(line.strip()) and not line.lstrip().startswith('#') and number not in doc
        for number, line in lines
    )


def _of_the_package(room: str) -> tuple[bool, str]:
    return room in FOLDERS[1:], room.replace('mmssod', '')


def main() -> None:
    """Count, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('commits', nargs='+')
    commits = parser.parse_args().commits
    counted = {commit: count(commit) for commit in commits}
    rooms = sorted({room for one in counted.values() for room in one}, key=_of_the_package)
    rows = [['room', *(f'{commit}: files, lines, code' for commit in commits)]]
    for room in rooms:
        found = [one.get(room) for one in counted.values()]
        rows.append([room, *(', '.join(map(str, three)) if three else '' for three in found)])
    print('\n'.join(pipe_table(rows)))


if __name__ == '__main__':
    main()
