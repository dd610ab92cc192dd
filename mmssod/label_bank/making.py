"""Makes a label bank, with one process or several that share only the folder."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from mmssod.apis.config import ConfigLike, load_config
from mmssod.apis.distributed import launched_as
from mmssod.apis.offline_labels import labeled_annotations
from mmssod.engine.reliability.shared_memory import LOADER_TIMEOUT, hung_loader_named
from mmssod.engine.terminal import leave_closed, terminals
from mmssod.environment.whole_files import write_whole
from mmssod.evaluation.coco import category_ids
from mmssod.label_bank import BankError, Header, ShardWriter, finish, write_coco
from mmssod.label_bank.layout import COCO, GO_ON, HEADER, LOCK, UNREADABLE, mapped
from mmssod.label_bank.plan import FLOOR, BankPlan, OwnImages, plan_bank
from mmssod.label_bank.progress import BankProgress
from mmssod.label_bank.shards import (
    LabeledImage,
    WriterLock,
    images_done,
    images_in_shard,
    unreadable,
)

POLL_SECONDS = 0.5
# Without a new image or header; a process that lives appends much more often.
PATIENCE_SECONDS = 1800.0


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
        config: Config of the student, with a frozen teacher or with a bank.
        checkpoint: Checkpoint of the teacher.
        out: Folder of the bank; else the config's ``model.labeler.path``.
        floor: Minimum p of a box, in [0, 1); below any threshold that will be used.
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
            shards = range(rank, header.num_shards, processes)
            kind = get_device()
            device = torch.device(kind) if kind == 'cpu' else torch.device(kind, local_rank)
            options = dict(batch_size=batch_size, workers=workers)
            label_shards(plan, shards, device, progress=progress, **options)
            if rank == 0:
                wait_for_all(header, progress)
    if rank == 0:
        close_bank(plan, coco)
    return plan.folder


@contextmanager
def stoppable(folder: Path, header: Header) -> Iterator[None]:
    """End at once when told to (SIGTERM, Ctrl-C, a closed terminal), with 128 and the signal, and say what stays."""
    places = terminals()

    def end(number: int, frame: Any) -> None:
        leave_closed(places)
        raise SystemExit(128 + number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as of nohup
                before[number] = signal.signal(number, end)
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
    """The header in the folder, which the first process writes where there is none; another bank's is a BankError."""
    file = plan.folder / HEADER
    if first and not file.is_file():
        plan.require_own_ids()
        plan.header.save(plan.folder, first=True)
        if plan.other_sizes:
            view = f'the bank labels at that of tests: {plan.header.view}'
            print_log(f'training shows other sizes, too; {view}', 'current')
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.is_file() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    header = Header.load(plan.folder)
    if differences := header.differences(plan.header):
        raise BankError(
            f'{plan.folder} has another label bank: {", ".join(differences)} differ',
            ', '.join(f'{name} = {wanted}' for name, (_, wanted) in differences.items()),
            ', '.join(f'{name} = {there}' for name, (there, _) in differences.items()),
            'choose another --out, or delete the folder',
        )
    return header


def label_shards(
    plan: BankPlan,
    shards: Iterable[int],
    device: torch.device,
    *,
    batch_size: int,
    workers: int,
    progress: BankProgress,
) -> None:
    """Label what is left of some shards, one after the other; the header of the plan is as it is in the folder."""
    header, failed = plan.header, 0
    labeler = cache(lambda: plan.labeler(device))
    set_multi_processing(**plan.cfg.get('env_cfg', {}).get('mp_cfg', {}))
    for shard in shards:
        writer = ShardWriter(plan.folder, header, shard)
        writer.require_same_images([plan.image(place) for place in writer.span[: writer.done]])
        failed += int(unreadable(writer.images).sum())
        loader = DataLoader(
            OwnImages(plan.dataset),
            batch_size=batch_size,
            sampler=writer.span[writer.done :],
            num_workers=workers,
            timeout=LOADER_TIMEOUT if workers else 0,
            collate_fn=pseudo_collate,
        )
        for batch in loader:
            failed += note_faults(batch)
            if failed > plan.max_unreadable:
                raise BankError(
                    f'{failed} of {header.images} unlabeled images cannot be read, the log names them',
                    f'at most {plan.max_unreadable:.0f}, a share of default_hooks.skipped_images.limit',
                    f'{failed} in the shards of this process so far',
                    f'fix or remove them, then make the bank in a new folder; where a disk was away, {GO_ON}',
                )
            images = labeler()(batch)
            require_own_places(plan, writer.span[writer.done :], images)
            writer.append(images)
            progress.update()


