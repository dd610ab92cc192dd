"""Base class of label formats, and what they share: finding images of label files, classes, ids."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mmssod.datasets.annotation_files import plain_name
from mmssod.datasets.left_out import is_junk
from mmssod.datasets.preparation import SHOWN, Findings
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.structures.problem import Problem

Box = dict[str, Any]
"""``class``, ``bbox`` (x y w h in pixels, counted from 0) and, of a crowd or a difficult object, ``iscrowd`` 1."""
Size = tuple[int, int]
"""Width and height of an image, pixels."""
Coco = dict[str, Any]
"""Content of a COCO json, see :func:`mmssod.datasets.split.read_coco`."""


@dataclass(frozen=True)
class LabeledImage:
    """Labels of one image; a missing size is read from the file.

    Args:
        name: File name of the image, relative to the folder of the images.
        boxes: See :data:`Box`.
        size: Width and height, pixels.
    """

    name: str
    boxes: Sequence[Box]
    size: Size | None = None


@dataclass(frozen=True)
class Source:
    """One labeled set as the user names it.

    Args:
        labels: File or folder.
        images: Folder of its images; '' looks where its format usually has them.
        listed: The file that names both, which may say more of them (class names of YOLO).
    """

    labels: str
    images: str = ''
    listed: Path | None = None


class LabelFormat:
    """A format of labels. A subclass in a module of this folder is found by every command.

    It gives ``name``, ``about`` and ``ending``; to be read :meth:`parse` (or :meth:`read`), to be written
    :meth:`write`, and else says ``reads = False`` or ``writes = False``. A format with a file for each image is a
    :class:`FilePerImage`. A command makes an instance for each set, so a method may keep what a later one needs.
    """

    name: ClassVar[str] = ''
    """The word behind ``--format``; a class without one is no format."""
    about: ClassVar[str] = ''
    """What its labels are, such as ``a COCO json``, for help and messages."""
    ending: ClassVar[str] = ''
    """Suffix of its files, in small letters, with the dot."""
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    folder: ClassVar[bool] = False
    """Whether labels are a folder of files and not one file."""
    scores: ClassVar[str] = ''
    """What ``mmssod label --scores`` adds; '' where it makes no difference."""
    iscrowd: ClassVar[str] = 'background'
    """What boxes with ``iscrowd`` are in training, see :data:`mmssod.datasets.annotation_files.ISCROWD`."""
    known: ClassVar[dict[str, type[LabelFormat]]] = {}

    def __init_subclass__(cls) -> None:
        if cls.name:
            LabelFormat.known[cls.name] = cls

    def count(self, source: Path) -> int:
        """Number of files of this format in a file or folder; the format with the most files is chosen.

        One whose ending others have, too, looks inside: 0 for what is not its own, 2 for what is.
        """
        return int(source.suffix.lower() == self.ending)

    def parse(self, file: Path) -> Iterable[LabeledImage]:
        """The images that a file has labels of, those without a box included.

        Raises:
            Exception: Any, whose words say what is wrong with the file.
        """
        raise NotImplementedError

    def write(self, coco: Coco, out: Path, scores: bool) -> None:
        """Write a COCO data set, whose boxes may have a ``score``.

        Args:
            coco: COCO data set.
            out: The file, in a folder that may not be there yet; or the folder.
            scores: Whether scores were asked for (``scores``).
        """
        raise NotImplementedError

    def classes(self, source: Path, asked: Sequence[str], listed: Path | None) -> list[str]:
        """All class names in the order of labels; none where those of the boxes are all there are.

        Args:
            source: The labels.
            asked: Classes that the user names.
            listed: The file that names the set, see :class:`Source`.
        """
        return []

    def sets(self, file: Path) -> tuple[Source, Source | None] | None:
        """Training and evaluation sets that a file names; None for a file of another format."""
        return None

    def image_names(self, file: Path) -> Sequence[str]:
        """Names of images in a file of labels, by which the folder of the images is told."""
        return [image.name for image in self._parsed(file)]

    def read(
        self, source: Path, images: Path, asked: Sequence[str] = (), listed: Path | None = None
    ) -> tuple[Coco, Findings]:
        """A labeled set as COCO, see :func:`mmssod.datasets.formats.read_labels`."""
        names = self.classes(source, asked, listed)
        return as_coco(source, self._parsed(source), names, asked)

    def _parsed(self, file: Path) -> list[LabeledImage]:
        try:
            return list(self.parse(file))
        except Exception as error:  # a damaged file may raise nearly anything
            raise InputError(f'{file}: expected {self.about}: {error}') from error


class FilePerImage(LabelFormat):
    """A format whose labels are a folder with a file for each image, of its name.

    It gives :meth:`boxes` to be read, :meth:`content` to be written, and what a file should hold.
    """

    folder = True
    wanted: ClassVar[str] = ''
    """What each file should hold, for people."""

    def boxes(self, file: Path, size: Size, names: Sequence[str]) -> list[Box]:
        """The boxes of a file.

        Args:
            file: Label file.
            size: Size of the image.
            names: See :meth:`classes`.

        Raises:
            Exception: Any, whose words say what is wrong with the file; all such files are named together.
        """
        raise NotImplementedError

    def content(
        self, image: Box, boxes: Sequence[Box], names: Sequence[str], scores: bool
    ) -> str | bytes:
        """The content of an image's file.

        Args:
            image: Image entry of the COCO data set; ``width`` and ``height`` are there.
            boxes: COCO annotations of the image, each with its ``label`` in names.
            names: Class names.
            scores: See :meth:`write`.
        """
        raise NotImplementedError

    def files(self, folder: Path, stems: Iterable[str] = ()) -> list[Path]:
        """Label files of a folder and its subfolders, sorted; what systems and editors put there is passed over.

        Args:
            folder: Folder to read.
            stems: Names of images without suffix.
        """
        files = sorted(file for file in folder.rglob('*') if file.suffix.lower() == self.ending)
        return [file for file in files if not is_junk(str(file.relative_to(folder)))]

    def problems(self, source: Path) -> Iterable[Problem]:
        """Problems that concern several files, once all were read."""
        return ()

    def count(self, source: Path) -> int:
        """Number of label files in a folder."""
        return len(self.files(source)) if source.is_dir() else 0

    def read(
        self, source: Path, images: Path, asked: Sequence[str] = (), listed: Path | None = None
    ) -> tuple[Coco, Findings]:
        """The images that have a file, and what is wrong with single files."""
        from mmssod.datasets.aspect import header_size
        from mmssod.datasets.image_lists import find_images  # here, so that --help is quick

        names = self.classes(source, asked, listed)
        by_key, by_stem = {}, defaultdict(list)
        for image in find_images(str(images)):
            by_key[_key(image.name)] = image
            by_stem[_composed(Path(image.name).stem)].append(image)
        read: list[LabeledImage] = []
        lost, broken = [], []
        for file in self.files(source, by_stem):
            same = by_stem.get(_composed(file.stem), [])
            place = by_key.get(_key(file.relative_to(source).as_posix()))
            place = place or (same[0] if len(same) == 1 else None)
            if place is None:
                lost.append(file.name)
                continue
            width, height = header_size(place.path)
            try:
                size = int(width), int(height)  # NaN of an unreadable image raises
                read.append(LabeledImage(place.name, self.boxes(file, size, names), size))
            except Exception as error:  # a damaged file may raise nearly anything
                broken.append(f'{file.name} ({error})')
        problems = []
        if lost:
            what = f'{len(lost)} label files without an image'
            expected = f'for each {self.ending} one image of the same name below {images}'
            fix = 'name the folder of the images with --images, or remove the files'
            problems.append(Problem(what, expected, ', '.join(lost[:SHOWN]), fix))
        if broken:
            what = f'{len(broken)} label files cannot be read'
            fix = f'correct or remove them in {source}'
            problems.append(Problem(what, self.wanted, ', '.join(broken[:SHOWN]), fix))
        coco, found = as_coco(source, read, names, asked)
        return coco, Findings(problems=(*problems, *self.problems(source))) + found

    def write(self, coco: Coco, out: Path, scores: bool) -> None:
        """Write a file for each image."""
        names = [category['name'] for category in coco['categories']]
        labels = {category['id']: label for label, category in enumerate(coco['categories'])}
        out.mkdir(parents=True, exist_ok=True)
        boxes = defaultdict(list)
        for box in coco['annotations']:
            boxes[box['image_id']].append({**box, 'label': labels[box['category_id']]})
        for image, file in zip(coco['images'], self.places(coco, out), strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, self.content(image, boxes[image['id']], names, scores), sync=False)

    def places(self, coco: Coco, out: Path) -> list[Path]:
        """The label file of each image in a folder.

        Raises:
            ValueError: An image without a size; images that differ only in their suffix, whose labels would share it.
        """
        for image in coco['images']:
            if not image.get('width') or not image.get('height'):
                raise InputError(
                    f'{image["file_name"]}: expected width and height in the data set, found none'
                )
        by_file: dict[Path, list[str]] = defaultdict(list)
        for image in coco['images']:
            file = (out / inside(image['file_name'])).with_suffix(self.ending)
            by_file[file].append(image['file_name'])
        if shared := [found for found in by_file.values() if len(found) > 1]:
            raise InputError(
                f'labels: expected a name of its own, without suffix, for each image; {len(shared)} are shared, such '
                f'as by {" and ".join(shared[0])}. Rename images, or write a COCO json'
            )
        return list(by_file)


def as_coco(
    source: Path, read: Sequence[LabeledImage], names: Sequence[str], asked: Sequence[str]
) -> tuple[Coco, Findings]:
    """A COCO data set of what was read, and a warning that counts the boxes of classes that were not asked for.

    Args:
        source: The labels, for messages.
        read: Images with their boxes.
        names: All class names in order; none for those of the boxes, sorted.
        asked: Classes that the user wants, in order; none for all.

    Raises:
        ValueError: A class is asked for that is not in ``names``, or, without these, none that any box has.
    """
    counts = Counter(str(box['class']) for image in read for box in image.boxes)
    asked, known = [plain_name(name) for name in asked], list(names) or sorted(counts)
    if missing := [name for name in asked if name not in known]:
        if names or not set(asked) & set(known):
            raise InputError(f'classes: {missing} are not in {source}, which has {known}')
    ids = {name: number for number, name in enumerate(asked or known, start=1)}
    images: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for number, image in enumerate(read, start=1):
        size = dict(zip(('width', 'height'), image.size or (), strict=False))
        images.append(dict(id=number, file_name=image.name, **size))
        for box in image.boxes:
            if box['class'] in ids:
                # Boxes count from 1, since pycocotools takes box 0 for none.
                place = dict(id=len(boxes) + 1, image_id=number, category_id=ids[box['class']])
                place |= dict(area=box['bbox'][2] * box['bbox'][3], iscrowd=0)
                boxes.append(place | {key: box[key] for key in box if key != 'class'})
    categories = [dict(id=number, name=name) for name, number in ids.items()]
    coco = dict(images=images, annotations=boxes, categories=categories)
    return coco, left_out(source, counts, coco)


def left_out(source: Path, counts: Mapping[str, int], coco: Coco) -> Findings:
    """A warning that counts the boxes of classes which a data set has not."""
    kept = {category['name'] for category in coco['categories']}
    dropped = {name: count for name, count in counts.items() if count and name not in kept}
    if not dropped:
        return Findings()
    said = ', '.join(f'{name} ({count})' for name, count in sorted(dropped.items()))
    text = f'{sum(dropped.values())} boxes of other classes in {source} are left out: {said}'
    return Findings(warnings=(text,))


def inside(name: str) -> str:
    """A relative path that stays below the folder it is joined to."""
    parts = [part for part in Path(name).parts if part not in ('..', '.', Path(name).anchor)]
    return str(Path(*parts))


def _composed(name: str) -> str:
    """A file name with composed accents; macOS writes them decomposed."""
    return unicodedata.normalize('NFC', name)


def _key(name: str) -> str:
    """A relative path without its suffix; ``labels`` and ``images`` in it mean the same."""
    stem = _composed(str(Path(name).with_suffix('')))
    return re.sub(r'(^|/)(labels|images|Annotations|JPEGImages)/', r'\1', stem)
