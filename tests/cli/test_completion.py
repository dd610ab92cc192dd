"""The shell completes commands and options, and torch is not loaded for that."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv.pop(1))
sys.modules['torch'] = sys.modules['mmdet'] = sys.modules['mmengine'] = None
if sys.argv[1] == '--without':
    sys.modules[sys.argv.pop(1) and 'shtab'] = None
from mmssod_command import main
sys.exit(main())
"""


def run(*words):
    command = [sys.executable, '-c', PROGRAM, str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True)


def test_bash_completes_commands_and_options():
    pytest.importorskip('shtab')
    made = run('--print-completion', 'bash')
    assert made.returncode == 0, made.stderr
    ask = """
COMP_WORDS=(mmssod $1 "$2"); COMP_CWORD=${#COMP_WORDS[@]}; COMP_CWORD=$((COMP_CWORD - 1)); COMPREPLY=()
_shtab_mmssod; echo "${COMPREPLY[@]}"
"""

    def complete(before, word):
        done = subprocess.run(
            ['bash', '-c', made.stdout + ask, 'bash', before, word], capture_output=True, text=True
        )
        return done.stdout.split()

    assert complete('', 'ex') == ['export']
    assert complete('export', '--form') == ['--format']
    assert complete('export --format', 'o') == ['onnx']


def test_without_the_package():
    said = run('--without', '--print-completion', 'bash')
    assert said.returncode == 1
    assert "shtab is not installed; fix: pip install 'mmssod[completion]'" in said.stderr
