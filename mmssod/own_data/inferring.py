"""Run a detector on images, folders and videos that no data set knows."""

from __future__ import annotations

import glob
import logging
import os.path as osp
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import cv2
import mmcv
import numpy as np
from mmengine.logging import print_log

from mmssod.analysis.tags import draw_tags
from mmssod.apis.config import ConfigLike, load_config
from mmssod.apis.offline_labels import with_annotations
from mmssod.datasets.image_files import UnreadableImageError
from mmssod.datasets.image_lists import IMAGE_SUFFIXES, find_images, list_folder, source_kind
from mmssod.datasets.left_out import left_out
from mmssod.datasets.split import Coco
from mmssod.datasets.transforms import LoadWholeImage
from mmssod.engine.progress import with_progress
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.evaluation.detections import certainties, corners
from mmssod.own_data.detector import Detector
from mmssod.own_data.score_thresholds import Thresholds
from mmssod.own_data.streams import is_live, shown

SHOWN = 5
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.mpg', '.mpeg')


@dataclass(frozen=True)
class Frame:
    """One image to look at.

    Args:
        name: Relative name for what is written about it, such as ``a/b.jpg`` or ``film/000012.jpg``.
        image: Path of a file, or pixels BGR of shape (H, W, 3), uint8.
        img_id: As the one COCO json of the inputs has it; None for a number of its own.
    """

    name: str
    image: str | np.ndarray
    img_id: int | str | None = None

    def pixels(self) -> np.ndarray:
        """Pixels BGR, upright, shape (H, W, 3), uint8.

        Raises:
            UnreadableImageError: What training would not read, see :class:`~mmssod.datasets.transforms.LoadWholeImage`.
        """
        if not isinstance(self.image, str):
            return self.image
        pixels: np.ndarray = LoadWholeImage()(dict(img_path=self.image))['img']
        return pixels


def frames(inputs: Sequence[str], every: int = 1, written: Sequence[Path] = ()) -> Iterable[Frame]:
    """Images of files, folders, globs, lists and COCO jsons, and frames of videos, in this order.

    Names are those within a folder, glob or list, the file's, or ``VIDEO/000012.jpg``. Where two inputs have the same
    one, the later gets its folder before it, and else a number. All inputs are looked up before the first frame.
    Without a video the result is a list. Of a COCO json as the only input the ids are kept.

    Args:
        inputs: Their paths.
        every: Of a video, each so many-th frame, >= 1.
        written: Files and folders that will be written.

    Raises:
        FileNotFoundError: An input is not there.
        ValueError: ``every`` is below 1, a file is neither image nor video, a video cannot be opened, an input is a
            camera or an address, or is among ``written``.
    """
    if every < 1:
        raise InputError(f'every: expected a whole number >= 1, got {every}')
    if live := [shown(source) for source in inputs if is_live(source)]:
        raise InputError(
            f'{live[0]}: expected files and folders; fix: give a camera or stream to `mmssod infer`, as its only input'
        )
    sources = [one for source in inputs for one in _expand(source)]
    found = [(source, _frames(source, every)) for source in sources]
    for source, several in found:
        images = [one.image for one in several] if isinstance(several, list) else []
        keep_apart([source, *map(str, images)], written)
    named = _with_free_names(found, ids=len(sources) == 1)
    return list(named) if all(isinstance(several, list) for _, several in found) else named


def keep_apart(inputs: Iterable[str], written: Sequence[Path]) -> None:
    """Check that no input is among the files and folders that will be written.

    Raises:
        ValueError: One is.
    """
    targets = [path.resolve() for path in written]
    for file in inputs if targets else ():
        if any(Path(file).resolve().is_relative_to(target) for target in targets):
            raise InputError(
                f'out: expected a folder without the inputs, which would be overwritten, got {file}: name another '
                'folder, or leave that file out of the inputs'
            )


def _with_free_names(found: Sequence[tuple[str, Iterable[Frame]]], *, ids: bool) -> Iterator[Frame]:
    used: set[str] = set()
    for source, several in found:
        for frame in several:
            name = free_name(frame.name, source, used)
            used.add(name)
            yield Frame(name, frame.image, frame.img_id if ids else None)


