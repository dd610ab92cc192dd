"""The fault campaign: what it does to training runs, and how they end, as a page and as JSON.

``python tests/faults/campaign.py --out docs/results/faults.md``; ``--short`` tries every part in little time.
What a part found is kept (``work_dirs/faults``): a campaign that was cut goes on with the parts that are left, and
those that did not pass. Exits with 1 if a part did not pass.
"""

import argparse
import json
import re
import shutil
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import bad_rows
import bank_faults
import folders
import full_disk
import kills
import refusals
import soak
import torch
import world

from mmssod import environment
from mmssod.analysis.markdown import measured_with, pipe_table
from mmssod.environment.whole_files import write_whole

ROOT = Path('work_dirs/faults').absolute()
LEAST_KILLS = 60

NOTE = """Runs are killed, robbed of a process, a data worker, the clock or room on the disk, told to end, copied, and
fed with files that want to harm. Each must end bit by bit as one that was left alone (weights, statistics, teacher,
optimizer, schedule, class balance), or refuse; a part passes only where its fault took place.
`make faults` runs it and writes this page; how each fault is met is in [reliability](../reliability.md). A part that
has passed is kept until `--anew`, so each row tells its date.

What is trained is small, so that many runs fit into minutes. The kills of one process and the soak take the shipped
runtime and pipelines with a tiny detector (a ResNet-18 of 8 channels, images of 64 px, one labeled and one unlabeled a
batch). The kills of two processes, the 500 iterations under torchrun, signals, folders and the clock take a regressor
of a few weights, which has no images and all else that is hard to resume: dropout, a teacher with batch norms, class
statistics, momentum, a schedule. The soak has 2000 iterations of a process and a data worker; its growth is that of
the median memory from the second quarter to the last, so what fills up in the first is left out. A full disk is one of
64 MB in memory: each writer is called on it empty, full, and with room again; what was there must not change."""


def parts(short: bool) -> dict[str, Callable[[Path], dict]]:
    """Name -> what is done, in a folder of its own."""
    return {
        'SIGKILL at random moments, one process': lambda f: kills.kill_one_process(
            f, 2 if short else 24
        ),
        'SIGKILL of one of two processes': lambda f: kills.kill_one_of_two(f, 1 if short else 8),
        'torchrun: one of two killed': lambda f: world.torchrun_restarts(f, 40 if short else 500),
        'a data worker killed': world.worker_killed,
        "SIGTERM, twice, for torchrun's agent": world.torchrun_told,
        'SIGTERM at random moments': lambda f: world.sigterm(f, 2 if short else 8),
        'a copied work directory, resumed': lambda f: folders.copied(f, 2 if short else 6),
        'a folder used again, killed early': lambda f: folders.used_again(f, 2 if short else 8),
        'two runs in one folder at once': lambda f: folders.two_at_once(f, 1 if short else 3),
        'the clock jumps by days': world.clock_jumps,
        'the clock is set back between two starts': folders.clock_set_back,
        'little shared memory': folders.little_shared_memory,
        'a full disk, every writer': lambda f: full_disk.full_disk(f, 'label' if short else ''),
        'SIGKILL of a label bank': lambda f: bank_faults.killed(f, 1 if short else 4),
        'power loss under a label bank': lambda f: bank_faults.power_loss(f, 8 if short else 200),
        'soak': lambda f: soak.soak(f, 40 if short else 2000),
        'bad input, every row of the table': lambda f: bad_rows.every_row(
            f, 'Checkpoints' if short else ''
        ),
        'a malicious checkpoint': refusals.malicious_checkpoint,
        'paths out of the data': refusals.traversal,
        'annotations that are a bomb': refusals.bombs,
    }


def run(root: Path, chosen: dict[str, Callable[[Path], dict]]) -> dict[str, dict]:
    """Run the parts one after the other, but those that passed before; what each found, with its seconds."""
    results = {}
    for name, part in chosen.items():
        slug = re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')
        folder, kept = root / slug, root / f'{slug}.json'
        if kept.exists() and json.loads(kept.read_text())['passed']:
            results[name] = json.loads(kept.read_text())
            print(f'kept    {name}: {results[name]}', flush=True)
            continue
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        began = time.monotonic()
        try:
            result = part(folder)
        except Exception as error:  # the other parts are worth running
            result = dict(error=f'{type(error).__name__}: {error}'[-1000:], passed=False)
        result['seconds_of_part'] = round(time.monotonic() - began, 1)
        result['date'] = str(date.today())
        write_whole(kept, json.dumps(result).encode())
        if result['passed']:
            # of the others, logs and checkpoints tell why
            shutil.rmtree(folder, ignore_errors=True)
        results[name] = result
        print(f'{"passed" if result["passed"] else "FAILED"}  {name}: {result}', flush=True)
    return results


def kills_in_all(results: dict[str, dict]) -> dict:
    """The row that sums the SIGKILLs of all parts, which must be as many as the campaign is for."""
    kills = sum(result.get('kills', 0) for result in results.values())
    return dict(kills=kills, at_least=LEAST_KILLS, passed=kills >= LEAST_KILLS)


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
    parser.add_argument('--anew', action='store_true', help='forget what finished parts found')
    args = parser.parse_args()
    torch.set_num_threads(1)
    chosen = {name: part for name, part in parts(args.short).items() if args.only in name}
    root = ROOT / ('short' if args.short else 'full')
    if args.anew:
        shutil.rmtree(root, ignore_errors=True)
    results = run(root, chosen)
    if not args.short and not args.only:
        results['kills in all'] = kills_in_all(results)
    if args.out:
        here = f'{Path.cwd()}/'  # paths of a machine are of no use to others
        results = json.loads(json.dumps(results).replace(here, ''))
        command = ' '.join(['python', *sys.argv])
        args.out.write_text(page(results, command))
        args.out.with_suffix('.json').write_text(json.dumps(results, indent=1) + '\n')
    return 0 if results and all(result['passed'] for result in results.values()) else 1


if __name__ == '__main__':
    sys.exit(main())
