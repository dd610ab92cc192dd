"""Tables and pages of the documentation, written by tools."""

from collections.abc import Mapping, Sequence


def pipe_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; the first row is its header."""
    head, *body = ['| ' + ' | '.join(row) + ' |' for row in rows]
    return [head, '|' + '---|' * len(rows[0]), *body]


def tables_page(
    title: str,
    note: str,
    tables: Mapping[str, Sequence[Sequence[str]]],
    facts: Mapping[str, str],
) -> str:
    """A page of tables, each under its heading, and of what they were measured with.

    Args:
        title: The page's.
        note: Words on data and detectors; '' for none.
        tables: Rows of text by heading, the first a header.
        facts: As :func:`measured_with`.
    """
    lines = [f'# {title}', '', *([note, ''] if note else [])]
    for heading, rows in tables.items():
        lines += [f'## {heading}', '', *pipe_table(rows), '']
    return '\n'.join([*lines, *measured_with(facts)]) + '\n'


def measured_with(facts: Mapping[str, str]) -> list[str]:
    """Lines of the section that says how a page's figures came about: command, seed, versions, hardware, date."""
    rows = [['what', 'value'], *([name, value] for name, value in facts.items())]
    return ['## Measured with', '', *pipe_table(rows)]
