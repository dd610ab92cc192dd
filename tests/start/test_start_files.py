"""From a name or a URL to a file: fetched once, whole or not at all, and taken from where a hand put it."""

import multiprocessing
import socket
import time
from pathlib import Path

import pytest
import torch

from mmssod.start import StartError, files, local_file, names_file, start_file, zoo
from mmssod.start.files import can_fetch, weights_folder


def save(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state_dict=dict(a=torch.arange(99.0))), file)
    return file


def left(folder: Path) -> list[str]:
    """Names of all files below a folder."""
    return sorted(file.name for file in folder.rglob('*') if file.is_file())


@pytest.fixture
def model(server, monkeypatch):
    """A name of a zoo whose weights lie on the server."""
    address = f'{server.address}/tiny-0123abcd.pth'
    entry = zoo.ZooModel('tiny', 'configs/tiny.py', address, ('COCO',))
    monkeypatch.setattr(zoo, '_by_key', lambda: {'tiny': entry})
    monkeypatch.setattr(files, 'zoo_models', lambda: (entry,))
    return entry


# ------------------------------------------------------------------ what a start is


@pytest.mark.parametrize(
    ('start', 'is_file'),
    [
        ('work_dirs/a/iter_1.pth', True),
        ('none.safetensors', True),
        ('~/none.pth', True),
        ('some/folder', True),
        ('s3://bucket/a.pth', True),  # mmengine's to read
        ('torchvision://resnet50', True),
        ('yolox_nano', False),
        ('no_such_model', False),
        ('mmdet::yolox/yolox_s_8xb8-300e_coco', False),
        ('https://example.com/a.pth', False),
    ],
)
def test_what_is_meant_as_a_file(start, is_file):
    assert names_file(start) == is_file


def test_a_folder_does_not_hide_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('yolox_nano', 'other'):
        (tmp_path / name).mkdir()
    assert not names_file('yolox_nano') and names_file('other')
    save(tmp_path / 'no_suffix')
    assert names_file('no_suffix')


def test_a_file_is_itself(tmp_path, monkeypatch, server):
    monkeypatch.setenv('HOME', str(tmp_path))
    file = save(tmp_path / 'a.pth')
    for start in (str(file), '~/a.pth'):
        assert start_file(start) == local_file(start) == str(file)
    assert local_file('none.pth') == 'none.pth'  # whether it is there is for the checks to say
    assert not server.asked


def test_the_folder(monkeypatch, tmp_path):
    assert weights_folder() == tmp_path / 'weights'
    monkeypatch.delenv('MMSSOD_WEIGHTS')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    assert weights_folder() == tmp_path / 'cache/mmssod/weights'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert weights_folder() == tmp_path / '.cache/mmssod/weights'


# ------------------------------------------------------------------ fetching


def test_a_name_is_fetched_once(model, server, weights):
    content = save(server.folder / 'tiny-0123abcd.pth').read_bytes()
    assert local_file('tiny') is None
    for _ in range(2):
        file = Path(start_file('tiny'))
        assert file == weights / 'tiny-0123abcd.pth' and file.read_bytes() == content
    assert server.asked == ['/tiny-0123abcd.pth']
    assert left(weights) == ['tiny-0123abcd.pth']  # nothing aside
    assert local_file('tiny') == local_file(model.address) == str(file)


def test_files_of_one_name_on_two_servers_are_two(server, weights):
    for folder, value in (('one', 1), ('two', 2)):
        (server.folder / folder).mkdir()
        torch.save(dict(a=torch.tensor(value)), server.folder / folder / 'best.pth')
    found = [start_file(f'{server.address}/{folder}/best.pth') for folder in ('one', 'two')]
    assert [int(torch.load(file, weights_only=True)['a']) for file in found] == [1, 2]
    assert left(weights) == ['best.pth', 'best.pth']


def test_what_mmengine_fetched_before_serves(model, server, tmp_path):
    file = save(tmp_path / 'torch/checkpoints/tiny-0123abcd.pth')
    assert start_file('tiny') == str(file) and not server.asked