def free_name(name: str, source: str, used: Collection[str]) -> str:
    """``name``, or where it is used ``FOLDER/name`` of the input's folder, or ``name`` with a number, from 2 on."""
    if name not in used:
        return name
    place = Path(osp.abspath(source))
    place = place if place.is_dir() else place.parent
    path = Path(name)
    numbered = (str(path.with_stem(f'{path.stem}_{number}')) for number in count(2))
    return next(one for one in chain([f'{place.name}/{name}'], numbered) if one not in used)


def relative_names(paths: Sequence[str]) -> list[str]:
    """Names of files below the folder that holds them all; written with ``/``, never absolute and without ``..``."""
    files = [osp.abspath(path) for path in paths]
    folder = osp.commonpath([osp.dirname(file) for file in files]) if files else ''
    return [Path(file).relative_to(folder).as_posix() for file in files]


def _expand(source: str) -> list[str]:
    """An input; of a glob, itself if it has images, and the videos that it has."""
    if not is_glob(source):
        return [source]
    files = sorted(glob.glob(source, recursive=True))
    videos = [file for file in files if file.lower().endswith(VIDEO_SUFFIXES)]
    images = any(file.lower().endswith(IMAGE_SUFFIXES) for file in files)
    return [source, *videos] if images or not videos else videos


def is_glob(source: str) -> bool:
    """Whether an input has wildcards; ``a[1].jpg`` has none where a file is called so."""
    return glob.has_magic(source) and not osp.exists(source)


def _frames(source: str, every: int) -> Iterable[Frame]:
    """The images of one input as a list, or the frames of a video, with names that are theirs alone."""
    suffix = osp.splitext(source)[1].lower()
    if suffix in VIDEO_SUFFIXES:
        _require_video(source)
        return _video(source, every)
    if suffix in IMAGE_SUFFIXES and not osp.isdir(source) and not is_glob(source):
        if not osp.isfile(source):
            raise FileNotFoundError(f'no image {source}')
        return [Frame(osp.basename(source), source)]
    if osp.isfile(source) and suffix not in ('.txt', '.json'):
        raise InputError(
            f'{source}: expected an image ({", ".join(IMAGE_SUFFIXES)}), a video '
            f'({", ".join(VIDEO_SUFFIXES)}), a folder, a glob, a text list or a COCO json'
        )
    lists = source_kind(source) in ('text list', 'COCO json')
    found = find_images(source, prefix=list_folder(source) if lists else '')
    names = [image.name for image in found]
    if any(osp.isabs(name) or name.startswith('../') for name in names):
        names = relative_names([image.path for image in found])
    if others := left_out(source):
        print_log(f'{source}: other files are left out: {others}', 'current')
    json = source_kind(source) == 'COCO json'
    return [
        Frame(name, image.path, image.img_id if json else None)
        for name, image in zip(names, found, strict=True)
    ]


def infer(
    config: ConfigLike,
    checkpoint: str,
    inputs: Iterable[Frame],
    *,
    part: str = 'auto',
    score_thr: Thresholds = 0.3,
    device: str | None = None,
    pictures: Path | None = None,
    certainty: bool = False,
    tile: int | None = None,
    overlap: float = 0.2,
) -> Coco:
    """Detect on each frame.

    Args:
        config: The run's config.
        checkpoint: Of the run.
        inputs: See :func:`frames`.
        part: Which detector, see :func:`~mmssod.apis.plain.plain_detector`.
        score_thr: Least score of a box that is kept: a number, or by class, see
            :func:`~mmssod.own_data.score_thresholds.class_limits`.
        device: By default a GPU if there is one.
        pictures: Folder for the frames with boxes drawn; None draws none.
        certainty: Whether p and v are drawn beside the score.
        tile: Of large images, see :class:`~mmssod.own_data.detector.Detector`.
        overlap: Of tiles, likewise.

    Images that cannot be read are left out, counted and listed in a warning at the end.

    Returns:
        A COCO data set whose annotations have ``score`` and, where the detector gives them, ``cls_certainty`` (p) and
        ``loc_certainty`` (v); category ids count from 1.

    Raises:
        ValueError: No image could be read.
    """
    options: dict[str, Any] = dict(score_thr=score_thr, device=device, tile=tile, overlap=overlap)
    look = Detector(load_config(config), checkpoint, part=part, **options)
    draw = _Painter(look.classes, pictures, certainty) if pictures else None
    images, found, skipped = [], [], []
    for number, frame in enumerate(with_progress(inputs, 'images'), start=1):
        try:
            pixels = frame.pixels()
        except UnreadableImageError as error:
            skipped.append(str(error))
            continue
        img_id = number if frame.img_id is None else frame.img_id
        boxes = look.detections(look.sample(pixels, img_id))
        size = dict(width=pixels.shape[1], height=pixels.shape[0])
        images.append(dict(id=img_id, file_name=frame.name, **size))
        found += boxes
        if draw:
            draw(frame.name, pixels, boxes)
    tell_skipped(skipped, len(images))
    empty = dict(images=images, annotations=[], categories=look.categories())
    coco = with_annotations(empty, found)
    annotations = [{**box, **more} for more, box in zip(coco['annotations'], found, strict=True)]
    return {**coco, 'annotations': annotations}


