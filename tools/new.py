"""``mmssod new`` as a script: ``python tools/new.py --help``."""

import sys

from mmssod.cli import run_tool

if __name__ == '__main__':
    sys.exit(run_tool('new'))
