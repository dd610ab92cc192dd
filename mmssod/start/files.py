"""Resolves a start given by the user to a file on this machine.

A start is a file, a URL, or a model's name. What is fetched lies in ``weights_folder()`` afterwards, and a file that
the user puts there is used as it is, so a machine without a network needs nothing else.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import os.path as osp
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import torch
from mmengine.logging import print_log

from mmssod.environment.checkpoint_damage import SAFETENSORS, damage, safetensors_damage
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import replacing
from mmssod.start.zoo import StartError, find_model, is_known, zoo_models
from mmssod.structures import Problem

FOLDER = 'MMSSOD_WEIGHTS'
"""Environment variable that names the folder of fetched weights."""

SECONDS = 20.0  # to connect, and between two pieces of a file
PIECE = 1 << 20  # bytes
_SUFFIXES = ('.pth', '.pt', '.safetensors', '.pkl', '.ckpt', '.bin')


def weights_folder() -> Path:
    """Folder of downloaded weights: ``$MMSSOD_WEIGHTS``, else ``mmssod/weights`` in the user's cache folder."""
    if named := os.environ.get(FOLDER):
        return Path(named).expanduser()
    cache = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(cache).expanduser() / 'mmssod' / 'weights'


def names_file(start: str) -> bool:
    """Whether a start is meant as a file, there or not: it exists, or looks like a path, or has another scheme."""
    if _is_url(start):
        return False
    if '://' in start or osp.isfile(osp.expanduser(start)):
        return True
    if start.startswith('mmdet::') or is_known(start):  # even if a folder is called so
        return False
    return start.endswith(_SUFFIXES) or os.sep in start or osp.isdir(start)


def local_file(start: str) -> str | None:
    """The file of a start where it is on this machine; None if it must be fetched, or is not known.

    A file's name is answered as it is, whether it is there or not.
    """
    if names_file(start):
        return start if '://' in start else osp.expanduser(start)
    try:
        _, places = _address_and_places(start)
    except StartError:
        return None
    return next((str(file) for file in places if file.is_file()), None)


def start_file(start: str, seconds: float = SECONDS) -> str:
    """The file of a start; it is fetched where it is not on this machine.

    Args:
        start: A file, a URL, or a model's name.
        seconds: How long to wait for the server, to connect and between two pieces.

    Raises:
        StartError: An unknown name, a model without weights, a server that is not reached (says what to fetch from
            where to where), or a damaged file.
    """
    found = local_file(start)
    if found is not None:
        return found
    address, place = address_and_place(start)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(place):
            if not place.is_file():  # another process may have fetched it meanwhile
                _fetch(address, place, seconds)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason: object = error.reason if type(error) is urllib.error.URLError else error
        problem = Problem(
            f'the weights of {start} cannot be fetched',
            f'{address}, or that file at {place}',
            str(reason) or type(error).__name__,
            f'fetch {address} on a machine with a network, put it at {place} (${FOLDER} names another folder than '
            f'{weights_folder()}), and run the same command again; or name a file with --load-from',
        )
        raise StartError(problem) from error
    return str(place)


def address_and_place(start: str) -> tuple[str, Path]:
    """The URL that a name or URL is fetched from, and the file that it is fetched to, there or not.

    Raises:
        StartError: An unknown name, or a model without weights.
    """
    address, places = _address_and_places(start)
    return address, places[0]


def can_fetch(address: str, seconds: float = 5.0) -> bool:
    """Whether an http or https URL answers within this many seconds; nothing is downloaded."""
    request = urllib.request.Request(address, method='HEAD')
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return True
    except urllib.error.HTTPError as error:
        return error.code in (403, 405)  # it is there, and wants to be asked otherwise
    except (OSError, http.client.HTTPException, ValueError):
        return False


def _is_url(start: str) -> bool:
    return start.startswith(('http://', 'https://'))


def _address_and_places(start: str) -> tuple[str, list[Path]]:
    """The URL of a start, and where its file may lie; fetched, it lies at the first.

    Files of the zoo have names of their own, so those that mmengine fetched before serve, too. Any other address has a
    folder of its own: ``best.pth`` of two servers are two files.
    """
    address = start if _is_url(start) else find_model(start).address
    name = osp.basename(unquote(urlsplit(address).path)) or 'weights.pth'
    if all(model.address != address for model in zoo_models()):
        code = hashlib.sha256(address.encode()).hexdigest()[:8]
        return address, [weights_folder() / code / name]
    return address, [weights_folder() / name, Path(torch.hub.get_dir()) / 'checkpoints' / name]


def _fetch(address: str, place: Path, seconds: float) -> None:
    """Write the file if it comes whole; else an OSError of the connection or the disk, or a ValueError."""
    with urllib.request.urlopen(address, timeout=seconds) as answer, replacing(place) as file:
        expected = int(answer.headers.get('Content-Length') or 0)
        print_log(f'fetching {address} ({expected / 1e6:.1f} MB) to {place}', 'current')
        while piece := answer.read(PIECE):
            file.write(piece)
        file.flush()
        if expected and file.tell() != expected:
            raise InputError(f'{file.tell()} of {expected} bytes arrived')
        damage_of = safetensors_damage if place.suffix == SAFETENSORS else damage
        if wrong := damage_of(file.name):
            raise InputError(f'the download is not a weights file: {wrong}')


@contextmanager
def _one_at_a_time(place: Path) -> Iterator[None]:
    """Let the processes of a machine fetch a file one after the other: the second finds it there.

    Where files cannot be locked, each fetches it; the last to end has the name.
    """
    lock = place.with_name(place.name + '.lock')
    try:
        with open(lock, 'a') as stream:
            with suppress(OSError):
                fcntl.lockf(stream, fcntl.LOCK_EX)
            yield
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            lock.unlink()