def note_faults(batch: Mapping[str, Any]) -> int:
    """Name the unreadable images of a batch in the log; how many."""
    found = [sample.fault for sample in batch['data_samples'] if 'fault' in sample]
    for fault in found:
        text = f'no labels of an image that cannot be read: {fault}'
        print_log(text, 'current', logging.WARNING)
    return len(found)


def require_own_places(plan: BankPlan, places: range, images: list[LabeledImage]) -> None:
    """Compare labeled images with those of the data set in the first of the places; another one is a BankError."""
    for place, found in zip(places, images, strict=False):
        expected = plan.image(place)
        if (found.img_id, found.path) != expected:
            raise BankError(
                f'the data set of unlabeled images answers with another image than that in place {place}',
                f'{expected[0]!r}, {expected[1]}',
                f'{found.img_id!r}, {found.path}',
                'take UnlabeledDataset, or one that raises UnreadableImageError where max_refetch=0',
            )


def wait_for_all(
    header: Header, progress: BankProgress, patience: float = PATIENCE_SECONDS
) -> None:
    """Until the other processes have written their shards; no new image for ``patience`` seconds is a BankError."""
    done, since = progress.count(), time.monotonic()
    while done < header.images:
        progress.update()
        time.sleep(POLL_SECONDS)
        before, done = done, progress.count()
        if done > before:
            since = time.monotonic()
        elif time.monotonic() - since > patience:
            folder = progress.folder
            spans = enumerate(map(header.span, range(header.num_shards)))
            short = [f'{n}' for n, span in spans if images_in_shard(folder, n) < len(span)]
            raise BankError(
                f'the label bank {folder} does not grow: no process has written an image for {patience:g} s',
                f'{header.images} images from all processes',
                f'{done}; not whole: shards {", ".join(short[:5])}{" ..." if len(short) > 5 else ""}',
                f'a process has ended or hangs, its own log says why; {GO_ON}. With --kill-on-bad-exit=1 srun ends all '
                'processes when one fails',
            )


def close_bank(plan: BankPlan, coco: bool) -> None:
    """Write the finished header and then the json, as far as they are not there; one process at a time."""
    header, file = plan.header, plan.folder / COCO
    if not header.shards or (coco and not file.is_file()):
        with closing(WriterLock(plan.folder / LOCK)):
            header = Header.load(plan.folder)  # another may have closed it meanwhile
            if not header.shards:
                list_unreadable(plan)
                header = finish(plan.folder, header)
            if coco and not file.is_file():
                labeled = labeled_annotations(plan.cfg)
                ids = category_ids(labeled, header.classes)
                write_coco(plan.folder, header, plan, labeled['categories'], ids)
    boxes = sum(header.shards)
    print_log(
        f'label bank {plan.folder}: {header.images} images, {boxes} boxes'
        f'{" in both views" if header.mirrored else ""}, p >= {header.floor}',
        'current',
    )


def list_unreadable(plan: BankPlan) -> None:
    """Write and count the images that could not be read, whichever process met them."""
    paths = []
    for shard in range(plan.header.num_shards):
        blank = unreadable(mapped(plan.folder, shard)[0])
        paths += [
            plan.image(place)[1] for place in np.array(plan.header.span(shard))[blank].tolist()
        ]
    if paths:
        file = plan.folder / UNREADABLE
        write_whole(file, ''.join(f'{path}\n' for path in paths).encode(errors='backslashreplace'))
        print_log(
            f'{len(paths)} of {plan.header.images} images could not be read and have no labels; all are in {file}',
            'current',
            logging.WARNING,
        )
