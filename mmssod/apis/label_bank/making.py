"""Make a label bank, with one process or many that share nothing but the folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
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
from mmssod.apis.label_bank.plan import FLOOR, BankPlan, ImageNames, plan_bank
from mmssod.apis.label_bank.progress import BankProgress
from mmssod.apis.label_bank.views import ViewLabeler
from mmssod.label_bank import BankError, Header, ShardWriter, finish, write_coco
from mmssod.label_bank.layout import COCO, HEADER
from mmssod.label_bank.shards import LabeledImage, images_in_shard

PART_IMAGES = 64  # what a kill may lose, a process
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
        BankError: The folder has another bank, or one of other images; another process writes a shard; the other
            processes write no more.
    """
    cfg = load_config(config, cfg_options=cfg_options, launcher=launcher)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    rank, processes, local_rank = launched_as(launcher)
    plan = plan_bank(cfg, checkpoint, out=out, floor=floor, processes=processes)
    header = agree_on_header(plan, first=rank == 0)
    if not header.shards:
        with BankProgress(plan.folder, header, shown=rank == 0) as progress:
            label_shards(
                plan,
                [
                    ShardWriter(plan.folder, header, n)
                    for n in range(rank, header.num_shards, processes)
                ],
                device_of(local_rank),
                batch_size=batch_size,
                workers=workers,
                progress=progress,
            )
            if rank == 0:
                wait_for_all(header, progress)
    if rank == 0:
        close_bank(plan, header, coco)
    return plan.folder


def agree_on_header(plan: BankPlan, first: bool) -> Header:
    """The header in the folder, which the first process writes where there is none.

    Raises:
        BankError: The bank there was made otherwise.
    """
    file = plan.folder / HEADER
    if first and not file.is_file():
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
    writers: Sequence[ShardWriter],
    device: torch.device,
    *,
    batch_size: int,
    workers: int,
    progress: BankProgress,
) -> None:
    """Label what is left of some shards.

    Args:
        plan: Of the bank.
        writers: Of the shards.
        device: Where the teacher runs.
        batch_size: Images a step.
        workers: Processes that load images.
        progress: Shows how far it is.
    """
    for writer in writers:
        if writer.done:
            places = writer.span[0], writer.span[writer.done - 1]
            writer.require_same_images(*map(plan.image, places))
    left = {writer: batches(writer.span[writer.done :], batch_size) for writer in writers}
    if not any(left.values()):
        return
    labeler = ViewLabeler(
        plan.teacher(), plan.preprocessor(), plan.header.mirrored, plan.header.floor, device
    )
    stream = iter(loader(plan, [batch for part in left.values() for batch in part], workers))
    for writer, part in left.items():
        for images in parts(islice(stream, len(part)), labeler):
            writer.append(images)
            progress.update()


def batches(span: range, size: int) -> list[list[int]]:
    """A span of images in pieces of a size; the last one may be shorter."""
    return [list(span[start : start + size]) for start in range(0, len(span), size)]


def loader(plan: BankPlan, places: list[list[int]], workers: int) -> DataLoader:
    """Batches of images by their places."""
    set_multi_processing(**plan.cfg.get('env_cfg', {}).get('mp_cfg', {}))
    return DataLoader(
        plan.dataset, batch_sampler=places, num_workers=workers, collate_fn=pseudo_collate
    )


def parts(
    stream: Iterator[dict], labeler: ViewLabeler, least: int = PART_IMAGES
) -> Iterator[list[LabeledImage]]:
    """Labeled images, at least so many at a time but the last ones."""
    pending: list[LabeledImage] = []
    for batch in stream:
        pending += labeler(batch)
        if len(pending) >= least:
            yield pending
            pending = []
    if pending:
        yield pending


def wait_for_all(
    header: Header, progress: BankProgress, patience: float = PATIENCE_SECONDS
) -> None:
    """Until the other processes have written their shards.

    Args:
        header: Of the bank.
        progress: Counts what is there.
        patience: Seconds without a new image after which the others are taken for dead.

    Raises:
        BankError: No shard has grown for so long.
    """
    done, since = progress.count(), time.monotonic()
    while done < header.images:
        progress.update()
        time.sleep(POLL_SECONDS)
        before, done = done, progress.count()
        if done > before:
            since = time.monotonic()
        elif time.monotonic() - since > patience:
            raise stalled(header, progress.folder, done, patience)


def stalled(header: Header, folder: Path, done: int, patience: float) -> BankError:
    """The error of a bank whose other processes write no more."""
    short = [
        n for n in range(header.num_shards) if images_in_shard(folder, n) < len(header.span(n))
    ]
    return BankError(
        f'the label bank {folder} does not grow: no process has written an image for {patience:g} s',
        f'{header.images} images from all processes',
        f'{done}; not whole: shards {", ".join(map(str, short[:5]))}{" ..." if len(short) > 5 else ""}',
        'a process has ended or hangs, its own log says why; call tools/pseudo_label.py again: it goes on where it '
        'was. With --kill-on-bad-exit=1 srun ends all processes when one fails',
    )


def close_bank(plan: BankPlan, header: Header, coco: bool) -> None:
    """Write the json and, last, the finished header, as far as they are not there."""
    if coco and not (plan.folder / COCO).is_file():
        write_coco(plan.folder, header, ImageNames(plan), *plan.categories())
    if not header.shards:
        header = finish(plan.folder, header)
    boxes = sum(shard.boxes for shard in header.shards)
    print_log(
        f'label bank {plan.folder}: {header.images} images, {boxes} boxes'
        f'{" in both views" if header.mirrored else ""}, p >= {header.floor}',
        'current',
    )
