"""Image files that are damaged, odd or dangerous: both as labeled and as unlabeled ones."""

import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from bad_input_cases import STOPS_OR_SKIPS, USED, cases_of, error_of
from mmdet.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmssod.datasets import UnlabeledDataset
from mmssod.datasets.image_files import file_fault
from mmssod.datasets.image_lists import FoundImage
from mmssod.datasets.preparation.image_checks import image_problems
from mmssod.datasets.preparation.own_data import check_images
from mmssod.datasets.transforms import LoadWholeImage
from mmssod.own_data.inferring import frames, tell_skipped

DEMO = Path(__file__).parents[2] / 'configs/demo/supervised.py'
case = cases_of('Images')
PIXELS = np.random.RandomState(0).randint(0, 256, (30, 40, 3), np.uint8)
ROWS, COLUMNS = np.mgrid[:30, :40]
SMOOTH = np.stack([6 * COLUMNS, 8 * ROWS, 3 * (ROWS + COLUMNS)], axis=-1).astype(np.uint8)
"""What JPEG keeps nearly; no two channels are alike, and no turned or mirrored image is like this one."""
LOSSY = 12  # greatest difference of a value that JPEG makes of SMOOTH


def encoded(suffix: str = '.jpg', pixels: np.ndarray = PIXELS) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


