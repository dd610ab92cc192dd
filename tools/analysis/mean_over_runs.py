r"""Mean and deviation over runs of one config, such as the five folds of a row of Table 2.

For example::

    python tools/analysis/mean_over_runs.py work_dirs/student_coco_partial_*@2
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / 'benchmark'))


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dirs', nargs='+', help='work directories of the runs')
    parser.add_argument('--markdown', help='also write the table to this file')
    return parser.parse_args()


def main() -> None:
    """Read each run's last evaluation, print the table."""
    args = parse_args()
    from terminaltables import AsciiTable

    from matrix_runs.runs import last_evaluation
    from matrix_runs.tables import mean_table
    from mmssod.analysis.markdown import pipe_table

    rows = mean_table({folder: last_evaluation(Path(folder)) for folder in args.work_dirs})
    print(AsciiTable(rows).table)
    if args.markdown:
        Path(args.markdown).write_text('\n'.join(pipe_table(rows)) + '\n')


if __name__ == '__main__':
    main()
