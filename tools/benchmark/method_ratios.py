r"""Step time and peak memory of each method, relative to the plain step with an EMA teacher.

For example::

    python tools/benchmark/method_ratios.py --quick
    python tools/benchmark/method_ratios.py --clock cpu --markdown work_dirs/method_ratios.md
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--quick', action='store_true', help='one image of 128 px, 5 rounds')
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME', help='these methods alone')
    parser.add_argument('--clock', choices=['wall', 'cpu'], default='wall', help='as ratios.py')
    parser.add_argument('--device', default='cpu', help='device of the models: cpu or cuda')
    parser.add_argument('--markdown', help='also write the table as a page to this file')
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    from terminaltables import AsciiTable

    from mmssod.analysis.markdown import tables_page
    from speed_ratios import Setting, methods
    from speed_ratios.table import facts

    unknown = sorted(set(args.only) - set(methods.DEMOS))
    if unknown:
        sys.exit(f'--only: expected names among {list(methods.DEMOS)}, got {unknown}')
    setting = Setting(5 if args.quick else 9, args.quick, args.clock, args.device)
    rows = methods.ratio_rows(setting, tuple(args.only or methods.DEMOS))
    print(AsciiTable(rows).table)
    if args.markdown:
        command = f'python tools/benchmark/method_ratios.py {shlex.join(sys.argv[1:])}'.strip()
        tables = {'Steps': rows}
        page = tables_page('Steps of the methods', methods.NOTE, tables, facts(setting, command))
        Path(args.markdown).write_text(page)


if __name__ == '__main__':
    main()
