"""Changes single values in a project's configs and leaves the rest of the text unchanged."""

from __future__ import annotations

import ast
from pathlib import Path

from mmssod.environment.errors import InputError


def expression(file: Path, name: str) -> str | None:
    """Source text that a config assigns to a name; None if it does not, or assigns several names at once.

    Raises:
        ValueError: The config is no Python.
    """
    text = file.read_text(encoding='utf-8')
    node = _assigned(file, text, name)
    return None if node is None else ast.get_source_segment(text, node)


def changed(file: Path, name: str, value: str) -> str:
    """The text of a config in which a name has another value; one that it does not assign is assigned at its end.

    Args:
        file: Config file.
        name: Name of the variable.
        value: An expression.

    Raises:
        ValueError: The config is no Python.
    """
    text = file.read_text(encoding='utf-8')
    node = _assigned(file, text, name)
    if node is None:
        return f'{text.rstrip()}\n{name} = {value}\n'
    lines = text.splitlines(keepends=True)
    places = ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
    starts = [len(''.join(lines[: row - 1]).encode()) + column for row, column in places]
    content = text.encode()
    return (content[: starts[0]] + value.encode() + content[starts[1] :]).decode()


def _assigned(file: Path, text: str, name: str) -> ast.expr | None:
    """The last expression that a name gets."""
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise InputError(f'{file}: expected a config in Python, got: {error}') from error
    found = None
    for line in body:
        if not isinstance(line, ast.Assign):
            continue
        target, value = line.targets[0], line.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=False))
        else:
            pairs = [(target, value)]
        found = next((v for t, v in pairs if isinstance(t, ast.Name) and t.id == name), found)
    return found
