"""Compare the installed packages with the known vulnerabilities, by pip-audit in an environment of its own.

Exits with 0 when nothing is known but what ``requirements/audit-ignore.txt`` names, with 1 for findings, with 2 when it
could not be done: no network, mostly.
"""

import argparse
import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
IGNORED = ROOT / 'requirements/audit-ignore.txt'
AUDIT = ROOT / '.venv-audit/bin'  # so that the auditor's packages are not among the audited
QUIET = ('--quiet', '--disable-pip-version-check', '--retries', '1', '--timeout', '15')

CLEAN, FINDINGS, NOT_DONE = 0, 1, 2


class NotDone(Exception):
    """The audit could not be made; says why."""


def ignored(file: Path) -> dict[str, str]:
    """Identifier -> date and reason of what is known and accepted.

    Raises:
        ValueError: a line has no identifier, date and reason.
    """
    found = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith('#'):
            continue
        parts = re.fullmatch(r'(\S+)\s+(\d{4}-\d\d-\d\d\s+\S.*)', line)
        if parts is None:
            raise ValueError(
                f'{file}:{number}: expected `IDENTIFIER YYYY-MM-DD reason`, got {line!r}; correct the line'
            )
        found[parts[1]] = parts[2]
    return found


def findings(report: dict) -> list[tuple[list[str], str]]:
    """Identifiers, and a line to read, of each vulnerability in pip-audit's json."""
    return [
        (
            [entry['id'], *entry.get('aliases', ())],
            f'{package["name"]} {package["version"]}: {entry["id"]}, '
            f'fixed in {", ".join(entry["fix_versions"]) or "no version"}',
        )
        for package in report['dependencies']
        for entry in package.get('vulns', ())
    ]


def _called(command: Sequence[str | Path]) -> str:
    """What a command prints; its exit code is 1 both for findings and for errors, so the caller looks at the text."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise NotDone(str(error)) from error
    if done.returncode and not done.stdout.lstrip().startswith('{'):
        raise NotDone((done.stderr.strip().splitlines() or ['no word'])[-1][:300])
    return done.stdout


def audit(folder: Path) -> dict:
    """pip-audit's json of the packages in ``folder``; installs it first.

    Raises:
        NotDone: no network, or another reason.
    """
    program = AUDIT / 'pip-audit'
    if not program.exists():
        _called([sys.executable, '-m', 'venv', AUDIT.parent])
        _called([AUDIT / 'python', '-m', 'pip', 'install', *QUIET, 'pip-audit'])
    options = ('--format=json', '--progress-spinner=off', '--timeout=15', '--skip-editable')
    try:
        return json.loads(_called([program, *options, '--path', folder]))
    except ValueError as error:
        raise NotDone(f'pip-audit printed no json: {error}') from error


def main() -> int:
    """Audit, print, and say by the exit code what came out."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    try:
        accepted = ignored(IGNORED)
        found = findings(audit(Path(sysconfig.get_path('purelib'))))
    except NotDone as error:
        print(f'audit: not done (no network?): {error}')
        return NOT_DONE
    except ValueError as error:
        print(f'audit: not done: {error}')
        return NOT_DONE
    fresh = [line for names, line in found if not accepted.keys() & set(names)]
    for line in fresh:
        print(f'audit: {line}')
    print(f'audit: {len(fresh)} findings, and {len(found) - len(fresh)} that {IGNORED.name} names')
    return FINDINGS if fresh else CLEAN


if __name__ == '__main__':
    sys.exit(main())
