"""``mmssod next`` as a script: ``python tools/next.py --help``."""

import sys

from mmssod.cli import run_tool

if __name__ == '__main__':
    sys.exit(run_tool('next'))
