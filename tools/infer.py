"""``mmssod infer`` as a script: ``python tools/infer.py --help``."""

import sys

from mmssod.cli import run_tool

if __name__ == '__main__':
    sys.exit(run_tool('infer'))
