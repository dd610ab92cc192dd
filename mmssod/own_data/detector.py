"""A trained detector for programs and notebooks: takes images, returns boxes with p and v.

``N`` boxes of one image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.apis import inference_detector
from mmdet.structures import DetDataSample
from mmdet.utils import get_test_pipeline_cfg
from mmengine.structures import InstanceData
from torchvision.ops import batched_nms

from mmssod.analysis.report.runs import result_checkpoint
from mmssod.apis.config import ConfigLike
from mmssod.apis.packaged import find_config
from mmssod.apis.plain import build, plain_detector
from mmssod.datasets.tiles import cut_off, tiles
from mmssod.datasets.transforms import LoadWholeImage
from mmssod.environment.errors import InputError
from mmssod.evaluation.detections import as_arrays, to_detections
from mmssod.own_data.run.candidates import trained_project
from mmssod.own_data.run.rounds import last_round
from mmssod.own_data.score_thresholds import Thresholds, class_limits, thresholds_file
from mmssod.own_data.streams import Stream, StreamFrame

TILE_IOU = 0.5
"""Boxes of a class that overlap more, found on different tiles, are one object."""
DEFAULT_SCORE = 0.3
"""Least score of a box where nothing says which is best."""


@dataclass(frozen=True)
class Boxes:
    """A detector's detections in one image.

    Args:
        boxes: Corners ``x1 y1 x2 y2`` in pixels of the image, shape (N, 4), float32.
        scores: What boxes are ranked by, in [0, 1], shape (N,).
        p: How sure the class is, in [0, 1], shape (N,); the score where the detector does not tell.
        v: How sure the place is, likewise; 1 where the detector does not tell.
        labels: Numbers of the classes, shape (N,), int64.
        classes: The names that these count.
    """

    boxes: np.ndarray
    scores: np.ndarray
    p: np.ndarray
    v: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def names(self) -> list[str]:
        """The class of each box by name."""
        return [self.classes[label] for label in self.labels]

    def supervision(self) -> Any:
        """The same as ``supervision.Detections``, which draws, tracks and counts; p and v are in its ``data``.

        Raises:
            ImportError: supervision is not installed.
        """
        try:
            from supervision import Detections
        except ImportError as error:
            raise ImportError(
                'supervision is not installed: pip install supervision (it brings opencv-python; install '
                'opencv-python-headless anew after it where there is no display)'
            ) from error
        return Detections(
            xyxy=self.boxes,
            confidence=self.scores,
            class_id=self.labels,
            data={'class_name': np.array(self.names, dtype=str), 'p': self.p, 'v': self.v},
        )


class Detector:
    """A detector with its weights, ready to predict.

    For example::

        found = mmssod.Detector('own').predict('photo.jpg')
        found.boxes, found.names, found.p, found.v

    Args:
        source: A project's folder (its student, with the best checkpoint and the thresholds of its report), a config
            of a run, or one that ``mmssod export`` wrote.
        checkpoint: Checkpoint of a config; by default the ``.pth`` beside an exported one.
        part: Which detector of a run, see :func:`~mmssod.apis.plain.plain_detector`.
        score_thr: Minimum score of a box: a number, or by class, see
            :func:`~mmssod.own_data.score_thresholds.class_limits`; by default that of the project's report, else 0.3.
        device: By default a GPU if there is one.
        tile: Look at an image that is larger than this, in pixels, tile by tile, and once as a whole for what is larger
            than the overlap; None looks at images as they are.
        overlap: The share of a tile that its neighbor has, too; as wide as small objects are.

    Raises:
        FileNotFoundError: No such file; a project without a trained student.
        ValueError: The checkpoint is not the config's; thresholds of other classes; no such device.
    """

    def __init__(
        self,
        source: ConfigLike,
        checkpoint: str = '',
        *,
        part: str = 'auto',
        score_thr: Thresholds | None = None,
        device: str | None = None,
        tile: int | None = None,
        overlap: float = 0.2,
    ) -> None:
        self.tile, self.overlap = tile, overlap
        if isinstance(source, (str, Path)):
            source, checkpoint, known = locate(source, checkpoint)
            score_thr = known if score_thr is None else score_thr
        plain = plain_detector(source, checkpoint, part)
        self.model, self.part = build(plain, device), plain.part
        self.classes: tuple[str, ...] = tuple(self.model.dataset_meta['classes'])
        self.limits = class_limits(DEFAULT_SCORE if score_thr is None else score_thr, self.classes)
        steps = [dict(step) for step in get_test_pipeline_cfg(self.model.cfg.copy())]
        steps[0] = dict(type='mmdet.LoadImageFromNDArray')
        self.pipeline = Compose([step for step in steps if step['type'] != 'LoadAnnotations'])

    def predict(self, images: Any) -> Any:
        """Boxes of an image, or of each of several.

        Args:
            images: A path, or pixels BGR as OpenCV reads them, shape (H, W, 3), uint8; or a list of these.

        Returns:
            :class:`Boxes`; of a list, a list of these.

        Raises:
            UnreadableImageError: What training would not read, see :class:`~mmssod.datasets.transforms.LoadWholeImage`.
            ValueError: Pixels of another shape or kind.
        """
        if not isinstance(images, (str, Path, np.ndarray)):
            return [self.predict(image) for image in images]
        sample = self.sample(_pixels(images), 0)
        boxes, labels, p, v = as_arrays(sample.pred_instances)
        scores = sample.pred_instances.scores.cpu().numpy()
        return Boxes(boxes, scores, p, v, labels, self.classes)

    def stream(self, source: str, every: int = 1) -> Iterator[tuple[StreamFrame, Boxes]]:
        """Frames of a camera, a stream or a video file, each with its boxes; of a live source always the latest.

        For example::

            for frame, found in mmssod.Detector('own').stream('camera:0'):
                print(frame.seconds, found.names, found.p, found.v)

        Args:
            source: See :class:`~mmssod.own_data.streams.Stream`.
            every: Each so many-th frame, >= 1.

        Raises:
            ValueError: The source cannot be opened.
        """
        for frame in Stream(source, every).frames():
            yield frame, self.predict(frame.pixels)

    def sample(self, pixels: np.ndarray, image_id: int | str) -> DetDataSample:
        """Predictions with a score of at least their class's; BGR, shape (H, W, 3), uint8."""
        sample = self._look(pixels)
        sample.set_metainfo(dict(img_id=image_id))
        found = sample.pred_instances
        if self.tile is not None:
            found = self._with_tiles(pixels, found, self.tile)
        least = found.scores.new_tensor(self.limits)[found.labels]
        sample.pred_instances = found[found.scores >= least]
        return sample

    def _look(self, pixels: np.ndarray) -> DetDataSample:
        return inference_detector(self.model, pixels, test_pipeline=self.pipeline)

    def _with_tiles(self, pixels: np.ndarray, found: InstanceData, size: int) -> InstanceData:
        """What is found on an image and on its tiles, each object once.

        A box that reaches to a border between tiles is left out: what is smaller than the overlap is whole in another
        tile, what is larger in the whole image. Of boxes of a class that overlap, the best stays.
        """
        height, width = pixels.shape[:2]
        places = tiles(width, height, size, self.overlap)
        if len(places) == 1:
            return found
        parts = [found]
        for place in places:
            x1, y1, x2, y2 = place
            part = self._look(np.ascontiguousarray(pixels[y1:y2, x1:x2])).pred_instances
            part.bboxes = part.bboxes + part.bboxes.new_tensor([x1, y1, x1, y1])
            whole = ~cut_off(part.bboxes.cpu().numpy(), place, width, height)
            parts.append(part[torch.from_numpy(whole).to(part.bboxes.device)])
        every = InstanceData.cat(parts)
        return every[batched_nms(every.bboxes, every.scores, every.labels, TILE_IOU)]

    def detections(self, sample: DetDataSample) -> list[dict]:
        """In COCO's result format."""
        ids = [category['id'] for category in self.categories()]
        return to_detections(dict(img_id=sample.img_id, pred_instances=sample.pred_instances), ids)

    def categories(self) -> list[dict]:
        """COCO's, ids from 1."""
        return [dict(id=number, name=name) for number, name in enumerate(self.classes, start=1)]


