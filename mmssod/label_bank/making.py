"""Make a label bank, with one process or many that share nothing but the folder."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from mmssod.apis.config import ConfigLike, load_config
from mmssod.apis.distributed import launched_as
from mmssod.engine.reliability.shared_memory import LOADER_TIMEOUT, hung_loader_named
from mmssod.engine.terminal import leave_closed, terminals
from mmssod.label_bank import BankError, Header, ShardWriter
from mmssod.label_bank.closing import (
    PATIENCE_SECONDS,
    POLL_SECONDS,
    close_bank,
    wait_for_all,
)
from mmssod.label_bank.images import (
    OwnImages,
    note_faults,
    require_own_places,
    too_many_unreadable,
)
from mmssod.label_bank.layout import HEADER
from mmssod.label_bank.plan import FLOOR, BankPlan, plan_bank
from mmssod.label_bank.progress import BankProgress
from mmssod.label_bank.shards import images_done, unreadable
from mmssod.label_bank.views import ViewLabeler


def make_label_bank(
    config: ConfigLike,
    checkpoint: str,
    *,
    out: str | None = None,
    floor: float = FLOOR,
    batch_size: int = 8,
    workers: int = 2,
    coco: bool = True,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
) -> Path:
    """Label every unlabeled image of a student's config, plain and mirrored, and write the bank.

    Each process takes each W-th shard; none waits for another but the first, which closes the bank when all shards are
    there. A run that was cut off goes on where it was, with however many processes.

    Args:
        config: Of the student, with a frozen teacher or with a bank.
        checkpoint: Of the teacher.
        out: Folder of the bank; else the config's ``model.labeler.path``.
        floor: Least p of a box, in [0, 1); below any threshold that will be used.
        batch_size: Images a step, each in both views.
        workers: Processes that load images; 0 for this one.
        coco: Whether ``labels.json`` is written, too.
        cfg_options: Values by dotted key that replace the config's.
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.

    Returns:
        The folder.

    Raises:
        ValueError: What :func:`plan_bank` finds.
        SystemExit: Told to end, see :func:`stoppable`.
        BankError: The folder has another bank, or one of other images; two images have one id; too many cannot be
            read; another process writes a shard, or closes the bank; the other processes write no more.
    """
    cfg = load_config(config, cfg_options=cfg_options, launcher=launcher)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    rank, processes, local_rank = launched_as(launcher)
    plan = plan_bank(cfg, checkpoint, out=out, floor=floor, processes=processes)
    header = agree_on_header(plan, first=rank == 0)
    plan = replace(plan, header=replace(header, checkpoint=checkpoint))  # it may have moved
    if not header.shards:
        with (
            BankProgress(plan.folder, header, shown=rank == 0) as progress,
            stoppable(plan.folder, header),
            hung_loader_named(),
        ):
            label_shards(
                plan,
                range(rank, header.num_shards, processes),
                device_of(local_rank),
                batch_size=batch_size,
                workers=workers,
                progress=progress,
            )
            if rank == 0:
                wait_for_all(header, progress)
    if rank == 0:
        close_bank(plan, coco)
    return plan.folder


@contextmanager
def stoppable(folder: Path, header: Header) -> Iterator[None]:
    """End at once when told to (SIGTERM, Ctrl-C, a closed terminal), and say what stays.

    Raises:
        SystemExit: Of the signal, with 128 and its number.
    """
    places = terminals()

    def end(number: int, frame: Any) -> None:
        leave_closed(places)
        raise SystemExit(128 + number)

    told = (signal.SIGTERM, signal.SIGHUP)
    ours = threading.current_thread() is threading.main_thread()
    heard = [one for one in told if ours and signal.getsignal(one) != signal.SIG_IGN]  # as of nohup
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    except (SystemExit, KeyboardInterrupt):
        print_log(
            f'label bank {folder}: told to end; {images_done(folder, header)} of {header.images} images stay labeled, '
            'the same command goes on',
            'current',
            logging.WARNING,
        )
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def agree_on_header(plan: BankPlan, first: bool) -> Header:
    """The header in the folder, which the first process writes where there is none.

    Raises:
        BankError: The bank there was made otherwise, or two images have the same id.
    """
    file = plan.folder / HEADER
    if first and not file.is_file():
        plan.require_own_ids()
        plan.header.save(plan.folder, first=True)
        if plan.other_sizes:
            print_log(
                f'training shows other sizes, too; the bank labels at that of tests: {plan.header.view}',
                'current',
            )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.is_file() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    header = Header.load(plan.folder)
    differences = header.differences(plan.header)
    if differences:
        raise BankError(
            f'{plan.folder} has another label bank: {", ".join(differences)} differ',
            ', '.join(f'{name} = {wanted}' for name, (_, wanted) in differences.items()),
            ', '.join(f'{name} = {there}' for name, (there, _) in differences.items()),
            'choose another --out, or delete the folder',
        )
    return header


def device_of(local_rank: int) -> torch.device:
    """The accelerator of a process, or the CPU."""
    kind = get_device()
    return torch.device(kind) if kind == 'cpu' else torch.device(kind, local_rank)


def label_shards(
    plan: BankPlan,
    shards: Iterable[int],
    device: torch.device,
    *,
    batch_size: int,
    workers: int,
    progress: BankProgress,
) -> None:
    """Label what is left of some shards, one after the other.

    Args:
        plan: Of the bank, with its header as it is in the folder.
        shards: Their numbers.
        device: Where the teacher runs.
        batch_size: Images a step.
        workers: Processes that load images.
        progress: Shows how far it is.

    Raises:
        BankError: Another process writes one of them, it was begun on other images, an image stands in another's
            place, or more images cannot be read than training may skip.
    """
    labeler = cache(lambda: labeler_of(plan, device))
    failed = 0
    for shard in shards:
        writer = ShardWriter(plan.folder, plan.header, shard)
        writer.require_same_images([plan.image(place) for place in writer.span[: writer.done]])
        left = batches(writer.span[writer.done :], batch_size)
        failed += int(unreadable(writer.images).sum())
        for places, batch in zip(left, loader(plan, left, workers), strict=True):
            failed += note_faults(batch)
            if failed > plan.max_unreadable:
                raise too_many_unreadable(plan, failed)
            images = labeler()(batch)
            require_own_places(plan, places, images)
            writer.append(images)
            progress.update()


def labeler_of(plan: BankPlan, device: torch.device) -> ViewLabeler:
    """The teacher, ready."""
    header = plan.header
    return ViewLabeler(plan.teacher(), plan.preprocessor(), header.mirrored, header.floor, device)


def batches(span: range, size: int) -> list[list[int]]:
    """A span of images in pieces of a size; the last one may be shorter."""
    return [list(span[start : start + size]) for start in range(0, len(span), size)]


def loader(plan: BankPlan, places: list[list[int]], workers: int) -> DataLoader:
    """Batches of images by their places."""
    set_multi_processing(**plan.cfg.get('env_cfg', {}).get('mp_cfg', {}))
    return DataLoader(
        OwnImages(plan.dataset),
        batch_sampler=places,
        num_workers=workers,
        timeout=LOADER_TIMEOUT if workers else 0,
        collate_fn=pseudo_collate,
    )
