"""The fault campaign: what it does to training runs, and how they end, as a page and as JSON.

``python tests/faults/campaign.py --out docs/results/faults.md``; ``--short`` tries every part in little time.
Exits with 1 if a part did not pass.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import kills
import refusals
import soak
import torch
import world

from mmssod import environment
from mmssod.analysis.markdown import measured_with, pipe_table

NOTE = """Runs are killed, robbed of a process or a data worker, told to end, and fed with files that want to harm.
Each must end bit by bit as one that was left alone (weights, statistics, teacher, optimizer, schedule, class balance),
or refuse.
`make faults` runs it and writes this page; how each fault is met is in [reliability](../reliability.md)."""


def parts(short: bool) -> dict[str, Callable[[Path], dict]]:
    """Name -> what is done, in a folder of its own."""
    return {
        'SIGKILL at random moments, one process': lambda f: kills.kill_one_process(
            f, 2 if short else 24
        ),
        'SIGKILL of one of two processes': lambda f: kills.kill_one_of_two(f, 1 if short else 8),
        'torchrun: one of two killed': lambda f: world.torchrun_restarts(f, 40 if short else 500),
        'a data worker killed': world.worker_killed,
        'SIGTERM at random moments': lambda f: world.sigterm(f, 2 if short else 8),
        'the clock jumps by days': world.clock_jumps,
        'soak': lambda f: soak.soak(f, 40 if short else 2000),
        'a malicious checkpoint': refusals.malicious_checkpoint,
        'paths out of the data': refusals.traversal,
        'annotations that are a bomb': refusals.bombs,
    }


def run(root: Path, chosen: dict[str, Callable[[Path], dict]]) -> dict[str, dict]:
    """Run the parts one after the other; what each found, with its seconds."""
    results = {}
    for number, (name, part) in enumerate(chosen.items()):
        folder = root / str(number)
        folder.mkdir()
        began = time.monotonic()
        try:
            result = part(folder)
        except Exception as error:  # the other parts are worth running
            result = dict(error=f'{type(error).__name__}: {error}'[-1000:], passed=False)
        result['seconds_of_part'] = round(time.monotonic() - began, 1)
        results[name] = result
        print(f'{"passed" if result["passed"] else "FAILED"}  {name}: {result}', flush=True)
    return results


def page(results: dict[str, dict], command: str) -> str:
    """The results as a page of the docs."""
    rows = [('fault', 'passed', 'what was seen')]
    for name, result in results.items():
        seen = '; '.join(
            f'{key.replace("_", " ")}: {_text(value)}'
            for key, value in result.items()
            if key != 'passed' and value != []
        )
        rows.append((name, 'yes' if result['passed'] else '**no**', seen))
    facts = {'command': f'`{command}`', 'date': str(date.today()), **environment.collect()}
    lines = ['# Fault campaign', '', NOTE, '', *pipe_table(rows), '', *measured_with(facts)]
    return '\n'.join(lines) + '\n'


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace('|', '\\|').replace('\n', ' ')


def main() -> int:
    """Run it all, or the parts whose names hold a word."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, help='page to write, and a json beside it')
    parser.add_argument('--short', action='store_true', help='every part, in little')
    parser.add_argument('--only', default='', help='parts whose name holds this')
    parser.add_argument('--keep', type=Path, help='folder that the runs are kept in')
    args = parser.parse_args()
    torch.set_num_threads(1)
    chosen = {name: part for name, part in parts(args.short).items() if args.only in name}
    root = args.keep or Path(tempfile.mkdtemp(prefix='mmssod_faults_'))
    root.mkdir(parents=True, exist_ok=True)
    results = run(root, chosen)
    if not args.keep:
        shutil.rmtree(root, ignore_errors=True)
    if args.out:
        command = ' '.join(['python', *sys.argv])
        args.out.write_text(page(results, command))
        args.out.with_suffix('.json').write_text(json.dumps(results, indent=1) + '\n')
    return 0 if results and all(result['passed'] for result in results.values()) else 1


if __name__ == '__main__':
    sys.exit(main())