def pillow(kind: str, pixels: np.ndarray, **options) -> bytes:
    """RGB pixels, written by Pillow."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def six_bands(pixels: np.ndarray) -> bytes:
    """A TIFF of both halves of six bands, made of one of three by its tags."""
    data = np.concatenate([pixels, pixels], axis=2).tobytes()
    height, width = pixels.shape[:2]
    entries = {
        256: width,
        257: height,
        258: None,
        259: 1,
        262: 2,
        273: 8,
        277: 6,
        278: height,
        279: len(data),
        284: 1,
    }
    many = struct.pack('<6H', *[8] * 6)
    place = 8 + len(data) + 2 + 12 * len(entries) + 4
    rows = b''.join(
        struct.pack(
            '<HHII',
            tag,
            3 if value is None else 4,
            6 if value is None else 1,
            place if value is None else value,
        )
        for tag, value in entries.items()
    )
    head = b'II*\0' + struct.pack('<I', 8 + len(data))
    return head + data + struct.pack('<H', len(entries)) + rows + bytes(4) + many


def both(
    folder: Path,
    content: bytes | None,
    name: str = 'bad.jpg',
    pixels: np.ndarray | None = None,
    most: int = 0,
) -> str:
    """What is said of a file as a labeled and as an unlabeled image.

    Args:
        content: None for a file that is not there.
        pixels: What is to be seen, BGR.
        most: By how much a value may differ from it.
    """
    (folder / 'images').mkdir(exist_ok=True)
    for good in ('a.png', 'z.png'):
        cv2.imwrite(str(folder / 'images' / good), PIXELS)
    path = folder / 'images' / name
    if content is not None:
        path.write_bytes(content)
    (folder / 'list.txt').write_text(f'a.png\n{name}\nz.png\n')
    said = []
    for look in (as_labeled, as_unlabeled):
        text, image = look(folder, name)
        said.append(f'{look.__name__[3:]}: {text}')
        if image is not None:
            said[-1] += f' {image.shape} {image.dtype}'
            assert pixels is not None and image.shape == pixels.shape
            assert np.abs(image.astype(int) - pixels).max() <= most
    return '\n'.join(said)


def as_labeled(folder: Path, name: str) -> tuple[str, np.ndarray | None]:
    _, size = file_fault(str(folder / 'images' / name))
    width, height = size or (40, 30)
    record = dict(id=1, file_name=name, width=width, height=height)
    found = list(image_problems('labeled', [record], str(folder / 'images'), 10))
    if found:
        return 'problem ' + str(found[0]), None
    return 'used', LoadWholeImage()(dict(img_path=str(folder / 'images' / name)))['img']


def as_unlabeled(folder: Path, name: str) -> tuple[str, np.ndarray | None]:
    init_default_scope('mmdet')
    dataset = UnlabeledDataset(
        'list.txt',
        data_root=str(folder),
        data_prefix=dict(img='images'),
        pipeline=[dict(type='LoadWholeImage')],
        serialize_data=False,
    )
    image = dataset[1]['img']
    skipped = list(dataset.skipped.read().values())
    assert len(skipped) <= 1
    if skipped:
        assert dataset[1]['img_path'].endswith('z.png')  # always the next one
        return f'skipped {skipped[0]}', None
    assert dataset[1]['img_path'].endswith(name)
    return 'used', image


STOPS = r'(?s)labeled: problem .*{0}.*unlabeled: skipped .*{0}'
FINE = r'labeled: used \({0}, {1}, 3\) uint8\nunlabeled: used \({0}, {1}, 3\) uint8'


@case('truncated JPEG', STOPS_OR_SKIPS, STOPS.format('truncated'))
def truncated_jpeg(folder):
    return both(folder, encoded()[:-40])


@case('truncated JPEG with a whole thumbnail in it', STOPS_OR_SKIPS, STOPS.format('truncated'))
def truncated_with_thumbnail(folder):
    whole, small = encoded(), encoded(pixels=PIXELS[:8, :8])
    segment = b'\xff\xe1' + struct.pack('>H', len(small) + 2) + small
    return both(folder, (whole[:2] + segment + whole[2:])[:-40])


@case('truncated PNG', STOPS_OR_SKIPS, STOPS.format('truncated'))
def truncated_png(folder):
    return both(folder, encoded('.png')[:-200], 'bad.png')


@case('empty file', STOPS_OR_SKIPS, STOPS.format('empty file'))
def empty(folder):
    return both(folder, b'')


@case(
    'missing file',
    STOPS_OR_SKIPS,
    r'(?s)labeled: problem .*not there.*unlabeled: skipped .*No such',
)
def missing(folder):
    return both(folder, None)


@case(
    'unreadable: a folder with the name of an image', STOPS_OR_SKIPS, STOPS.format('Is a directory')
)
def folder_as_image(folder):
    (folder / 'images/bad.jpg').mkdir(parents=True)
    return both(folder, None)


@case(
    'unreadable: without the permission to read', STOPS_OR_SKIPS, STOPS.format('Permission denied')
)
def forbidden(folder):
    (folder / 'images').mkdir()
    (folder / 'images/bad.jpg').write_bytes(encoded())
    (folder / 'images/bad.jpg').chmod(0)
    if os.access(folder / 'images/bad.jpg', os.R_OK):
        pytest.skip('the super-user reads every file')
    return both(folder, None)


@case('text with the suffix of an image', STOPS_OR_SKIPS, STOPS.format('no image'))
def text(folder):
    return both(folder, b'<html>404 not found</html>')


@case(
    'more pixels than fit in memory (a few KB of PNG)',
    STOPS_OR_SKIPS,
    STOPS.format('more than [0-9]+ pixels'),
)
def pixel_bomb(folder):
    return both(folder, long_text(black(50_000, 50_000), b''), 'bad.png')


@case(
    'the same, and longer than 1:200, behind a text that is longer than Pillow reads',
    STOPS_OR_SKIPS,
    '(?s)(?=.*labeled: problem.*more than [0-9]+ pixels.*more than [0-9]+ pixels).*thinner than 1:200.*thinner than',
)
def hidden_bomb(folder):
    return '\n'.join(
        both(folder, long_text(black(*size)), 'bad.png')
        for size in ((30_000, 30_000), (60_000, 10))
    )


@case('PNG with a text that is longer than Pillow reads', USED, FINE.format(30, 40))
def wordy(folder):
    return both(folder, long_text(encoded('.png')), 'bad.png', PIXELS)


def black(width: int, height: int) -> bytes:
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        map(chunk, (b'IHDR', b'IDAT', b'IEND'), (header, zlib.compress(b''), b''))
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def long_text(png: bytes, text: bytes = b'a' * 2_000_000) -> bytes:
    """A PNG with a compressed text behind its header."""
    return png[:33] + chunk(b'zTXt', b'words\0\0' + zlib.compress(text)) + png[33:]


@case(
    'truncated, empty or none, in a validation or test set',
    'error before training for the first 2000 images, else in the evaluation; by name',
    '(?s)(UnreadableImageError: .*bad.jpg: (truncated|empty file|no image).*){6}',
)
def evaluated(folder):
    cfg = Config.fromfile(DEMO)
    said = []
    for content in (encoded()[:-40], b'', b'no image'):
        (folder / 'bad.jpg').write_bytes(content)
        for loader in (cfg.val_dataloader, cfg.test_dataloader):
            load = TRANSFORMS.build(loader.dataset.pipeline[0])
            said.append(error_of(load, dict(img_path=str(folder / 'bad.jpg'))))
    return '\n'.join(said)


@case(
    'given to `mmssod infer` or `mmssod label`, and cannot be read',
    'skipped, counted, listed at the end; an error where none can be read',
    '(?s)2 of 2 images cannot be read and were skipped.*truncated.*no image',
)
def inferred(folder):
    (folder / 'bad.jpg').write_bytes(encoded()[:-40])
    (folder / 'text.jpg').write_text('no image')
    said = [error_of(frame.pixels) for frame in frames([str(folder)])]
    return error_of(tell_skipped, said, 0)


@case(
    'given to `mmssod infer` by a list with absolute names',
    'used; pictures are written below `--out`',
    '^deep/a.png other/b.png$',
)
def absolute_names(folder):
    names = [folder / 'deep/a.png', folder / 'other/b.png']
    for name in names:
        name.parent.mkdir()
        name.write_bytes(encoded('.png'))
    (folder / 'list.txt').write_text('\n'.join(map(str, names)))
    return ' '.join(frame.name for frame in frames([str(folder / 'list.txt')]))


@case(
    'given to `mmssod infer` from where it would write',
    'error before any is looked at',
    'expected a folder without the inputs',
)
def written_over(folder):
    (folder / 'pictures').mkdir()
    (folder / 'pictures/a.jpg').write_bytes(encoded())
    return error_of(frames, [str(folder)], written=[folder / 'pictures'])


@case('20000 x 10 px', STOPS_OR_SKIPS, STOPS.format('thinner than 1:200'))
def thin(folder):
    return both(folder, encoded('.png', np.zeros((10, 20_000, 3), np.uint8)), 'bad.png')


@case('1 x 1 px', USED, FINE.format(1, 1))
def one_pixel(folder):
    return both(folder, encoded('.png', PIXELS[:1, :1]), 'bad.png', PIXELS[:1, :1])


@case('grayscale', USED + ', as three equal channels', FINE.format(30, 40))
def gray(folder):
    return both(folder, encoded('.png', PIXELS[..., 0]), 'bad.png', PIXELS[..., [0, 0, 0]])


@case('16 bit', USED + ', as 8 bit', FINE.format(30, 40))
def sixteen_bit(folder):
    return both(folder, encoded('.png', PIXELS.astype(np.uint16) * 256), 'bad.png', PIXELS, most=1)


@case(
    '16 bit with values of 12 bits alone, of which 16 grays would be left',
    'labeled, and unlabeled ones given to `mmssod new`: error, where they are most',
    '(?s)(1 of 1 images of 16 bits have values below 4096.*){4}',
)
def twelve_bit(folder):
    (folder / 'images').mkdir()
    said = []
    for name in ('a.png', 'a.tif'):
        assert cv2.imwrite(str(folder / 'images' / name), PIXELS.astype(np.uint16) * 16)
        record = dict(id=1, file_name=name, width=40, height=30)
        said += map(str, image_problems('labeled', [record], str(folder / 'images'), 10))
        one = FoundImage(str(folder / 'images' / name), name, 1)
        said.append(check_images('unlabeled', [one], decode=True).text())
    return '\n'.join(said)


@case(
    'TIFF of 32-bit floats or whole numbers, of six bands',
    STOPS_OR_SKIPS,
    '(?s)'
    + '.*'.join(STOPS.format(kind)[4:] for kind in ('32-bit floats', '32-bit samples', '6 bands')),
)
def strange_tiffs(folder):
    gray = PIXELS[..., 0]
    contents = [
        pillow('TIFF', gray.astype('float32')),
        pillow('TIFF', gray.astype('int32')),
        six_bands(PIXELS),
    ]
    return '\n'.join(both(folder, content, 'bad.tif') for content in contents)


@case(
    'truncated BMP, TIFF, JPEG 2000, PPM, GIF, WebP',
    STOPS_OR_SKIPS,
    '(?s)(labeled: problem .*truncated or damaged.*unlabeled: skipped .*truncated or damaged.*){5}',
)
def truncated_others(folder):
    said = []
    for kind in ('BMP', 'TIFF', 'JPEG2000', 'PPM', 'WEBP'):
        said.append(both(folder, pillow(kind, PIXELS)[:-200], 'bad.jpg'))
    gif = both(folder, pillow('GIF', PIXELS)[:-200], 'bad.jpg')
    assert 'problem' in gif and 'skipped' in gif
    return '\n'.join(said)


@case('TIFF with an orientation', USED + ', upright once', FINE.format(40, 30))
def rotated_tiff(folder):
    content = pillow('TIFF', PIXELS[..., ::-1], tiffinfo={0x0112: 6})
    return both(folder, content, 'bad.tif', np.rot90(PIXELS, -1))


@case(
    'WebP with an orientation, by which OpenCV does not turn it',
    'labeled: error before training; unlabeled: used as it is',
    r'(?s)labeled: problem .*save it upright.*unlabeled: used \(30, 40, 3\)',
)
def rotated_webp(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = pillow('WEBP', PIXELS[..., ::-1], exif=exif, lossless=True)
    return both(folder, content, 'bad.webp', PIXELS)


@case('CMYK', USED + ', as RGB', FINE.format(30, 40))
def cmyk(folder):
    Image.fromarray(SMOOTH[..., ::-1]).convert('CMYK').save(folder / 'x.jpg', quality=95)
    return both(folder, (folder / 'x.jpg').read_bytes(), pixels=SMOOTH, most=LOSSY)


@case('alpha channel', USED + ', without it', FINE.format(30, 40))
def alpha(folder):
    return both(folder, encoded('.png', np.dstack([PIXELS, PIXELS[..., :1]])), 'bad.png', PIXELS)


@case('palette', USED + ', as RGB', FINE.format(30, 40))
def palette(folder):
    image = Image.fromarray(PIXELS).convert('P')
    image.save(folder / 'x.png')
    seen = np.asarray(image.convert('RGB'))[..., ::-1]
    return both(folder, (folder / 'x.png').read_bytes(), 'bad.png', seen)


@case(
    'rotated by EXIF',
    USED + ', upright; width and height in a json must be those',
    FINE.format(40, 30),
)
def rotated(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(SMOOTH[..., ::-1]).save(folder / 'x.jpg', exif=exif, quality=95)
    upright = np.rot90(SMOOTH, -1)  # orientation 6: turned to the right
    return both(folder, (folder / 'x.jpg').read_bytes(), pixels=upright, most=LOSSY)


@case('PNG with the suffix .jpg', USED + ', by its content', FINE.format(30, 40))
def wrong_suffix(folder):
    return both(folder, encoded('.png'), 'bad.jpg', PIXELS)


@case('more data behind the end', USED, FINE.format(30, 40))
def trailing(folder):
    content = encoded(pixels=SMOOTH) + b'\xff\xda' + bytes(100)
    return both(folder, content, pixels=SMOOTH, most=LOSSY)
