"""Folders and servers of the tests of starts: nothing outside this machine is reached."""

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch


@dataclass
class Server:
    """Files of a folder over HTTP on this machine.

    Attributes:
        folder: What is served.
        address: URL of the folder, without a slash at the end.
        asked: Paths of the requests, in order.
        answer: Called with the handler in place of sending the file, where it is set.
    """

    folder: Path
    address: str = ''
    asked: list[str] = field(default_factory=list)
    answer: Callable | None = None


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    """A server that ends with the test."""
    (tmp_path / 'served').mkdir()
    served = Server(tmp_path / 'served')

    class Handler(http.server.SimpleHTTPRequestHandler):
        timeout = 5  # seconds

        def __init__(self, *args):
            super().__init__(*args, directory=str(served.folder))

        def do_GET(self):
            served.asked.append(self.path)
            if served.answer is None:
                super().do_GET()
            else:
                served.answer(self)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as running:
        running.daemon_threads = True
        served.address = f'http://127.0.0.1:{running.server_port}'
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield served
        running.shutdown()


@pytest.fixture(autouse=True)
def weights(tmp_path, monkeypatch) -> Path:
    """The folder of fetched weights, empty; no proxy stands before this machine, and no file of before is found."""
    folder = tmp_path / 'weights'
    monkeypatch.setenv('MMSSOD_WEIGHTS', str(folder))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    monkeypatch.setenv('NO_PROXY', '127.0.0.1')
    torch_folder = str(tmp_path / 'torch')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: torch_folder)
    return folder
