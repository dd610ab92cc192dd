"""Costs that grow with the number of unlabeled images: bytes, seconds and memory of labels, list and order."""

from __future__ import annotations

import gc
import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmssod.datasets import UnlabeledDataset
from mmssod.datasets.samplers import SourceStream
from mmssod.label_bank import BOX, Header, LabelBankFiles, ShardWriter, finish, write_coco
from mmssod.label_bank.layout import COCO, IMAGE, shard_files
from mmssod.label_bank.shards import LabeledImage

CLASSES = tuple(f'class {n}' for n in range(80))
SIZE, VIEW = (480, 640), (800, 1067)
APPEND = 1024
LOOK_UPS = 2000


def measure(
    folder: Path, images: int, boxes: int, json_images: int, order: int
) -> dict[str, list[list[str]]]:
    """Tables of what a number of images costs.

    Args:
        folder: Where the drawn banks go; it must be empty.
        images: Unlabeled images.
        boxes: A view of an image in the bank.
        json_images: Images of the bank whose json is written and read; a json of many images needs gigabytes.
        order: Images that are put in the order of an epoch.

    Returns:
        Rows of text by heading.
    """
    large, small = folder / 'large', folder / 'small'
    writing = draw_bank(large, images, boxes)
    draw_bank(small, json_images, boxes)
    begin = time.process_time()
    write_coco(small, Header.load(small), names(json_images), categories(), range(len(CLASSES)))
    json_writing = time.process_time() - begin
    size = sum(file.stat().st_size for file in large.rglob('*') if file.is_file())
    opened = in_child(read_bank, large)
    rows = {
        f'label bank, {boxes} boxes a view': (images, size, images / writing, opened),
        'its `labels.json`': (
            json_images,
            (small / COCO).stat().st_size,
            json_images / json_writing,
            in_child(read_json, small / COCO),
        ),
        'list of unlabeled images (`UnlabeledDataset`)': (
            images,
            None,
            None,
            in_child(list_images, folder, images),
        ),
        'closing a label bank': (order, None, None, in_child(close_bank, folder / 'keys', order)),
        'order of an epoch (`SourceSampler`)': (order, None, None, in_child(order_images, order)),
    }
    head = ['', 'images', 'bytes an image on disk', 'written, images a CPU s', 'opened, CPU s']
    head += ['memory an image, bytes', 'at most meanwhile']
    table = [head, *([name, *columns(*row)] for name, row in rows.items())]
    looked_up = [
        ['', 'CPU µs'],
        ['one view, first use of a page included', f'{opened["look_up"] * 1e6:.0f}'],
    ]
    return {'Cost of images': table, 'Looking up': looked_up}


def columns(
    images: int, size: int | None, rate: float | None, opened: dict[str, float]
) -> list[str]:
    """One row: number of images, bytes and images per second of writing where it is written, cost of opening."""
    return [
        f'{images}',
        '' if size is None else f'{size / images:.0f}',
        '' if rate is None else f'{rate:.0f}',
        f'{opened["seconds"]:.2f}',
        f'{opened["bytes"] / images:.0f}',
        f'{opened["most"] / images:.0f}',
    ]


def draw_bank(folder: Path, images: int, boxes: int) -> float:
    """Write a bank of random boxes; CPU seconds that writing and closing took, without drawing."""
    header = header_of(images)
    header.save(folder)
    generator = np.random.default_rng(0)
    seconds = 0.0
    for shard in range(header.num_shards):
        writer = ShardWriter(folder, header, shard)
        span = header.span(shard)
        for start in range(0, len(span), APPEND):
            drawn = [draw_image(n, boxes, generator) for n in span[start : start + APPEND]]
            begin = time.process_time()
            writer.append(drawn)
            seconds += time.process_time() - begin
    begin = time.process_time()
    finish(folder, header)
    return seconds + time.process_time() - begin


def header_of(images: int) -> Header:
    """Of a drawn bank, cut as large ones are."""
    return Header(
        checkpoint='none', teacher='0', detector='0', config='none', classes=CLASSES, floor=0.1, view=[], mirrored=True,
        images=images, shard_size=65536,
    )  # fmt: skip


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
    cost = Cost()
    bank = LabelBankFiles(folder)
    found = cost.so_far()
    asked = np.random.default_rng(1).integers(0, len(bank), LOOK_UPS)
    begin = time.process_time()
    for number in asked.tolist():
        np.array(bank.look_up(number, f'{number:012}.jpg', mirrored=True).boxes)
    return dict(found, look_up=(time.process_time() - begin) / LOOK_UPS)


def close_bank(folder: Path, images: int) -> dict[str, float]:
    """Close a bank of images without boxes, whose keys are in no order."""
    header = header_of(images)
    header.save(folder)
    keys = np.random.default_rng(2).permutation(images)
    for shard in range(header.num_shards):
        for file in shard_files(folder, shard):
            file.parent.mkdir(exist_ok=True)
            file.touch()
        span = header.span(shard)
        records = np.zeros(len(span), IMAGE)
        records['key'] = keys[span.start : span.stop]
        records.tofile(shard_files(folder, shard)[0])
    del keys, records
    cost = Cost()
    shards = len(finish(folder, header).shards)
    return dict(cost.so_far(), entries=shards)


def read_json(file: Path) -> dict[str, float]:
    """Read a json."""
    cost = Cost()
    with open(file, encoding='utf-8') as stream:
        content = json.load(stream)
    return dict(cost.so_far(), entries=len(content))


def list_images(folder: Path, images: int) -> dict[str, float]:
    """Read the json of a data set of unlabeled images."""
    (folder / names(1)[0][1]).touch()
    file = folder / 'images.json'
    with open(file, 'w', encoding='utf-8') as stream:
        stream.write('{"images": [')
        for number, name in names(images):
            stream.write(',' * (number != 0) + json.dumps(dict(id=number, file_name=name)))
        stream.write(']}')
    cost = Cost()
    dataset = UnlabeledDataset(str(file), data_prefix=dict(img=str(folder)))
    return dict(cost.so_far(), entries=len(dataset))


def order_images(images: int) -> dict[str, float]:
    """Draw a batch of some later epoch, as after a resume."""
    cost = Cost()
    stream = SourceStream('unlabeled', np.arange(images), count=1)
    keys = stream.batch(7 * images, seed=0)
    return dict(cost.so_far(), entries=len(keys))


class Cost:
    """CPU seconds and memory of this process from here on, without the pages of mapped files."""

    def __init__(self) -> None:
        gc.collect()
        Path('/proc/self/clear_refs').write_text('5')  # forget the greatest size so far
        self.before = status_bytes('RssAnon'), status_bytes('VmRSS')
        self.begin = time.process_time()

    def so_far(self) -> dict[str, float]:
        """``seconds``, ``bytes`` that are held, and ``most`` that were held meanwhile."""
        seconds = time.process_time() - self.begin
        most = status_bytes('VmHWM') - self.before[1]
        gc.collect()
        held = status_bytes('RssAnon') - self.before[0]
        return dict(seconds=seconds, bytes=max(held, 0), most=max(most, held, 0))


def status_bytes(name: str) -> int:
    """A figure of this process's memory, as Linux tells it."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) * 1024
    raise OSError(f'/proc/self/status: expected a line {name}, as Linux writes it, found none')


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
