"""A method has at most 250 lines of its own code, or its README says why."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

METHODS = sorted(
    path for path in Path('mmssod/methods').iterdir() if (path / '__init__.py').exists()
)


def code_lines(source):
    """Lines with code on them: no blank ones, comments or docstrings."""
    docs = set()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, 'body', None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            text = body[0].value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                docs |= set(range(text.lineno, text.end_lineno + 1))
    skipped = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {n for t in tokens if t.type not in skipped for n in range(t.start[0], t.end[0] + 1)}
    return len(lines - docs)


def test_lines_by_hand():
    assert (
        code_lines(
            '"""Doc.\n\nMore."""\n\n# no\nx = (\n    1,\n)\n\ndef f():\n    """Doc."""\n    return 1\n'
        )
        == 5
    )


@pytest.mark.parametrize('folder', METHODS, ids=lambda folder: folder.name)
def test_a_long_method_says_why(folder):
    lines = sum(code_lines(file.read_text()) for file in folder.glob('*.py'))
    if lines > 250:
        readme = Path('configs', folder.name, 'README.md').read_text()
        assert 'lines of code' in readme, f'{folder.name}: {lines} lines'
