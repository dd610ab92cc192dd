"""Files that are not what a command hopes for: an error in a line, or the rest is used; nothing is wrong in silence."""

import io
import json
import os
import shutil
from types import SimpleNamespace

import pytest
import torch

from mmssod.cli import main
from mmssod.own_data.judging import _allowed
from mmssod.own_data.run.candidates import read_candidates

COMMANDS = {
    'infer': '{config} {checkpoint} {run}/val --out {out}/found',
    'label': '{config} {checkpoint} --out {out}/labels.json',
    'label --format voc': '{config} {checkpoint} --format voc --out {out}/voc',
    'export': '{config} {checkpoint} --out {out}/detector',
    'browse': '{config} --checkpoint {checkpoint} --number 1 --out {out}/views',
    'test': '{config} {checkpoint} --work-dir {out}',
}


def call(command, run, checkpoint, out):
    places = dict(run=run, config=f'{run}/config.py', checkpoint=checkpoint, out=out)
    return main([command.split()[0], *COMMANDS[command].format(**places).split()])


@pytest.mark.parametrize('command', COMMANDS)
def test_weights_of_nan_predict_nothing_and_say_so(run_folder, tmp_path, capsys, command):
    content = torch.load(run_folder / 'iter_1.pth', weights_only=False)
    for name, value in content['state_dict'].items():
        if name.endswith('fc_cls.weight'):
            value.fill_(float('nan'))
    torch.save(content, tmp_path / 'nan.pth')
    assert call(command, run_folder, tmp_path / 'nan.pth', tmp_path) == 1
    assert 'NaN or infinity' in capsys.readouterr().err
    assert not (tmp_path / 'labels.json').exists() and not (tmp_path / 'detector.pth').exists()


@pytest.mark.parametrize('command', COMMANDS)
def test_a_text_is_no_checkpoint_and_no_danger(run_folder, tmp_path, capsys, command):
    (tmp_path / 'a.json').write_text('{}')
    assert call(command, run_folder, tmp_path / 'a.json', tmp_path) == 1
    said = capsys.readouterr().err
    assert 'not a file of torch.save' in said and '--trust-checkpoint' not in said


@pytest.mark.parametrize('closed', ['reader', 'stdout'])
def test_results_outlive_whoever_reads_the_output(run_folder, tmp_path, monkeypatch, closed):
    """``mmssod label ... | head`` and ``>&-``."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = io.TextIOWrapper(os.fdopen(writer, 'wb'), line_buffering=True)
    monkeypatch.setattr('sys.stdout', stream if closed == 'reader' else None)
    assert call('label', run_folder, run_folder / 'iter_1.pth', tmp_path) == 0
    assert json.loads((tmp_path / 'labels.json').read_text())['images']


def test_a_report_of_names_that_are_not_utf8(run_folder, tmp_path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b'/o\xff')
    shutil.copytree(run_folder, f'{odd}/run')
    small = ['--sample', '1', '--pictures', '1']
    assert main(['report', f'{odd}/run', '--out', f'{odd}/page.html', *small]) == 0
    assert 'o\\udcff' in open(f'{odd}/page.html', encoding='utf-8').read()


@pytest.mark.parametrize('limit', ['9', '1e999', '[]', '{}', '"x"', 'null', '[' * 99_999])
def test_an_edited_note_of_an_early_end(tmp_path, limit):
    (tmp_path / 'stopped_early.json').write_text(f'{{"max_iters": {limit}}}')
    expected = 9 if limit == '9' else 4
    assert _allowed(SimpleNamespace(folder=tmp_path, iterations=4)) == expected


@pytest.mark.parametrize('names', [7, 'ab', {'a': 1}, ['../b', 7, {}, None, '/tmp', '.', 'a']])
def test_candidates_lie_in_their_project(tmp_path, names):
    for folder in ('project/a', 'b'):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'project/candidates.json').write_text(json.dumps(dict(detectors=names)))
    assert read_candidates(tmp_path / 'project') == (['a'] if isinstance(names, list) else [])
