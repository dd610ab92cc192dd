"""``mmssod label`` as a script: ``python tools/label.py --help``."""

import sys

from mmssod.cli import run_tool

if __name__ == '__main__':
    sys.exit(run_tool('label'))
