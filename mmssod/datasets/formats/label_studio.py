"""Label Studio json: one file of tasks, as its export "JSON" has it, and as it is imported.

Images lie in ``images``, ``JPEGImages``, a folder of the json's name or its own, whichever has them; their names are
those of ``data.file_name``, which is written, else of the image's address, without what an upload puts before them.
Boxes are rectangles of the last annotation of a task that was not skipped; tasks without one are not labeled yet and no
part of the set. Only where no task has an annotation, predictions are read. Boxes with a score are written as
predictions, which the labeler sees and corrects, others as annotations. Rectangles that are turned are an error.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from mmssod.datasets.annotation_files import plain_name, read_json
from mmssod.datasets.formats.base import Box, Coco, LabeledImage, LabelFormat, inside
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole

UPLOADED = re.compile(r'^[0-9a-f]{8}-')
"""What an upload puts before a file's name."""
LOCAL = '/data/local-files/?d='
"""Address of a file in local storage, whose root is the folder of the images."""


class LabelStudioJson(LabelFormat):
    """Label Studio's tasks; for a labeling config with ``<Image name="image">``, ``<RectangleLabels name="label">``."""

    name = 'label_studio'
    about = 'a Label Studio json'
    ending = '.json'

    def count(self, source: Path) -> int:
        """2 for a json that is a list of tasks: COCO's has the same ending."""
        if not super().count(source) or not source.is_file():
            return 0
        with source.open('rb') as stream:
            if not stream.read(100).lstrip(b'\xef\xbb\xbf \t\r\n').startswith(b'['):
                return 0
        try:
            tasks = read_json(source)
        except ValueError:
            return 0
        return 2 * any(isinstance(task, dict) and 'data' in task for task in tasks)

    def parse(self, file: Path) -> Iterator[LabeledImage]:
        """The images that were labeled."""
        tasks = read_json(file)
        done = {id(task): _results(task, 'annotations') for task in tasks}
        if not any(found is not None for found in done.values()):
            done = {id(task): _results(task, 'predictions') for task in tasks}
        for task in tasks:
            if (found := done[id(task)]) is not None:
                shapes = [one for one in found if one.get('type') == 'rectanglelabels']
                sizes = [(one['original_width'], one['original_height']) for one in shapes]
                if not sizes and 'width' in task['data']:
                    sizes = [(task['data']['width'], task['data']['height'])]
                boxes = [_box(one) for one in shapes]
                yield LabeledImage(_file_name(task['data']), boxes, next(iter(sizes), None))

    def write(self, coco: Coco, out: Path, scores: bool) -> None:
        """Write a file to import; the images are read from local storage."""
        names = {category['id']: category['name'] for category in coco['categories']}
        kind = 'predictions' if any('score' in b for b in coco['annotations']) else 'annotations'
        boxes = defaultdict(list)
        for box in coco['annotations']:
            boxes[box['image_id']].append(box)
        tasks = []
        for image in coco['images']:
            name = inside(image['file_name'])
            results = [_result(box, image, names) for box in boxes[image['id']]]
            data = dict(
                image=LOCAL + name, file_name=name, width=image['width'], height=image['height']
            )
            tasks.append({'data': data, kind: [dict(result=results)]})
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, json.dumps(tasks, indent=1))


def _results(task: dict[str, Any], kind: str) -> list[dict[str, Any]] | None:
    """Shapes of the last annotation or prediction of a task; None without one."""
    kept = [one for one in task.get(kind) or () if not one.get('was_cancelled')]
    return list(kept[-1]['result']) if kept else None


def _file_name(data: dict[str, Any]) -> str:
    if name := data.get('file_name'):
        return str(name)
    address = next(
        (v for k, v in data.items() if k in ('image', 'img') and isinstance(v, str)), None
    )
    address = address or next((v for v in data.values() if isinstance(v, str)), None)
    if address is None:
        raise InputError(f'expected the address of an image in data, got {str(data)[:200]}')
    parts = urlparse(address)
    local = parse_qs(parts.query).get('d')
    return local[0] if local else UPLOADED.sub('', unquote(parts.path).rpartition('/')[2])


def _box(shape: dict[str, Any]) -> Box:
    value, size = shape['value'], (shape['original_width'], shape['original_height'])
    if value.get('rotation', 0) % 360:
        raise InputError(
            f'expected rectangles that are not turned, got rotation {value["rotation"]}'
        )
    sides = zip(('x', 'y', 'width', 'height'), (*size, *size), strict=True)
    bbox = [value[key] * side / 100 for key, side in sides]
    return {'class': plain_name(value['rectanglelabels'][0]), 'bbox': bbox}


def _result(box: dict[str, Any], image: dict[str, Any], names: dict[Any, str]) -> dict[str, Any]:
    size = image['width'], image['height']
    sides = zip(('x', 'y', 'width', 'height'), box['bbox'], (*size, *size), strict=True)
    value = {key: 100 * length / side for key, length, side in sides}
    score = dict(score=box['score']) if 'score' in box else {}
    return dict(
        id=f'box{box["id"]}',
        type='rectanglelabels',
        from_name='label',
        to_name='image',
        original_width=size[0],
        original_height=size[1],
        image_rotation=0,
        value=dict(value, rotation=0, rectanglelabels=[names[box['category_id']]]),
        **score,
    )
