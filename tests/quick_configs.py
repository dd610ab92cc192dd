"""Configs are written without yapf, which takes most of a tiny run's time: mmengine formats six times a run.

Importing this is enough. The text stays the same Python, in longer lines.
"""

from yapf.yapflib import yapf_api


def _unformatted(text: str, **_: object) -> tuple[str, bool]:
    return text, False


yapf_api.FormatCode = _unformatted  # mmengine imports it when it formats
