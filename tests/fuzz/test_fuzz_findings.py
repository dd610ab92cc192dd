"""One input of each kind that the fuzzer found, with the default tests; logs are in tests/analysis."""

import json
from pathlib import Path

import pytest
import torch
from builders.banks import bank, image
from mmengine.runner import CheckpointLoader

from mmssod.analysis.class_balance import class_balance
from mmssod.analysis.report.runs import last_checkpoint
from mmssod.datasets import UnlabeledDataset
from mmssod.datasets.annotation_files import impossible
from mmssod.label_bank import BankError, LabelBankFiles


@pytest.mark.parametrize('spoil', [
    lambda content: b'.' + content,
    lambda content: b'QK' + content[2:],
    lambda content: content[:-1],
    lambda content: content.replace(b'state_dict', b'state\xb9dict'),
    lambda content: b'\x80\x02' + content,
])  # fmt: skip
def test_a_damaged_checkpoint_is_called_so(tmp_path, spoil):
    file = tmp_path / 'a.pth'
    torch.save(dict(state_dict={'a.weight': torch.zeros(2)}), file)
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(ValueError, match=r'a\.pth: expected '):
        CheckpointLoader.load_checkpoint(str(file), map_location='cpu')


@pytest.mark.parametrize(('name', 'is_impossible'), [
    ('a.jpg', False), ('\u00e9/\U0001f600.jpg', False), ('\udcff.jpg', False),  # a byte of a name that is no UTF-8
    ('', True), ('a\0.jpg', True), ('\ud800.jpg', True),
])  # fmt: skip
def test_names_that_a_file_can_have(name, is_impossible):
    assert impossible(name) is is_impossible


@pytest.mark.parametrize('name', ['a\0b.jpg', '\ud800.jpg'])
def test_a_list_with_an_impossible_name(tmp_path, name):
    Path(tmp_path, 'pool.json').write_text(json.dumps(dict(images=[dict(id=0, file_name=name)])))
    with pytest.raises(ValueError, match=r'pool\.json.*expected names that a file can have, got'):
        UnlabeledDataset(str(tmp_path / 'pool.json'), pipeline=[])


@pytest.mark.parametrize('header', [b"{'shape':5,), }\n", b'\0\0\n', b'((((\n'])
def test_an_index_of_a_bank_with_a_damaged_header(tmp_path, header):
    bank(tmp_path, [image(number) for number in range(5)])
    file = tmp_path / 'rows.npy'
    content = file.read_bytes()
    file.write_bytes(content[:10] + header.rjust(118) + content[128:])
    with pytest.raises(BankError, match=r'rows\.npy'):
        LabelBankFiles(tmp_path)


@pytest.mark.parametrize(
    'line', ['{}', '[]', '{"classes": ["a"]}', '{"classes": ["a"], "labeled_boxes": [1]}']
)
def test_class_balance_without_what_it_needs(tmp_path, line):
    (tmp_path / 'class_balance.jsonl').write_text(line + '\n')
    with pytest.raises(ValueError, match='class balance: expected'):
        class_balance(tmp_path)


def test_a_note_of_the_last_checkpoint_that_is_no_text(tmp_path):
    (tmp_path / 'last_checkpoint').write_bytes(b'\xff\xfeiter_2.pth')
    (tmp_path / 'iter_2.pth').touch()
    assert last_checkpoint(tmp_path) == str(tmp_path / 'iter_2.pth')
