r"""Speed ratios, both sides measured in one run; exits 1 when one misses its required value.

A ratio that cannot be measured here does not meet its bar, either, unless --allow-absent is given.

For example::

    python tools/benchmark/ratios.py --quick
    python tools/benchmark/ratios.py --switches --markdown docs/results/ratios.md
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
    parser.add_argument('--quick', action='store_true', help='small work: all within a minute')
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME', help='these ratios alone')
    parser.add_argument('--rounds', type=int, default=0, help='at least 5; default: 5 quick, 9')
    parser.add_argument(
        '--clock',
        choices=['wall', 'cpu'],
        default='wall',
        help="cpu: this process's CPU time, for a machine that others use too (CPU only)",
    )
    parser.add_argument('--device', default='cpu', help='device of the models: cpu or cuda')
    parser.add_argument(
        '--switches', action='store_true', help='also what each switch gains on a training step'
    )
    parser.add_argument(
        '--allow-absent', action='store_true', help='ratios that cannot be measured are no failure'
    )
    parser.add_argument('--markdown', help='also write the results as a page to this file')
    return parser.parse_args()


def main() -> None:
    """Measure, print, exit 1 when a bar is not met."""
    args = parse_args()
    from terminaltables import AsciiTable

    import speed_ratios as ratios

    setting = ratios.Setting(
        rounds=args.rounds or (5 if args.quick else 9),
        quick=args.quick,
        clock=args.clock,
        device=args.device,
    )
    rows = ratios.choose(ratios.ROWS, args.only, args.quick)
    results = ratios.measure_rows(rows, setting)
    tables = {'Bars': ratios.table(results)}
    short = [result.row.name for result in results if result.falls_short]
    absent = [result.row.name for result in results if result.absent]
    if short:
        tables['Bars that are missed'] = ratios.reasons(results)
    if args.switches:
        tables |= ratios.switch_tables(setting)
    for title, found in tables.items():
        print(f'\n{title}\n{AsciiTable(found).table}')
    if args.markdown:
        command = f'python tools/benchmark/ratios.py {shlex.join(sys.argv[1:])}'.strip()
        Path(args.markdown).write_text(ratios.page(tables, setting, command, args.only))
    if short:
        print(f'misses its bar: {", ".join(short)}')
    if absent:
        print(f'not measured: {", ".join(absent)}')
    if short or (absent and not args.allow_absent):
        sys.exit(1)


if __name__ == '__main__':
    main()
