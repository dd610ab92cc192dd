"""Images without annotations as an MMDetection data set."""

import logging
import math
import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmdet.datasets import BaseDetDataset
from mmdet.registry import DATASETS
from mmengine.logging import print_log

from mmssod.datasets.image_cache import with_cache
from mmssod.datasets.image_files import UnreadableImageError
from mmssod.datasets.image_lists import FoundImage, exclude_names, find_images, read_names
from mmssod.datasets.left_out import left_out as other_files
from mmssod.datasets.skipped_images import SkippedImages
from mmssod.datasets.transforms.steps import Pipeline, as_list
from mmssod.environment.errors import InputError
from mmssod.structures import Problem


@DATASETS.register_module()
class UnlabeledDataset(BaseDetDataset):
    """Images from a folder, a glob, a text list or a COCO json.

    Annotations are never read, even where there are some. An image that cannot be read is skipped: the next one stands
    in for it, and ``skipped`` lists it for the ``SkippedImagesHook``.

    Each sample starts as ``img_path``, ``img_id``, empty ``instances``, and ``width`` and
    ``height`` where a json gives them. ``img_id`` is the json's id, or a number that
    stands for the image's name: images that are added, removed or left out by ``exclude`` change no other one's.

    Args:
        images: A folder (with all its subfolders), a glob, a text list (.txt, one path a line) or a
            COCO json; relative to ``data_root``.
        data_root: Folder that ``images``, ``exclude`` and ``data_prefix`` are relative to.
        data_prefix: ``dict(img=folder)`` that the names in a list or json are relative to.
        exclude: A COCO json or text list, or several, of images to leave out, such as the labeled
            ones of the same folder; '' leaves out none.
        metainfo: As in every mmdet data set; classes may be left out, ``SemiDataset`` has the
            labeled set's.
        pipeline: Transforms; none may need boxes.
        max_refetch: Unreadable images in a row before an error.
        cache: ``folder`` and ``limit`` of :class:`~mmssod.datasets.image_cache.CachedSteps`, for files that are much
            larger than what is made of them; None keeps nothing.
        indices, serialize_data, test_mode, lazy_init, backend_args: As in mmengine's ``BaseDataset``.

    Raises:
        FileNotFoundError, ValueError: At ``full_init``: nothing there, nothing left, or not what it
            should be.
    """

    refuses_outside = True  # image names that lead out of their folder

    @staticmethod
    def file_problems(node: Mapping[str, Any], cfg: Mapping[str, Any]) -> Iterator[Problem]:
        """Problems in finding its images."""
        keys = ('images', 'data_root', 'data_prefix', 'exclude')
        given = {key: node[key] for key in keys if node.get(key)}
        images = given.get('images')
        if not isinstance(images, str) or '://' in images or node.get('backend_args'):
            return
        try:
            UnlabeledDataset(**given, lazy_init=True).find()
        except (OSError, ValueError) as error:
            expected = 'a folder, a glob, a text list or a COCO json with images'
            fix = 'correct images, data_root, data_prefix and exclude'
            yield Problem('no images to train on', expected, str(error), fix)

    def __init__(
        self,
        images: str,
        *,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        exclude: str | Sequence[str] = '',
        metainfo: Mapping[str, Any] | None = None,
        pipeline: Pipeline = (),
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        test_mode: bool = False,
        lazy_init: bool = False,
        max_refetch: int = 1000,
        cache: Mapping[str, Any] | None = None,
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        prefix = dict(data_prefix or {})
        if set(prefix) - {'img'}:
            raise InputError(
                f"data_prefix of UnlabeledDataset has the one key 'img', got {sorted(prefix)}"
            )
        self.images = images
        self.exclude = [exclude] if isinstance(exclude, str) else list(exclude)
        self.exclude = [file for file in self.exclude if file]
        self.num_excluded = 0
        self._image_prefix = prefix.get('img', '')
        self.skipped = SkippedImages()
        super().__init__(
            data_root=data_root,
            data_prefix=dict(img=self._image_prefix),
            metainfo=metainfo,
            pipeline=with_cache(as_list(pipeline), cache),
            indices=indices,
            serialize_data=serialize_data,
            test_mode=test_mode,
            lazy_init=lazy_init,
            max_refetch=max_refetch,
            backend_args=backend_args,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """The records of all images, those of ``exclude`` left out; says how many in the log."""
        kept, self.num_excluded, useless = self.find()
        for file in useless:
            text = f'exclude={file!r} names no image of {self.images!r}: the right file?'
            print_log(text, 'current', logging.WARNING)
        left_out = (
            f', {self.num_excluded} left out by exclude={self.exclude}' if self.exclude else ''
        )
        source = osp.join(self.data_root or '', self.images)
        others = '' if self.backend_args or '://' in source else other_files(source)
        left_out += f'; other files there: {others}' if others else ''
        print_log(
            f'{type(self).__name__}: {len(kept)} images of {self.images!r}{left_out}', 'current'
        )
        return [_record(image) for image in kept]

    def prepare_data(self, idx: int) -> Any:
        """The sample of image ``idx``, or of the next readable one: an unreadable image never ends a run.

        The next one is the next in the source's order, so that what stands in does not depend on chance or on workers.

        Raises:
            UnreadableImageError: none of ``max_refetch`` + 1 images in a row can be read.
        """
        last: UnreadableImageError | None = None
        for place in range(idx, idx + self.max_refetch + 1):
            try:
                return super().prepare_data(place % len(self))
            except UnreadableImageError as error:
                last = error
                self.skipped.add(self.get_data_info(place % len(self))['img_path'], str(error))
        raise UnreadableImageError(
            f'{self.max_refetch + 1} images of {self.images!r} in a row cannot be read, the last: {last}'
        ) from last

    def find(self) -> tuple[list[FoundImage], int, list[str]]:
        """The images but those of ``exclude``, how many these are, and which files of ``exclude`` name none of them.

        Raises:
            FileNotFoundError, ValueError: nothing there, or nothing left.
        """
        where: dict[str, Any] = dict(root=self.data_root, backend_args=self.backend_args)
        found = kept = find_images(self.images, prefix=self._image_prefix, **where)
        useless = []
        for file in self.exclude:
            before, kept = kept, exclude_names(kept, read_names(file, **where))
            useless += [file] if len(kept) == len(before) else []
        if not kept:
            left = f'leaves none of {len(found)} images of {self.images!r}'
            raise InputError(f'exclude={self.exclude} {left}')
        return kept, len(found) - len(kept), useless


def _record(image: FoundImage) -> dict[str, Any]:
    record: dict[str, Any] = dict(img_path=image.path, img_id=image.img_id, instances=[])
    if not (math.isnan(image.width) or math.isnan(image.height)):
        record.update(width=int(image.width), height=int(image.height))
    return record
