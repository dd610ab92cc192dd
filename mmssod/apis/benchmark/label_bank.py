"""What a label bank costs: bytes, time and memory of a drawn one, beside its json's and those of the list of images."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmssod.datasets import UnlabeledDataset
from mmssod.label_bank import BOX, Header, LabelBankFiles, ShardWriter, finish, write_coco
from mmssod.label_bank.layout import COCO
from mmssod.label_bank.shards import LabeledImage

CLASSES = tuple(f'class {n}' for n in range(80))
SIZE, VIEW = (480, 640), (800, 1067)
APPEND = 1024
LOOK_UPS = 2000


def measure(folder: Path, images: int, boxes: int, json_images: int) -> dict[str, list[list[str]]]:
    """Tables of a bank's cost.

    Args:
        folder: Where the drawn banks go; it must be empty.
        images: Of the bank.
        boxes: A view.
        json_images: Of the bank whose json is written and read; a json of many images needs gigabytes.

    Returns:
        Rows of text by heading.
    """
    large, small = folder / 'large', folder / 'small'
    writing = draw_bank(large, images, boxes)
    draw_bank(small, json_images, boxes)
    begin = time.perf_counter()
    write_coco(small, Header.load(small), names(json_images), categories(), range(len(CLASSES)))
    json_writing = time.perf_counter() - begin
    size = sum(file.stat().st_size for file in large.rglob('*') if file.is_file())
    json_size = (small / COCO).stat().st_size
    opened = in_child(read_bank, large)
    loaded = in_child(read_json, small / COCO)
    listed = in_child(list_images, folder, images)
    table = [
        ['', 'bank', 'json', 'list of images'],
        ['images', f'{images}', f'{json_images}', f'{images}'],
        ['boxes a view', f'{boxes}', f'{boxes}', ''],
        ['bytes an image', f'{size / images:.0f}', f'{json_size / json_images:.0f}', ''],
        ['written, images/s', f'{images / writing:.0f}', f'{json_images / json_writing:.0f}', ''],
        ['opened or read, s', *(f'{part["seconds"]:.2f}' for part in (opened, loaded, listed))],
        ['memory of a process, MB', *(f'{part["bytes"] / 1e6:.1f}' for part in (opened, loaded, listed))],
        [
            'memory an image, bytes',
            *(f'{part["bytes"] / n:.0f}' for part, n in ((opened, images), (loaded, json_images), (listed, images))),
        ],
        ['one view looked up, µs', f'{opened["look_up"] * 1e6:.0f}', '', ''],
    ]  # fmt: skip
    return {'Cost of a drawn bank': table}


def draw_bank(folder: Path, images: int, boxes: int) -> float:
    """Write a bank of random boxes; seconds that writing and closing took, without drawing."""
    header = Header(
        checkpoint='none', teacher='0', detector='0', config='none', classes=CLASSES, floor=0.1, view=[], mirrored=True,
        images=images, shard_size=65536,
    )  # fmt: skip
    header.save(folder)
    generator = np.random.default_rng(0)
    seconds = 0.0
    for shard in range(header.num_shards):
        writer = ShardWriter(folder, header, shard)
        span = header.span(shard)
        for start in range(0, len(span), APPEND):
            drawn = [draw_image(n, boxes, generator) for n in span[start : start + APPEND]]
            begin = time.perf_counter()
            writer.append(drawn)
            seconds += time.perf_counter() - begin
    begin = time.perf_counter()
    finish(folder, header)
    return seconds + time.perf_counter() - begin


def draw_image(number: int, boxes: int, generator: np.random.Generator) -> LabeledImage:
    """An image with random boxes in both views."""
    views = np.zeros((2, boxes), BOX)
    corners = generator.uniform(0, VIEW[0], (2, boxes, 2, 2)).astype(np.float32)
    views['box'] = np.sort(corners, axis=2).reshape(2, boxes, 4)
    views['p'], views['v'] = generator.uniform(0.1, 1.0, (2, 2, boxes))
    views['label'] = generator.integers(0, len(CLASSES), (2, boxes))
    return LabeledImage(number, f'{number:012}.jpg', SIZE, VIEW, views[0], views[1])


def names(images: int) -> list[tuple[int | str, str]]:
    """Ids and names of the drawn images."""
    return [(number, f'{number:012}.jpg') for number in range(images)]


def categories() -> list[dict]:
    """Categories of a COCO data set."""
    return [dict(id=number, name=name) for number, name in enumerate(CLASSES)]


def read_bank(folder: Path) -> dict[str, float]:
    """Open a bank and look up random views."""
    before, begin = own_bytes(), time.perf_counter()
    bank = LabelBankFiles(folder)
    seconds = time.perf_counter() - begin
    asked = np.random.default_rng(1).integers(0, len(bank), LOOK_UPS)
    begin = time.perf_counter()
    for number in asked.tolist():
        np.array(bank.look_up(number, f'{number:012}.jpg', mirrored=True).boxes)
    look_up = (time.perf_counter() - begin) / LOOK_UPS
    return dict(seconds=seconds, bytes=own_bytes() - before, look_up=look_up)


def read_json(file: Path) -> dict[str, float]:
    """Read a json."""
    before, begin = own_bytes(), time.perf_counter()
    with open(file, encoding='utf-8') as stream:
        content = json.load(stream)
    seconds = time.perf_counter() - begin
    return dict(seconds=seconds, bytes=own_bytes() - before, images=len(content['images']))


def list_images(folder: Path, images: int) -> dict[str, float]:
    """Read the list of a data set of unlabeled images; what is left in memory afterwards."""
    (folder / names(1)[0][1]).touch()
    entries = [
        dict(id=n, file_name=name, height=SIZE[0], width=SIZE[1]) for n, name in names(images)
    ]
    file = folder / 'images.json'
    file.write_text(json.dumps(dict(images=entries)))
    del entries
    before, begin = own_bytes(), time.perf_counter()
    dataset = UnlabeledDataset(str(file), data_prefix=dict(img=str(folder)))
    seconds = time.perf_counter() - begin
    return dict(seconds=seconds, bytes=own_bytes() - before, images=len(dataset))


def own_bytes() -> int:
    """Memory of this process that is not a mapped file."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('RssAnon:'):
            return int(line.split()[1]) * 1024
    raise OSError('/proc/self/status: expected a line RssAnon, as Linux writes it, found none')


def in_child(work: Callable[..., dict[str, float]], *args: Any) -> dict[str, float]:
    """What a function gives in a process of its own, which takes its memory with it."""
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe()
    child = context.Process(target=_answer, args=(theirs, work, args))
    child.start()
    theirs.close()
    try:
        found: dict[str, float] = ours.recv()
    finally:
        child.join()
    return found


def _answer(pipe: Any, work: Callable[..., dict[str, float]], args: Sequence[Any]) -> None:
    pipe.send(work(*args))