def test_without_a_network_it_says_what_to_put_where_and_takes_it_from_there(monkeypatch, weights):
    with socket.socket() as closed:  # a port where nobody listens
        closed.bind(('127.0.0.1', 0))
        address = f'http://127.0.0.1:{closed.getsockname()[1]}/tiny-0123abcd.pth'
    entry = zoo.ZooModel('tiny', '', address, ())
    monkeypatch.setattr(zoo, '_by_key', lambda: {'tiny': entry})
    monkeypatch.setattr(files, 'zoo_models', lambda: (entry,))
    with pytest.raises(StartError) as raised:
        start_file('tiny')
    said = str(raised.value)
    place = weights / 'tiny-0123abcd.pth'
    assert 'the weights of tiny cannot be fetched' in said and 'refused' in said
    assert f'fetch {address} on a machine with a network, put it at {place}' in said
    assert '$MMSSOD_WEIGHTS' in said and '--load-from' in said
    assert left(weights) == []
    save(place)
    assert start_file('tiny') == str(place)


def test_a_server_that_falls_silent(model, server, weights):
    def silent(handler):
        time.sleep(3)

    server.answer = silent
    start = time.monotonic()
    with pytest.raises(StartError, match='timed out'):
        start_file('tiny', seconds=0.3)
    assert time.monotonic() - start < 2.5
    assert left(weights) == []


def cut_off(handler):
    content = (handler.server.served / 'tiny-0123abcd.pth').read_bytes()
    handler.send_response(200)
    handler.send_header('Content-Length', str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[:-200])


def page(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b'<html>please log in</html>')


def missing(handler):
    handler.send_error(404)


def half_without_a_length(handler):
    content = (handler.server.served / 'tiny-0123abcd.pth').read_bytes()
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(content[:-200])


@pytest.mark.parametrize(
    ('answer', 'said'),
    [
        (cut_off, r'of \d+ bytes arrived|IncompleteRead'),
        (page, 'not a weights file: not a file of torch.save'),
        (missing, '404'),
        (half_without_a_length, 'not a weights file: cut off'),
    ],
)
def test_what_is_not_whole_is_not_kept(model, server, weights, answer, said, monkeypatch):
    save(server.folder / 'tiny-0123abcd.pth')

    def reply(handler):
        handler.server.served = server.folder
        answer(handler)

    server.answer = reply
    with pytest.raises(StartError, match=said):
        start_file('tiny')
    assert left(weights) == []
    server.answer = None  # the next try is not spoilt by it
    assert start_file('tiny') == str(weights / 'tiny-0123abcd.pth')


def test_safetensors_are_fetched_and_checked(server, weights):
    pytest.importorskip('safetensors')
    from safetensors.torch import save_file

    save_file(dict(a=torch.arange(99.0)), server.folder / 'a.safetensors')
    address = f'{server.address}/a.safetensors'
    assert Path(start_file(address)).name == 'a.safetensors'
    file = server.folder / 'b.safetensors'
    file.write_bytes((server.folder / 'a.safetensors').read_bytes()[:-8])
    with pytest.raises(StartError, match='not a weights file: .* bytes, its header says'):
        start_file(f'{server.address}/b.safetensors')


def test_a_folder_that_cannot_be_written(model, server, monkeypatch, tmp_path):
    save(server.folder / 'tiny-0123abcd.pth')
    (tmp_path / 'file').touch()
    monkeypatch.setenv('MMSSOD_WEIGHTS', str(tmp_path / 'file'))
    with pytest.raises(StartError, match='cannot be fetched') as raised:
        start_file('tiny')
    assert str(tmp_path / 'file') in str(raised.value)


def test_processes_fetch_it_once(server, weights):
    """Two at once, as the ranks of a training: the second waits and finds it."""
    save(server.folder / 'a.pth')

    def slow(handler):
        time.sleep(0.3)
        content = (server.folder / 'a.pth').read_bytes()
        handler.send_response(200)
        handler.send_header('Content-Length', str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    server.answer = slow
    processes = multiprocessing.get_context('fork')
    answers = processes.Queue()
    address = f'{server.address}/a.pth'
    ranks = [processes.Process(target=lambda: answers.put(start_file(address))) for _ in range(2)]
    for rank in ranks:
        rank.start()
    found = [answers.get(timeout=20) for _ in ranks]
    for rank in ranks:
        rank.join(timeout=20)
    assert found[0] == found[1] and Path(found[0]).is_file()
    assert server.asked == ['/a.pth'] and left(weights) == ['a.pth']


def test_whether_an_address_answers_is_asked_without_fetching(server):
    (server.folder / 'a.pth').write_bytes(b'x' * 9)
    assert can_fetch(f'{server.address}/a.pth')
    assert not can_fetch(f'{server.address}/b.pth')
    assert not can_fetch('http://127.0.0.1:9/a.pth', seconds=1)  # nobody listens there
    assert not can_fetch('http://no such host/a.pth', seconds=1)
    assert server.asked == []  # by HEAD alone
