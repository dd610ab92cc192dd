"""Labels as other tools write them, and folders as people keep them: what ``mmssod new`` makes of both."""

import json
import shutil
import unicodedata
from pathlib import Path

import cv2
import numpy as np
from bad_input_cases import USED, WARN, cases_of, error_of

from mmssod.datasets.formats import Source, read_labels, write_labels
from mmssod.own_data.new import Machine, new_project
from mmssod.own_data.new.sets import labeled_parts

case = cases_of('Labels in VOC xml and YOLO txt')
new_case = cases_of('Folders and jsons given to `mmssod new`')
STOP = 'error'
NAMES = [f'{n}.jpg' for n in range(4)]
BOXES = [('cat', 4, 6, 20, 18), ('dog', 30, 10, 24, 30)]  # x y w h in images of 64 x 48 px
OBJECT = (
    '<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>'
    '</bndbox></object>'
)
SIZE = '<size><width>{}</width><height>{}</height></size>'


def images(folder: Path, names=NAMES, first: int = 0) -> Path:
    """Pictures of noise, no two alike, of 64 x 48 px."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names, start=first):
        pixels = np.random.RandomState(number).randint(0, 255, (48, 64, 3), np.uint8)
        (folder / name).write_bytes(cv2.imencode('.jpg', pixels)[1].tobytes())
    return folder


def voc(folder: Path, size: str, objects: str | None = None) -> str:
    """What is read of an xml beside its image."""
    if objects is None:
        objects = ''.join(
            OBJECT.format(n, x + 1, y + 1, x + w + 1, y + h + 1) for n, x, y, w, h in BOXES
        )
    images(folder / 'images', NAMES[:1])
    (folder / 'xml').mkdir(exist_ok=True)
    (folder / 'xml/0.xml').write_text(f'<annotation>{size}{objects}</annotation>')
    return read(folder / 'xml', folder)


def yolo(folder: Path, *, more: str = '', names: str | bytes = 'cat\ndog\n') -> str:
    """What is read of a txt beside its image; ``more`` stands behind the box in each line."""
    images(folder / 'images', NAMES[:1])
    labels(folder / 'labels', '0.txt', more)
    content = names if isinstance(names, bytes) else names.encode()
    (folder / ('data.yaml' if b'names:' in content else 'classes.txt')).write_bytes(content)
    return read(folder / 'labels', folder)


def labels(folder: Path, name: str, more: str = '') -> None:
    folder.mkdir(exist_ok=True)
    lines = [
        f'{n} {(x + w / 2) / 64} {(y + h / 2) / 48} {w / 64} {h / 48} {more}\n'
        for n, (_, x, y, w, h) in enumerate(BOXES)
    ]
    (folder / name).write_text(''.join(lines))


def read(source: Path, folder: Path, **options) -> str:
    """Classes and boxes, then all that was found."""
    coco, findings = read_labels(source, folder / 'images', **options)
    names = {category['id']: category['name'] for category in coco['categories']}
    boxes = [
        (names[b['category_id']], *np.round(b['bbox'], 3).tolist()) for b in coco['annotations']
    ]
    same = 'as drawn' if boxes == [tuple(box) for box in BOXES] else str(boxes)
    return f'{len(coco["images"])} images, {same}\n{findings.text()}'


@case(
    'xml that tells another size than its image has',
    STOP,
    r'tell another size.*\n.*\n.*\(32, 24\).*\(64, 48\)',
)
def other_size(folder):
    return voc(folder, SIZE.format(32, 24))


@case(
    'xml without a size, or with 0 x 0',
    f'{USED}; the file tells the size',
    '(?s)(1 images, as drawn\nno problems.*){2}',
)
def no_size(folder):
    return voc(folder, '') + voc(folder, SIZE.format(0, 0))


@case(
    'xml with polygons and no boxes',
    STOP,
    r'1 label files cannot be read.*\n.*bndbox.*\n.*without <bndbox><xmin>.*polygon',
)
def polygons(folder):
    return voc(folder, '', '<object><name>cat</name><polygon><x1>1</x1></polygon></object>')


@case(
    'YOLO poses, with `kpt_shape` in data.yaml',
    f'{USED}; the box of the line',
    '1 images, as drawn\nno problems',
)
def poses(folder):
    return yolo(folder, more='0.1 0.1 0.2 0.2', names='kpt_shape: [2, 2]\nnames: [cat, dog]')


@case(
    'YOLO poses without `kpt_shape`, which could be polygons',
    STOP,
    r'look like poses.*\n.*kpt_shape.*\n.*2 of 2',
)
def unnamed_poses(folder):
    images(folder / 'images', NAMES[:1])
    (folder / 'labels').mkdir()
    lines = '0 0.7 0.7 0.2 0.2 0.65 0.7 0.7 0.7\n1 0.8 0.3 0.2 0.3 0.8 0.3 0.75 0.4\n'
    (folder / 'labels/0.txt').write_text(lines)
    return read(folder / 'labels', folder, classes=('cat', 'dog'))


@case(
    'YOLO poses of another number of points',
    STOP,
    r'a line of 9 numbers where kpt_shape \[3, 2\] has 11',
)
def other_poses(folder):
    return yolo(folder, more='0.1 0.1 0.2 0.2', names='kpt_shape: [3, 2]\nnames: [cat, dog]')


@case(
    'names of classes with a byte-order mark, in UTF-16, with blanks around them, with accents written apart',
    USED + ', all as the same name',
    '^(1 images, as drawn, café\n){5}$',
)
def names(folder):
    said = []
    apart = unicodedata.normalize('NFD', 'café')
    contents = ('\ufeffcat\ncafé\n'.encode(), 'cat\ncafé'.encode('utf-16'), f'cat \n{apart} \n'.encode(),
                f'names: ["cat ", {apart}]'.encode())  # fmt: skip
    for number, content in enumerate(contents):
        place = folder / str(number)
        said.append(yolo(place, names=content).replace('dog', 'café'))
    objects = ''.join(
        OBJECT.format(n, x + 1, y + 1, x + w + 1, y + h + 1) for n, x, y, w, h in BOXES
    )
    said.append(voc(folder / 'v', '', objects.replace('dog', f' {apart} ').replace('cat', 'cat ')))
    wanted = str([('cat', 4, 6, 20, 18), ('café', 30, 10, 24, 30)])
    found = [
        text.replace('.0', '').split('\n')[0].replace(wanted, 'as drawn, café') for text in said
    ]
    return ''.join(f'{text}\n' for text in found)


@case('names of classes in another encoding', STOP, 'classes.txt: expected a text in UTF-8')
def latin(folder):
    return error_of(yolo, folder, names='cat\ncaf\xe9'.encode('latin-1'))


@case(
    'label files called `license_1.txt`, `readme.txt`, `train.txt`, `classes.txt` with an image of that name',
    USED,
    '4 images, .*\nno problems',
)
def notes(folder):
    stems = ('license_1', 'readme', 'train', 'classes')
    images(folder / 'images', [f'{stem}.jpg' for stem in stems])
    for stem in stems:
        labels(folder / 'labels', f'{stem}.txt')
    (folder / 'labels/README.dataset.txt').write_text('a note')
    (folder / 'data.yaml').write_text('names: [cat, dog]')
    return read(folder / 'labels', folder)


@case(
    'labels of an image called `classes.jpg`, written as YOLO txt',
    f'{USED}; data.yaml names the classes',
    '^2 lines, 2 names$',
)
def written_classes(folder):
    boxes = [dict(image_id=1, category_id=c, bbox=[4, 5, 20, 20]) for c in (1, 2)]
    coco = dict(images=[dict(id=1, file_name='classes.jpg', width=64, height=48)], annotations=boxes,
                categories=[dict(id=1, name='cat'), dict(id=2, name='dog')])  # fmt: skip
    out = write_labels(coco, folder / 'labels', 'yolo')
    images(folder / 'images', ['classes.jpg'])
    again = read_labels(out, folder / 'images')[0]
    return f'{len((out / "classes.txt").read_text().splitlines())} lines, {len(again["categories"])} names'


@case(
    'copies of label files in `.ipynb_checkpoints`, `@eaDir` and the like',
    'passed over',
    '1 images, as drawn\nno problems',
)
def junk_labels(folder):
    for place in ('.ipynb_checkpoints', '@eaDir', '__MACOSX'):
        labels_of = folder / 'labels' / place
        labels_of.mkdir(parents=True)
        labels(labels_of, '0.txt')
        labels(labels_of, '._0.txt')
    return yolo(folder)


@case(
    'boxes of classes that `--classes` leaves out',
    WARN + '; counted by class',
    r'1 boxes of other classes .*: cat \(1\)',
)
def other_classes(folder):
    yolo(folder)
    return read(folder / 'labels', folder, classes=['dog'])


def coco(names=NAMES, **changes) -> dict:
    """COCO content with both boxes in each image."""
    return dict(
        images=[dict(id=n + 1, file_name=name, width=64, height=48) for n, name in enumerate(names)],
        annotations=[
            dict(id=2 * n + k + 1, image_id=n + 1, category_id=k + 1, bbox=list(box), area=box[2] * box[3], iscrowd=0)
            for n in range(len(names))
            for k, (_, *box) in enumerate(BOXES)
        ],
        categories=[dict(id=1, name='cat'), dict(id=2, name='dog')],
    ) | changes  # fmt: skip


def parts(folder: Path, content: dict, val: dict | None = None) -> str:
    """What ``mmssod new`` finds in a json beside ``images``."""
    (folder / 'labels.json').write_text(json.dumps(content))
    other = None
    if val is not None:
        (folder / 'val.json').write_text(json.dumps(val))
        other = Source(str(folder / 'val.json'), str(folder / 'val'))
    train, _, findings = labeled_parts(
        Source(str(folder / 'labels.json')), other, val_share=0.2, kind='auto', classes=(), seed=0
    )
    return f'{[c["name"] for c in train.coco["categories"]]}\n{findings.text()}'


@new_case(
    "Roboflow's category above all others, without a box",
    f'{USED}, without it; told',
    r"^\['cat', 'dog'\](?s:.*)category 0, 'cat', is left out(?s:.*)no problems",
)
def root(folder):
    images(folder / 'images')
    above = [dict(id=0, name='cat', supercategory='none')]
    return parts(
        folder,
        coco(
            categories=above
            + [dict(id=i, name=n, supercategory='cat') for i, n in ((1, 'cat'), (2, 'dog'))]
        ),
    )


@new_case(
    r'image names such as `images\a.jpg`, or `images/a.jpg` beside `images`',
    USED + '; told of backslashes',
    '(?s)^[^/]*no problems.*4 image names are read with "/".*no problems',
)
def label_studio(folder):
    images(folder / 'images')
    return '\n'.join(
        parts(folder, coco([f'images{sign}{name}' for name in NAMES])) for sign in '/\\'
    )


@new_case(
    'crowd regions, all boxes or some',
    'error where all are, else warning',
    '(?s)no box.*\n.*\n.*8 crowd regions.*warning.*4 (crowd regions|boxes with iscrowd)',
)
def crowds(folder):
    images(folder / 'images')
    some, every = coco(), coco()
    for content, step in ((every, 1), (some, 2)):
        for box in content['annotations'][::step]:
            box['iscrowd'] = 1
    return parts(folder, every) + parts(folder, some)


@new_case(
    'copies of labeled images in the set to evaluate on',
    STOP,
    r'4 images are in the labeled set.*\n.*\n.*\(a copy\)',
)
def copies_in_val(folder):
    images(folder / 'images')
    names = [f'other_{name}' for name in NAMES]
    images(folder / 'val', names)
    return parts(folder, coco(), coco(names))


@new_case(
    'an image labeled twice under two names',
    f'{WARN}; it is not set aside to evaluate on',
    'warning: labeled: 2 images have a copy among them',
)
def labeled_twice(folder):
    images(folder / 'images')
    shutil.copy(folder / 'images/0.jpg', folder / 'images/copy.jpg')
    return parts(folder, coco([*NAMES, 'copy.jpg']))


def project(folder: Path, unlabeled: str) -> str:
    """What ``mmssod new`` says of a labeled json and what is unlabeled."""
    images(folder / 'images')
    (folder / 'labels.json').write_text(json.dumps(coco()))
    machine = Machine(gpus=0, memory=8.0, cores=2, name='CPU')
    return new_project(
        Source(str(folder / 'labels.json')), str(folder / unlabeled), str(folder / 'own'),
        detector='faster_rcnn_lite', machine=machine,
    )  # fmt: skip


@new_case(
    'a folder with images, .heic and texts',
    USED + '; the other files are counted',
    r'other files below .* left out: 2 \.HEIC, 1 \.txt(?s:.*)3 unlabeled',
)
def mixed(folder):
    images(folder / 'pool', ['a.jpg', 'b.jfif', 'c.JPE'], first=10)
    for name in ('d.HEIC', 'e.HEIC', 'notes.txt'):
        (folder / 'pool' / name).write_bytes(b'x')
    return project(folder, 'pool')


@new_case(
    'images in `.ipynb_checkpoints`, `@eaDir`, `__MACOSX`',
    'left out and counted',
    r'2 in \.ipynb_checkpoints, 1 in @eaDir(?s:.*)1 unlabeled',
)
def junk(folder):
    images(folder / 'pool', ['a.jpg'], first=10)
    images(folder / 'pool/.ipynb_checkpoints', ['a.jpg', 'b.jpg'], first=20)
    images(folder / 'pool/sub/@eaDir', ['a.jpg'], first=30)
    return project(folder, 'pool')


@new_case(
    'a film as unlabeled images',
    STOP,
    r'clip.mp4.* is a file of another kind; expected a folder',
)
def film(folder):
    (folder / 'clip.mp4').write_bytes(bytes(64))
    return error_of(project, folder, 'clip.mp4')


@new_case(
    'unlabeled images that no decoder reads, such as TIFF of floats',
    STOP,
    r'unlabeled: 1 images cannot be opened(?s:.*)32-bit floats',
)
def floats(folder):
    images(folder / 'pool', ['a.jpg'], first=10)
    assert cv2.imwrite(str(folder / 'pool/b.tif'), np.ones((30, 40), np.float32))
    return error_of(project, folder, 'pool')


@new_case(
    'objects too small at the chosen size',
    WARN,
    r'warning: at \d+ x \d+ px the median object is \d\.\d px wide',
)
def tiny_objects(folder):
    from mmssod.datasets.preparation.own_data import LabeledSet
    from mmssod.own_data.new import make_plan

    data = LabeledSet(5, dict(cat=150), 30.0, 0.0045, (3840, 2160))
    plan = make_plan(data, Machine(gpus=0, memory=8.0, cores=2, name='CPU'))
    return '\n'.join(f'warning: {line}' for line in plan.warnings)
