"""Tells the training process which images the data workers skipped."""

import json
import os
import tempfile
import uuid
import weakref


class SkippedImages:
    """A list of skipped images that all workers of a data set write and its owner reads.

    It is a temporary file of json lines, made with the first image: workers are forked, or started anew from a copy of
    the data set, before anybody could hand them a channel. Removed with the object that made it.
    """

    def __init__(self) -> None:
        name = f'mmssod_skipped_{os.getpid()}_{uuid.uuid4().hex}.jsonl'
        self.path = os.path.join(tempfile.gettempdir(), name)
        weakref.finalize(self, _remove, self.path, os.getpid())

    def add(self, path: str, reason: str) -> None:
        """Note an image; several processes may at once, a line is written in one call."""
        line = json.dumps([path, reason]).encode() + b'\n'
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def read(self) -> dict[str, str]:
        """Path and reason of all images that were skipped, each once, in the order in which they were met."""
        try:
            with open(self.path, encoding='utf-8') as stream:
                return dict(json.loads(line) for line in stream if line.endswith('\n'))
        except FileNotFoundError:
            return {}


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner and os.path.exists(path):
        os.remove(path)
