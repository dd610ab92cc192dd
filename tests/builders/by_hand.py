"""A COCO data set and detections in few words."""

CLASSES = ('ant', 'bee', 'cat')


def data_set(boxes, images=2, classes=CLASSES):
    """A COCO data set from (image, class, bbox) rows; category ids are 10, 20, ..."""
    return dict(
        images=[dict(id=i, width=100, height=80, file_name=f'{i}.png') for i in range(images)],
        categories=[dict(id=10 * (c + 1), name=name) for c, name in enumerate(classes)],
        annotations=[
            dict(
                id=n + 1,
                image_id=image,
                category_id=10 * (c + 1),
                bbox=box,
                area=box[2] * box[3],
                iscrowd=0,
            )
            for n, (image, c, box) in enumerate(boxes)
        ],
    )


def detection(image, index, box, p=0.9, v=None):
    """One detection; without v of a detector that gives only a score."""
    found = dict(image_id=image, category_id=10 * (index + 1), bbox=box, score=p)
    return found if v is None else dict(found, score=p * v, cls_certainty=p, loc_certainty=v)
