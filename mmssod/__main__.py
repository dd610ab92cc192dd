"""Runs the ``mmssod`` command as ``python -m mmssod COMMAND ...``, for when the command is not on the path."""

import sys

from mmssod.cli import main

if __name__ == '__main__':
    sys.exit(main())
