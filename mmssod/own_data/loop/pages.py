"""Output of the labeling loop: a page of images, each with a reason, and labels to correct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from mmssod.analysis.report.gallery import Item, embed, link_files
from mmssod.analysis.report.page import filled
from mmssod.datasets.formats import formats, write_labels
from mmssod.datasets.split import Coco
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole

MOST_BYTES = 20_000_000


def new_folder(folder: Path, name: str, out: str | None) -> Path:
    """A folder for labels to correct, which no earlier call has written: what was corrected there is not overwritten.

    Args:
        folder: Project folder.
        name: ``NAME_1``, ``NAME_2``, ... in it are tried.
        out: The folder that is asked for instead.

    Raises:
        ValueError: ``out`` is there and not empty.
    """
    if out is None:
        return next(place for n in count(1) if not (place := folder / f'{name}_{n}').exists())
    if Path(out).exists() and (not Path(out).is_dir() or any(Path(out).iterdir())):
        raise InputError(
            f'out: expected a new or empty folder, got {out}, whose labels may have been corrected; fix: name another '
            'one with --out'
        )
    return Path(out)


def write_formats(coco: Coco, folder: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """Write labels to correct in several formats.

    Args:
        coco: Data set of the images.
        folder: For ``FORMAT`` folders and ``FORMAT.ending`` files; it is made.
        kinds: Formats; none for all that can be written.

    Returns:
        What was written, by format.
    """
    known = formats(writes=True)
    places = {k: folder / (k if known[k].folder else k + known[k].ending) for k in kinds or known}
    return {kind: write_labels(coco, place, kind) for kind, place in places.items()}


def write_pictures(
    file: Path,
    items: Sequence[Item],
    *,
    title: str,
    sub: str,
    notes: Sequence[str],
    classes: Sequence[str],
    words: Mapping[str, str],
) -> int:
    """Write a page of pictures, as many as fit, with the boxes of all layers in ``words``.

    Args:
        file: The page; its folder is there.
        items: Items of the gallery, in its order.
        title, sub, notes: Heading, what is below it, paragraphs before the pictures.
        classes: Names, for the filter.
        words: What boxes of each layer are called.

    Returns:
        How many pictures it has.
    """
    shown = embed(items, MOST_BYTES)
    link_files(shown, file.parent)
    rest = len(items) - len(shown)
    text = filled(
        'pictures.html',
        title=title,
        sub=sub,
        notes=[*notes, *([f'{rest} more are in the list: a page holds no more.'] if rest else [])],
        classes=classes,
        items=shown,
        layers=[(layer, True) for layer in words],
        words=dict(words),
    )
    write_whole(file, text.encode(errors='backslashreplace'))
    return len(shown)
