"""Sets of images that are empty, small or overlapping."""

from pathlib import Path
from types import SimpleNamespace

from bad_input_cases import STOP, USED, WARN, cases_of, coco_content, error_of, write_json
from builders.fakes import FakeDataset, FakePair, fake_runner
from mmengine.config import Config
from whole_path import change_labeled, tiny, trained

from mmssod import apis
from mmssod.datasets import SourceSampler, UnlabeledDataset
from mmssod.datasets.split import split_coco
from mmssod.engine import PreflightHook, SkippedImagesHook
from mmssod.engine.preflight import runtime_problems, runtime_warnings

case = cases_of('Sets')
EACH = [(f'/l/{n}.jpg', [0, 1, 2]) for n in range(3)]


UNLABELED = 'train_dataloader__dataset__unlabeled__images'


def pair(labeled=EACH, unlabeled=(('/u/0.jpg', []),)) -> FakePair:
    return FakePair(FakeDataset(labeled), FakeDataset(unlabeled))


def warnings(folder, dataset, **values) -> str:
    return '\n'.join(runtime_warnings(fake_runner(folder, dataset=dataset, **values)))


@case('no labeled image', STOP, "(?s)2 problems.*the loader's batch size.*labeled: no usable image")
def no_labeled(folder):
    cfg = tiny(folder, train_dataloader__batch_size=7)
    change_labeled(cfg, dict(images=[], annotations=[]))
    return trained(cfg)


@case(
    'no labeled image that `filter_cfg` keeps: none with a box of the classes, or all too small',
    STOP,
    '(?s)(labeled: no usable image: filter_cfg leaves out every one.*){2}',
)
def all_filtered(folder):
    cfg = tiny(folder, train_dataloader__dataset__labeled__filter_cfg=dict(min_size=999))
    small = trained(cfg)
    change_labeled(cfg, dict(annotations=[]))
    cfg.train_dataloader.dataset.labeled.filter_cfg = dict(filter_empty_gt=True)
    return small + trained(cfg)


@case(
    'no unlabeled image: an empty folder',
    STOP,
    'unlabeled: no images to train on.*\n.*\n.*no image in folder',
)
def no_unlabeled(folder):
    (folder / 'none').mkdir()
    return trained(tiny(folder, **{UNLABELED: str(folder / 'none')}))


@case(
    'no unlabeled image: no such folder',
    STOP,
    'unlabeled: no images to train on.*\n.*\n.*does not exist',
)
def no_folder(folder):
    return trained(tiny(folder, **{UNLABELED: str(folder / 'none')}))


@case('none of the listed unlabeled images is there', STOP, 'none of the first 2 images')
def none_there(folder):
    (folder / 'list.txt').write_text('a.jpg\nb.jpg\n')
    return trained(tiny(folder, **{UNLABELED: str(folder / 'list.txt')}))


@case(
    'everything left out by `exclude`',
    STOP,
    'unlabeled: no images to train on.*\n.*\n.*leaves none of 6 images',
)
def all_excluded(folder):
    cfg = tiny(folder)
    source = cfg.train_dataloader.dataset.unlabeled
    names = [file.name for file in Path(source.images).iterdir()]
    (folder / 'list.txt').write_text('\n'.join(names))
    source.exclude = str(folder / 'list.txt')
    return trained(cfg)


@case(
    'unlabeled images of other classes than the labeled',
    STOP,
    "source 'unlabeled' has other classes",
)
def other_classes(folder):
    return trained(
        tiny(folder, train_dataloader__dataset__unlabeled__metainfo=dict(classes=('dog',)))
    )


@case('an unlabeled image listed twice', WARN + '; once is kept', '1 images')
def unlabeled_twice(folder):
    (folder / 'a.jpg').touch()
    (folder / 'list.txt').write_text('a.jpg\n./a.jpg\n')
    return f'{len(UnlabeledDataset(str(folder / "list.txt"), data_root=str(folder)))} images'


@case(
    'an image both labeled and unlabeled',
    WARN,
    '1 of 2 images of the source unlabeled are labeled images too',
)
def both(folder):
    return warnings(folder, pair(unlabeled=[('/u/0.jpg', []), ('/l/../l/0.jpg', [])]))


@case(
    'a class without a box',
    WARN + ', or with `preflight.empty_classes=stop` an error before training',
    r"1 of 3 classes have no labeled box and cannot be learned: \['cat'\]",
)
def class_without(folder):
    runner = fake_runner(folder, dataset=pair(labeled=[('/l/0.jpg', [0, 1])]))
    PreflightHook().before_train(runner)
    assert 'cannot be learned' in error_of(PreflightHook(empty_classes='stop').before_train, runner)
    return runner.messages[1]


@case('fewer labeled images than a batch takes', WARN, 'has 3 images and a batch takes 8')
def few(folder):
    counts = dict(labeled=4, unlabeled=1)
    return warnings(folder, pair(), counts=counts, batch_size=5, world_size=2)


@case('one image', USED + ', in every batch', r'\[0, 0, 0\]')
def one_image(folder):
    class One(FakeDataset):
        offsets = {'labeled': 0}

        def __init__(self):
            super().__init__(EACH[:1])
            self.sources = {'labeled': self}

        def full_init(self):
            pass

    sampler = SourceSampler(One(), dict(labeled=3), seed=0, aspect_grouping=False)
    return str([key.index for key in sampler.batch(0)])


