"""The images of a bank one by one, each in its own place even if it cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from logging import WARNING
from typing import Any

from mmdet.structures import DetDataSample
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmssod.datasets.image_files import UnreadableImageError
from mmssod.label_bank import BankError
from mmssod.label_bank.plan import BankPlan
from mmssod.label_bank.shards import LabeledImage


class OwnImages(Dataset):
    """A data set whose samples are those of the images that were asked for.

    Args:
        dataset: The unlabeled images; where it would put another image in the place of an unreadable one, it must not
            (``max_refetch=0``).
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: int) -> dict[str, Any]:
        """``inputs`` and ``data_samples``; of an unreadable image no inputs, a shape of 0 x 0, and the ``fault``."""
        try:
            sample: dict[str, Any] = self.dataset[place]
            return sample
        except UnreadableImageError as error:
            record = self.dataset.get_data_info(place)
            meta = dict(
                img_id=record['img_id'],
                img_path=record['img_path'],
                ori_shape=(record.get('height', 0), record.get('width', 0)),
                img_shape=(0, 0),
                fault=str(error.__cause__ or error),
            )
            return dict(inputs=None, data_samples=DetDataSample(metainfo=meta))


def note_faults(batch: Mapping[str, Any]) -> int:
    """Name the unreadable images of a batch in the log; how many."""
    found = [sample.fault for sample in batch['data_samples'] if 'fault' in sample]
    for fault in found:
        print_log(f'no labels of an image that cannot be read: {fault}', 'current', WARNING)
    return len(found)


def too_many_unreadable(plan: BankPlan, failed: int) -> BankError:
    """The error of a source that is rather not there."""
    return BankError(
        f'{failed} of {plan.header.images} unlabeled images cannot be read, the log names them',
        f'at most {plan.max_unreadable:.0f}, a share of default_hooks.skipped_images.limit',
        f'{failed} in the shards of this process so far',
        'fix or remove them, then make the bank in a new folder; where a disk was away, call tools/pseudo_label.py '
        'again as before',
    )


def require_own_places(plan: BankPlan, places: list[int], images: list[LabeledImage]) -> None:
    """Compare labeled images with those of the data set in their places.

    Raises:
        BankError: One is another.
    """
    for place, found in zip(places, images, strict=True):
        expected = plan.image(place)
        if (found.img_id, found.path) != expected:
            raise BankError(
                f'the data set of unlabeled images answers with another image than that in place {place}',
                f'{expected[0]!r}, {expected[1]}',
                f'{found.img_id!r}, {found.path}',
                'take UnlabeledDataset, or one that raises UnreadableImageError where max_refetch=0',
            )
