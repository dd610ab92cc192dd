"""CSV of boxes: one file, a line ``image,class,x,y,w,h`` for each box, in pixels.

An image without a box has a line with its name alone.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmssod.datasets.annotation_files import plain_name, read_text
from mmssod.datasets.formats import LabeledImage, LabelFormat
from mmssod.environment.whole_files import write_whole


class CsvBoxes(LabelFormat):
    """Boxes alone: scores are not written."""

    name = 'csv'
    about = 'a CSV of boxes'
    ending = '.csv'

    def parse(self, file: Path) -> Iterable[LabeledImage]:
        """Names of images are relative to their folder; sizes are read from the images."""
        boxes = defaultdict(list)
        for image, *row in csv.reader(read_text(file).splitlines()):
            found = boxes[image]
            if row:
                found.append({'class': plain_name(row[0]), 'bbox': [*map(float, row[1:5])]})
        return [LabeledImage(image, found) for image, found in boxes.items()]

    def write(self, coco: dict[str, Any], out: Path, scores: bool) -> None:
        """A line for each image, then one for each box."""
        files = {image['id']: image['file_name'] for image in coco['images']}
        names = {category['id']: category['name'] for category in coco['categories']}
        text = io.StringIO()
        lines = csv.writer(text)
        lines.writerows([file] for file in files.values())
        for box in coco['annotations']:
            lines.writerow([files[box['image_id']], names[box['category_id']], *box['bbox']])
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, text.getvalue())