def locate(source: str | Path, checkpoint: str = '') -> tuple[str, str, Thresholds | None]:
    """Config, checkpoint and, of a project with a report, thresholds by class.

    Args:
        source: A project's folder, a run's config, or a config that ``mmssod export`` wrote.
        checkpoint: By default the project's best, or the ``.pth`` beside the config.

    Raises:
        FileNotFoundError: No such config; no checkpoint; a project without a trained student.
    """
    if Path(source).is_dir():
        config, best, known = project_student(Path(source))
        return config, checkpoint or best, known
    config = find_config(str(source))
    beside = Path(config).with_suffix('.pth')
    if not checkpoint and not beside.is_file():
        raise FileNotFoundError(
            f'{config}: expected a checkpoint, or {beside.name} beside it as `mmssod export` writes it, found neither'
        )
    return config, checkpoint or str(beside), None


def project_student(source: Path) -> tuple[str, str, Thresholds | None]:
    """Config, best checkpoint and thresholds of a project's student; of labels that were added since, the one before.

    Raises:
        FileNotFoundError: No project, or none with a trained student.
    """
    folder = trained_project(source)
    runs = [folder / 'work_dirs' / 'student', *last_round(folder)]
    best = next(filter(None, map(result_checkpoint, runs)), '')
    if not best:
        raise FileNotFoundError(
            f'{source}: expected a project with a trained student, found no checkpoint in '
            f'{folder}/work_dirs/student; train it: mmssod run {source}'
        )
    file = thresholds_file(source / 'report.html')
    return str(folder / 'student.py'), best, file if file.is_file() else None


def _pixels(image: str | Path | np.ndarray) -> np.ndarray:
    if not isinstance(image, np.ndarray):
        pixels: np.ndarray = LoadWholeImage()(dict(img_path=str(image)))['img']
        return pixels
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(
            f'image: expected pixels of shape (H, W, 3), uint8, BGR, got {image.shape}, {image.dtype}'
        )
    return image
