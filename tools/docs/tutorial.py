"""Runs the tutorial from scratch and writes its real output into the page.

::

    python tools/docs/tutorial.py

runs each command of the `shell` blocks of ``docs/tutorial.md``, in their order, in the repository. Where a block is
followed by ``<!-- output -->``, the `text` block after it becomes what its commands printed; ``<!-- output: REGEX -->``
keeps the lines in which the pattern is found. After ``<!-- times -->`` comes a table of what each command took. At the
end come the pictures of the page, in ``docs/images``. What ran is noted in ``work_dirs/cells.tutorial``: a second call
goes on after the last command that ended well, and a training that was cut off resumes. ``--fresh`` begins anew.

A try takes minutes and leaves the page alone: ``--iterations 2 --page work_dirs/try.md --images work_dirs/try_images``.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from textwrap import shorten, wrap

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs/tutorial.md'
WORK = ROOT / 'work_dirs/cells'
PROJECTS = (WORK, ROOT / 'work_dirs/aquarium')
NOTES = ROOT / 'work_dirs/cells.tutorial'
WIDTH = 116  # of a line of output
MOST_LINES = 50
# A block of commands, and perhaps where their output goes: commands, marker, pattern.
BLOCK = re.compile(
    r'```shell\n(?P<commands>.*?)```\n'
    r'(?:\n(?P<marker><!-- output(?:: (?P<keep>.*?))? -->)\n(?:```text\n.*?```\n)?)?',
    re.S,
)
TIMES = re.compile(r'<!-- times -->\n(?:\n\|.*?\n(?=\n))?', re.S)
LOG_PREFIX = re.compile(r'^\d\d/\d\d \d\d:\d\d:\d\d - \w+ - (?:INFO - )?')
ESCAPES = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]')


@dataclass(frozen=True)
class Step:
    """One command that ended well.

    Args:
        command: As the page has it.
        output: What it printed.
        seconds: How long it took, in the call that ended it.
        date: When, such as ``2026-12-01``.
    """

    command: str
    output: str
    seconds: float = 0.0
    date: str = ''


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--iterations',
        type=int,
        help='of teacher and student, instead of what `mmssod new` chooses',
    )
    parser.add_argument('--page', type=Path, default=PAGE, help='file to write (%(default)s)')
    parser.add_argument(
        '--images',
        type=Path,
        default=ROOT / 'docs/images',
        help='folder of its pictures (%(default)s)',
    )
    parser.add_argument('--fresh', action='store_true', help='delete what an earlier call left')
    return parser.parse_args()


def page_text(iterations: int | None) -> str:
    """The page as it is, or with another length of training."""
    text = PAGE.read_text(encoding='utf-8')
    if iterations is None:
        return text
    return re.sub(
        r'(--out work_dirs/\w+)\n(?=```|mmssod run)', rf'\1 --iterations {iterations}\n', text
    )


def commands(block: str) -> list[str]:
    """The commands of a block, continued lines joined, without comments."""
    lines = re.sub(r'\\\n\s*', '', block).splitlines()
    return [line.split(' #')[0].strip() for line in lines if line.strip() and line[0] != '#']


def clean(output: str, keep: str = '') -> str:
    """What a reader wants of an output: no colors, no times of the log, no paths of this machine, no long lines.

    Args:
        output: As printed.
        keep: Pattern of the lines that stay; '' for all.
    """
    lines = []
    for line in ESCAPES.sub('', output).splitlines():
        line = LOG_PREFIX.sub('', line).replace(f'{ROOT}/', '').rstrip()
        if re.search(keep, line):
            lines += wrap(line, WIDTH, subsequent_indent='    ') or ['']
    if len(lines) > MOST_LINES:
        middle = f'... {len(lines) - MOST_LINES} lines ...'
        lines = [*lines[: MOST_LINES // 2], middle, *lines[-MOST_LINES // 2 :]]
    return '\n'.join(lines).strip('\n')


def run(command: str) -> str:
    """Run one command and show what it prints.

    Raises:
        SystemExit: It failed; the next call begins with it.
    """
    words = shlex.split(command)
    call = command
    for name, instead in (('mmssod', '-m mmssod'), ('python', '')):
        if words[0] == name:
            call = f'{shlex.quote(sys.executable)} {instead} {command.removeprefix(name)}'
    print(f'$ {command}', flush=True)
    lines = []
    process = subprocess.Popen(
        call, shell=True, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end='', flush=True)
        lines.append(line)
    if process.wait():
        raise SystemExit(f'status {process.returncode} of: {command}\nmend it and call again')
    return ''.join(lines)


def run_all(text: str) -> list[Step]:
    """Run the commands of the page, those that an earlier call has done left out."""
    done = [Step(**step) for step in json.loads(NOTES.read_text())] if NOTES.is_file() else []
    steps: list[Step] = []
    for match in BLOCK.finditer(text):
        for command in commands(match['commands']):
            place = len(steps)
            if place < len(done) and done[place].command == command:
                steps.append(done[place])
                continue
            done = done[:place]  # what comes after another command is another output
            begun = time.monotonic()
            output = run(command)
            seconds = time.monotonic() - begun
            steps.append(Step(command, output, seconds, date.today().isoformat()))
            NOTES.parent.mkdir(parents=True, exist_ok=True)
            NOTES.write_text(json.dumps([asdict(step) for step in steps], indent=1))
    return steps


def times(steps: list[Step]) -> str:
    """A table of the commands of at least a second; one of more than a line's width is cut."""
    rows = [
        f'| `{shorten(step.command, 60, placeholder=" ...")}` | {step.seconds:.0f} | {step.date} |'
        for step in steps
        if step.seconds >= 1
    ]
    return '\n'.join(['| command | seconds | date |', '|---|---|---|', *rows])


def with_outputs(text: str, steps: list[Step]) -> str:
    """The page with the outputs and the times in their places."""
    left = iter(steps)

    def block(match: re.Match[str]) -> str:
        outputs = [next(left).output for _ in commands(match['commands'])]
        whole = f'```shell\n{match["commands"]}```\n'
        if not match['marker']:
            return whole
        shown = clean('\n'.join(outputs), match['keep'] or '')
        return f'{whole}\n{match["marker"]}\n```text\n{shown}\n```\n'

    table = f'<!-- times -->\n\n{times(steps)}\n'
    return TIMES.sub(lambda _: table, BLOCK.sub(block, text))


def pictures(folder: Path) -> None:
    """The pictures of the page: views of an unlabeled image, what was found in one, the report."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for name, pattern in (('views', 'views/unlabeled_*'), ('found', 'found/**/*.jpg')):
        file = next(iter(sorted(WORK.glob(pattern))), None)
        if file is None:
            print(f'{name}: expected a picture {WORK / pattern}, found none; left out')
            continue
        image = Image.open(file).convert('RGB')
        image.thumbnail((1200, 1200))
        image.save(folder / f'{name}.webp', quality=80)
    script = str(ROOT / 'tools/docs/screenshots.py')
    subprocess.run([sys.executable, script, str(WORK / 'report.html'), str(folder)], check=False)


def main() -> None:
    """Run, write."""
    args = parse_args()
    if args.fresh:
        NOTES.unlink(missing_ok=True)
        for project in PROJECTS:
            shutil.rmtree(project, ignore_errors=True)
    text = page_text(args.iterations)
    text = with_outputs(text, run_all(text))
    args.page.parent.mkdir(parents=True, exist_ok=True)
    args.page.write_text(text, encoding='utf-8')
    pictures(args.images)
    print(f'{args.page}; pictures: {args.images}')


if __name__ == '__main__':
    main()
