"""Checks which parts of a published data set are present and which are missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmssod.datasets.preparation import SHOWN
from mmssod.structures import Problem


def count_warning(name: str, found: int, published: int) -> tuple[str, ...]:
    """A line when a data set has another number of images than was published; a part of it may be meant."""
    if found == published:
        return ()
    return (f'{name}: {found} images, where the published data set has {published}',)


def missing_files(
    name: str, wanted: Sequence[str], folder: Path, archive: str
) -> tuple[Problem, ...]:
    """One problem for all files that are not in a folder; none, no problem.

    Args:
        name: what the files are, such as ``images of val2017``.
        wanted: file names in the folder.
        folder: where they should be.
        archive: the address that they are downloaded from.
    """
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    missing = [file for file in wanted if file not in present]
    if folder.is_dir() and not missing:
        return ()
    shown = ', '.join(missing[:SHOWN]) + (', ...' if len(missing) > SHOWN else '')
    actual = f'{len(missing)} of {len(wanted)} are not there: {shown}'
    if not folder.is_dir():
        actual = f'no such folder: {folder.absolute()}'
    expected = f'{len(wanted)} files in {folder}' if wanted else f'a folder {folder}'
    fix = f'unpack {archive} so that the files lie in {folder}'
    return (Problem(f'{name}: missing', expected, actual, fix),)