def tell_skipped(skipped: Sequence[str], used: int) -> None:
    """A warning that lists the images that were not read.

    Args:
        skipped: Their paths, each with the reason.
        used: How many were read.

    Raises:
        ValueError: All were not.
    """
    if not skipped:
        return
    said = f'{len(skipped)} of {len(skipped) + used} images cannot be read and were skipped'
    if not used:
        shown = '; '.join(skipped[:SHOWN]) + ('; ...' if len(skipped) > SHOWN else '')
        raise InputError(f'{said}, expected at least one that can: {shown}')
    print_log('\n  '.join([f'{said}:', *skipped]), 'current', logging.WARNING)


def draw_found(
    pixels: np.ndarray, found: Sequence[dict], classes: Sequence[str], certainty: bool = False
) -> np.ndarray:
    """A copy of an image with boxes, each with its class and score.

    Args:
        pixels: BGR, shape (H, W, 3), uint8.
        found: Its detections in COCO's result format, category ids from 1.
        classes: Names.
        certainty: Whether p and v are written beside the score.
    """
    found = sorted(found, key=lambda box: -box['score'])
    labels = [box['category_id'] - 1 for box in found]
    tags = [
        f'{classes[label]} {box["score"]:.2f}' for label, box in zip(labels, found, strict=True)
    ]
    if certainty:
        p, v = certainties(found)
        tags = [f'{tag} p {p[i]:.2f} v {v[i]:.2f}' for i, tag in enumerate(tags)]
    return draw_tags(pixels, corners(found), tags, labels)


class _Painter:
    """Draws boxes into copies of frames, below a folder."""

    def __init__(self, classes: Sequence[str], folder: Path, certainty: bool) -> None:
        self.classes, self.folder, self.certainty = classes, folder, certainty
        self.written: set[Path] = set()

    def __call__(self, name: str, pixels: np.ndarray, found: Sequence[dict]) -> None:
        file = (self.folder / name).with_suffix('.jpg')
        if file in self.written:  # of a.png beside a.jpg
            file = self.folder / f'{name}.jpg'
        if not file.resolve().is_relative_to(self.folder.resolve()):
            raise InputError(
                f'{name}: expected a name of a file below {self.folder}, it is {file.resolve()}'
            )
        self.written.add(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        drawn = draw_found(pixels, found, self.classes, self.certainty)
        write_whole(file, cv2.imencode('.jpg', drawn)[1].tobytes(), sync=False)


def _require_video(path: str) -> None:
    if not osp.isfile(path):
        raise FileNotFoundError(f'no video {path}')
    if not mmcv.VideoReader(path).opened:
        raise InputError(f'{path}: expected a video that OpenCV can read, could not open it')


def _video(path: str, every: int) -> Iterator[Frame]:
    stem = osp.splitext(osp.basename(path))[0]
    for number, pixels in enumerate(mmcv.VideoReader(path)):
        if pixels is None:
            break
        if number % every == 0:
            yield Frame(f'{stem}/{number:06d}.jpg', pixels)