@case('a split that leaves nothing unlabeled', 'error', 'cannot label 2 of 2 images')
def no_rest(folder):
    return error_of(split_coco, coco_content(), size=2, fold=1)


@case('a split of a json with duplicate ids', 'error', 'image ids must be unique')
def split_twice(folder):
    content = coco_content()
    content['images'][0]['id'] = 2
    return error_of(split_coco, content, size=1, fold=1)


@case(
    'more unreadable unlabeled images than the limit',
    'error in training; names the list',
    '(?s)2 of 10 images.*limit of 10%.*skipped_images.limit',
)
def too_many(folder):
    dataset = pair(unlabeled=[(f'/u/{n}.jpg', []) for n in range(10)])
    dataset.sources['unlabeled'].skipped = _Skipped(2)
    return error_of(SkippedImagesHook(limit=0.1).after_train, fake_runner(folder, dataset=dataset))


@case(
    'fewer unreadable unlabeled images than the limit',
    WARN + ' with the list',
    '2 of 100 images of the source unlabeled.*1.jpg: empty',
)
def some(folder):
    dataset = pair(unlabeled=[(f'/u/{n}.jpg', []) for n in range(100)])
    dataset.sources['unlabeled'].skipped = _Skipped(2)
    runner = fake_runner(folder, dataset=dataset)
    SkippedImagesHook(limit=0.1).after_train(runner)
    assert (folder / 'skipped_images.txt').read_text() == '/u/0.jpg: empty\n/u/1.jpg: empty\n'
    return runner.messages[0]


def evaluated(folder, path, root, **values):
    """What is said of an evaluated set with one image."""
    dataset = FakeDataset([(path, [])])
    dataset.data_prefix = dict(img=root)
    loader = SimpleNamespace(dataset=dataset)
    return fake_runner(
        folder, dataset=pair(), test_dataloader=loader, val_loop=SimpleNamespace(dataloader=loader)
    )


@case(
    'test images named by `..`',
    'error before the test',
    'test_dataloader: 1 image names point outside',
)
def test_outside(folder):
    runner = evaluated(folder, '/data/images/../../etc/x.png', '/data/images')
    return error_of(PreflightHook().before_test, runner)


@case(
    'test images named by a URL, or by `..` where there is no data root',
    'error before the test',
    '(?s)(test_dataloader: 1 image names point outside.*){2}',
)
def test_far_outside(folder):
    said = [
        error_of(PreflightHook().before_test, evaluated(folder, path, ''))
        for path in ('http://example.com/x.png', '../x.png')
    ]
    return '\n'.join(said)


@case(
    'validation images named by `..` or a URL',
    STOP,
    '(?s)(val_dataloader: 1 image names point outside.*){2}',
)
def val_outside(folder):
    paths = ('/data/images/../x.png', '/data/images/http://example.com/x.png')
    runners = [evaluated(folder, path, '/data/images') for path in paths]
    return '\n'.join(str(problem) for runner in runners for problem in runtime_problems(runner))


@case(
    'a test json with such names, or one with the suffix `.JSON`',
    'error before anything is built',
    'test_dataloader: 1 image names point outside.*\n.*\n.*http://example.com/a.png',
)
def test_json_outside(folder):
    content = coco_content()
    content['images'][0]['file_name'] = 'http://example.com/a.png'
    dataset = dict(type='CocoDataset', ann_file=write_json(folder, content, 'test.JSON'))
    wrapped = dict(type='RepeatDataset', dataset=dataset, times=1)
    return error_of(apis.test, Config(dict(test_dataloader=dict(dataset=wrapped))), 'none.pth')


@case(
    'an unlabeled list that names half of a Unicode pair',
    WARN + ' with the list',
    r'1 of 100 images of the source unlabeled',
)
def strange_name(folder):
    dataset = pair(unlabeled=[(f'/u/{n}.jpg', []) for n in range(100)])
    dataset.sources['unlabeled'].skipped = SimpleNamespace(read=lambda: {'a': '\ud800.jpg: none'})
    runner = fake_runner(folder, dataset=dataset)
    SkippedImagesHook(limit=0.1).after_train(runner)
    assert (folder / 'skipped_images.txt').read_text() == '\\ud800.jpg: none\n'
    return runner.messages[0]


class _Skipped:
    def __init__(self, count: int):
        self.count = count

    def read(self):
        return {f'/u/{n}.jpg': f'/u/{n}.jpg: empty' for n in range(self.count)}


@case('a list of images with a byte-order mark, or in UTF-16', USED, '^1 and 1 images$')
def lists_of_windows(folder):
    (folder / 'Köln.png').touch()
    found = []
    for encoding in ('utf-8-sig', 'utf-16'):
        (folder / 'list.txt').write_text('Köln.png', encoding=encoding)
        found.append(len(UnlabeledDataset('list.txt', data_root=str(folder))))
    return f'{found[0]} and {found[1]} images'


@case(
    'a list of images, or of classes, in another encoding',
    STOP,
    '(?s)(expected (a text|names of classes) in UTF-8.*){2}',
)
def lists_in_latin_1(folder):
    (folder / 'list.txt').write_bytes('Köln.png'.encode('latin-1'))
    images = error_of(UnlabeledDataset, 'list.txt', data_root=str(folder))
    labeled = 'train_dataloader__dataset__labeled__metainfo'
    return images + trained(tiny(folder, **{labeled: dict(classes=f'{folder}/list.txt')}))
