"""Speed ratios measured side by side: ours against mmdet's (or pycocotools'), each with a required value.

A group of ratios is a file with ``ROWS``; :data:`ROWS` here is the table.
"""

from speed_ratios import (
    bank,
    bank_memory,
    bank_predict,
    data,
    evaluation,
    one_stage,
    parts,
    resume,
    steps,
)
from speed_ratios.rows import Measured, Row, Setting, in_turns
from speed_ratios.switches import switch_tables
from speed_ratios.table import Result, choose, measure_rows, page, reasons, table

# In the order of the bars in the issue tracker.
ROWS = (
    *bank.ROWS,
    *steps.ROWS,
    *one_stage.ROWS,
    *bank_memory.ROWS,
    *parts.ROWS,
    *data.ROWS,
    *evaluation.ROWS,
    *resume.ROWS,
    *bank_predict.ROWS,
)

__all__ = [
    'ROWS',
    'Measured',
    'Result',
    'Row',
    'Setting',
    'choose',
    'in_turns',
    'measure_rows',
    'page',
    'reasons',
    'switch_tables',
    'table',
]
