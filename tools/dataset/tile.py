"""Cut labeled images and their boxes into overlapping tiles, to train on small objects in large images.

Writes OUT/images and OUT/labels.json (COCO). Of an object that a tile has half of or more, the part in the tile is a
box; of less, one with `iscrowd`, which is no object. Choose an overlap as wide as the objects: each is whole in one
tile then.

For example::

    python tools/dataset/tile.py data/own/train.json --images data/own/images --size 640 --out data/own_tiles
    mmssod new data/own_tiles/labels.json --images data/own_tiles/images --unlabeled data/own/unlabeled --out own
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

WHOLE = 0.5


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('labels', type=Path, help='labels in any format that `mmssod new` reads')
    parser.add_argument('--images', type=Path, required=True, help='folder of their images')
    parser.add_argument('--size', type=int, required=True, help='size of a tile, pixels')
    parser.add_argument('--overlap', type=float, default=0.2, help='share of a tile (%(default)s)')
    parser.add_argument('--out', type=Path, required=True, help='folder to write; it must be empty')
    return parser.parse_args()


def main() -> None:
    """Cut, write, count."""
    args = parse_args()
    import cv2
    import numpy as np

    from mmssod.datasets.formats import read_labels
    from mmssod.datasets.split import write_coco
    from mmssod.datasets.tiles import clip, tiles
    from mmssod.datasets.transforms import LoadWholeImage
    from mmssod.environment.whole_files import write_whole

    if args.out.exists() and any(args.out.iterdir()):
        raise SystemExit(f'--out: expected an empty folder, got {args.out}; fix: name another one')
    labels, _ = read_labels(args.labels, args.images)
    by_image = defaultdict(list)
    for box in labels['annotations']:
        by_image[box['image_id']].append(box)
    images: list[dict] = []
    boxes: list[dict] = []
    for image in labels['images']:
        pixels = LoadWholeImage()(dict(img_path=str(args.images / image['file_name'])))['img']
        known = by_image[image['id']]
        corners = np.array([box['bbox'] for box in known], float).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        for tile in tiles(pixels.shape[1], pixels.shape[0], args.size, args.overlap):
            x1, y1, x2, y2 = tile
            path = Path(image['file_name'])
            name = path.with_name(f'{path.stem}_{x1}_{y1}.png').as_posix()
            file = args.out / 'images' / name
            file.parent.mkdir(parents=True, exist_ok=True)
            content = cv2.imencode('.png', pixels[y1:y2, x1:x2])[1].tobytes()
            write_whole(file, content, sync=False)
            images.append(dict(id=len(images) + 1, file_name=name, width=x2 - x1, height=y2 - y1))
            for box, part, share in zip(known, *clip(corners, tile), strict=True):
                if share > 0:
                    crowd = int(share < WHOLE or bool(box.get('iscrowd')))
                    bbox = [*part[:2].tolist(), *(part[2:] - part[:2]).tolist()]
                    ids = dict(id=len(boxes) + 1, image_id=images[-1]['id'])
                    boxes.append(
                        dict(
                            ids,
                            category_id=box['category_id'],
                            bbox=bbox,
                            area=bbox[2] * bbox[3],
                            iscrowd=crowd,
                        )
                    )
    categories = labels['categories']
    write_coco(
        dict(images=images, annotations=boxes, categories=categories), args.out / 'labels.json'
    )
    print(f'{len(images)} tiles of {len(labels["images"])} images, {len(boxes)} boxes: {args.out}')


if __name__ == '__main__':
    main()
