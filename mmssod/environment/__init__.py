"""What is installed: the check at import, and the report that is stored with results.

``python -m mmssod.environment`` prints the report.
"""

from mmssod.environment.check import (
    EnvironmentProblem,
    Installation,
    check,
    find_problems,
    installed_stack,
)
from mmssod.environment.report import collect, format_report

__all__ = [
    'EnvironmentProblem',
    'Installation',
    'check',
    'collect',
    'find_problems',
    'format_report',
    'installed_stack',
]
