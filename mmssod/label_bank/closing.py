"""The end of a bank: all shards are waited for, one process closes it."""

from __future__ import annotations

import time
from contextlib import closing
from logging import WARNING

import numpy as np
from mmengine.logging import print_log

from mmssod.environment.whole_files import write_whole
from mmssod.label_bank import BankError, Header, finish, write_coco
from mmssod.label_bank.layout import COCO, GO_ON, LOCK, UNREADABLE, mapped
from mmssod.label_bank.plan import BankPlan
from mmssod.label_bank.progress import BankProgress
from mmssod.label_bank.shards import WriterLock, images_in_shard, unreadable

POLL_SECONDS = 0.5
# Without a new image or header; a process that lives appends much more often.
PATIENCE_SECONDS = 1800.0


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
                write_coco(plan.folder, header, plan, *plan.categories())
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
            WARNING,
        )
