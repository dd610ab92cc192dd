"""Tables and pages of the documentation, written by tools."""

from collections.abc import Mapping, Sequence


def pipe_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; the first row is its header."""
    head, *body = ['| ' + ' | '.join(row) + ' |' for row in rows]
    return [head, '|' + '---|' * len(rows[0]), *body]


def measured_with(facts: Mapping[str, str]) -> list[str]:
    """Lines of the section that says how a page's figures came about: command, seed, versions, hardware, date."""
    rows = [['what', 'value'], *([name, value] for name, value in facts.items())]
    return ['## Measured with', '', *pipe_table(rows)]
