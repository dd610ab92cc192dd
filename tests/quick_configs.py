"""Configs are written without yapf, which takes most of a tiny run's time: mmengine formats six times a run.

Importing this is enough. The text stays the same Python, in longer lines.
"""

from mmengine.config import config


def _unformatted(text: str, **_: object) -> tuple[str, bool]:
    return text, False


config.FormatCode = _unformatted
