"""A bank gives back what was written, whatever ended the process that wrote it, and knows when it is not whole."""

import copy
import json
import multiprocessing
import os
import pickle
import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, fields
from hashlib import sha256

import numpy as np
import pytest
from builders.banks import bank, header, image, some_boxes, written
from PIL import Image

from mmssod.label_bank import BOX, IMAGE, BankError, Header, LabelBankFiles, ShardWriter, finish
from mmssod.label_bank.layout import image_key, name_code, shard_files
from mmssod.label_bank.shards import images_done

# None, one, many boxes in a view, and more than any detector gives.
FOUND = [image(0, 0, 0), image(1, 1, 0), image(2, 0, 1), image(3, 7, 5), image(4, 1000, 1001)]


@pytest.mark.parametrize('shard_size', [1, 2, 5, 99])
def test_what_was_written_is_found(tmp_path, shard_size):
    bank(tmp_path, FOUND, shard_size=shard_size)
    files = LabelBankFiles(tmp_path)
    assert len(files) == 5 and len(files.header.shards) == -(-5 // shard_size)
    for one in reversed(FOUND):
        for mirrored, expected in ((False, one.plain), (True, one.mirrored)):
            found = files.look_up(one.img_id, f'elsewhere/{one.img_id}.jpg', mirrored=mirrored)
            assert found.view == one.view
            assert np.array_equal(found.boxes, expected)
    files.verify()


@pytest.mark.parametrize('ids', [[9, 3, 70, -1], ['b', 'a/c', 'é', '10'], [2**40, 0, 'x', 1]])
def test_ids_in_any_order_and_of_any_kind(tmp_path, ids):
    found = [image(n, n, 0, img_id=img_id) for n, img_id in enumerate(ids)]
    bank(tmp_path, found)
    files = LabelBankFiles(tmp_path)
    for number, img_id in enumerate(ids):
        boxes = files.look_up(img_id, f'{number}.jpg', mirrored=False).boxes
        assert np.array_equal(boxes, some_boxes(number, shift=number))


def test_nothing_is_read_before_it_is_asked_for_and_a_copy_is_the_same_bank(tmp_path):
    bank(tmp_path, FOUND)
    files = LabelBankFiles(tmp_path)
    boxes = files.shard(1)[1]
    with open('/proc/self/maps') as maps:
        assert any(line.rstrip().endswith('shards/00001.boxes') for line in maps)
    with pytest.raises(ValueError, match='read-only'):
        boxes['p'] = 0
    assert copy.deepcopy({'a': files})['a'] is files
    again = pickle.loads(pickle.dumps(files))
    assert len(again.look_up(3, '3.jpg', mirrored=True).boxes) == 5


def test_a_bank_of_many_shards_leaves_descriptors_to_others(tmp_path):
    """100 million images are 1526 shards; many systems give a process 1024 descriptors."""
    bank(tmp_path, [image(n, 1, 0) for n in range(40)], shard_size=1)

    def read_all():
        files = LabelBankFiles(tmp_path)
        before = len(os.listdir('/proc/self/fd'))
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + 4, before + 4))
        for number in range(40):
            assert len(files.look_up(number, f'{number}.jpg', mirrored=False).boxes) == 1
        assert len(os.listdir('/proc/self/fd')) == before

    child = multiprocessing.get_context('fork').Process(target=read_all)
    child.start()
    child.join()
    assert child.exitcode == 0


def test_bytes_of_a_bank(tmp_path):
    """What docs/scaling.md counts with."""
    bank(tmp_path, FOUND)
    assert (IMAGE.itemsize, BOX.itemsize) == (48, 26)
    files = [file for file in (tmp_path / 'shards').iterdir() if file.suffix != '.lock']
    written_bytes = sum(file.stat().st_size for file in files)
    assert LabelBankFiles(tmp_path).num_bytes == written_bytes == 5 * 48 + 2015 * 26


def test_a_bank_is_written_byte_for_byte_as_ever(tmp_path):
    """So banks of earlier releases are read; another digest asks for another ``layout.FORMAT``."""
    bank(tmp_path, FOUND)
    files = sorted(f for f in tmp_path.rglob('*') if f.is_file() and f.suffix != '.lock')
    assert [file.name for file in files[:3]] == ['bank.json', 'keys.npy', 'rows.npy']
    content = b''.join(file.read_bytes() for file in files)
    assert (
        sha256(content).hexdigest()
        == 'a5419e4db77670ba43e87d2c3872e5f250fc65bdeb1cb31f0c4d0b3dd139a34f'
    )


# ------------------------------------------------------------------ interrupted


@pytest.mark.parametrize('lost', [0, 1, 47, 48, 49, 96])
@pytest.mark.parametrize('torn', [0, 1, 26, 100])
def test_a_shard_goes_on_after_its_last_whole_image(tmp_path, lost, torn):
    """However many bytes of the last records are lost, or boxes without an image are left."""
    made_of = header(images=4, shard_size=4)
    writer = ShardWriter(tmp_path, made_of, 0)
    writer.append(FOUND[:2])
    writer.append(FOUND[2:3])
    images, boxes = shard_files(tmp_path, 0)
    images.write_bytes(images.read_bytes()[: 3 * 48 - lost])
    boxes.write_bytes(boxes.read_bytes() + b'x' * torn)
    again = ShardWriter(tmp_path, made_of, 0)
    assert again.done == 3 - -(-lost // 48)
    assert images_done(tmp_path, made_of) == again.done
    again.append(FOUND[again.done : 4])
    made_of.save(tmp_path)
    finish(tmp_path, made_of)
    files = LabelBankFiles(tmp_path)
    for one in FOUND[:4]:
        assert np.array_equal(files.look_up(one.img_id, one.path, mirrored=False).boxes, one.plain)
        assert np.array_equal(
            files.look_up(one.img_id, one.path, mirrored=True).boxes, one.mirrored
        )


def test_images_whose_boxes_were_lost_are_labeled_again(tmp_path):
    """A machine that goes down may keep the later of two writes."""
    made_of = header(images=4, shard_size=4)
    ShardWriter(tmp_path, made_of, 0).append(FOUND[:4])
    boxes = shard_files(tmp_path, 0)[1]
    boxes.write_bytes(boxes.read_bytes()[:-1])
    assert ShardWriter(tmp_path, made_of, 0).done == 3
    assert boxes.stat().st_size == 2 * BOX.itemsize


@pytest.mark.parametrize(('name', 'size', 'left'), [('images', 48, 2), ('boxes', 26, 1)])
def test_zeros_where_a_machine_went_down_are_cut_off(tmp_path, name, size, left):
    """A file system may have noted the new length of a file, but not yet what is in it."""
    made_of = header(images=4, shard_size=4)
    found = [image(0, 2, 1), image(1, 2, 1), image(2, 1, 0)]
    ShardWriter(tmp_path, made_of, 0).append(found)
    file = (tmp_path / 'shards/00000').with_suffix(f'.{name}')
    kept = file.stat().st_size - (48 if name == 'images' else 2 * size)
    with open(file, 'r+b') as stream:
        stream.truncate(kept)
        stream.truncate(kept + 2 * size)
    assert ShardWriter(tmp_path, made_of, 0).done == left
    assert [file.stat().st_size for file in shard_files(tmp_path, 0)] == [left * 48, left * 3 * 26]


PAGE = 4096
LOSSES = dict(
    cut=lambda page: b'',  # with all pages behind it
    zeros=lambda page: bytes(len(page)),
    noise=lambda page: np.random.default_rng(0).bytes(len(page)),
)


def with_loss(file, page, loss):
    """A file whose page, counted from 0, was not written as it was told; bytes that differ lie from here on."""
    content = file.read_bytes()
    start = page * PAGE
    lost = LOSSES[loss](content[start : start + PAGE])
    file.write_bytes(content[:start] + lost + (content[start + PAGE :] if lost else b''))
    return start


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('name', ['images', 'boxes'])
def test_any_page_that_a_machine_lost_is_written_again(tmp_path, name, loss):
    """The images before it stay; in the end the bank is that of a machine that stayed up, byte by byte."""
    found = [image(n, 1 + n % 3, n % 2) for n in range(200)]
    made_of = header(images=200, shard_size=200)
    ShardWriter(tmp_path, made_of, 0).append(found)
    whole = [file.read_bytes() for file in shard_files(tmp_path, 0)]
    ends = [(n + 1) * IMAGE.itemsize for n in range(200)]
    if name == 'boxes':
        ends = (np.cumsum([len(one.plain) + len(one.mirrored) for one in found]) * 26).tolist()
    file = (tmp_path / 'shards/00000').with_suffix(f'.{name}')
    pages = range(-(-file.stat().st_size // PAGE))
    assert len(pages) >= 3
    for page in pages:
        start = with_loss(file, page, loss)
        writer = ShardWriter(tmp_path, made_of, 0)
        assert writer.done == sum(end <= start for end in ends) < 200
        writer.append(found[writer.done :])
        assert [file.read_bytes() for file in shard_files(tmp_path, 0)] == whole


@pytest.mark.parametrize('loss', ['zeros', 'noise'])
@pytest.mark.parametrize('name', ['images', 'boxes'])
def test_no_label_of_a_lost_page_is_given(tmp_path, name, loss):
    """Of a bank too large for its checksums to be compared at the start: the others' labels are as they were."""
    found = [image(n, 1 + n % 3, n % 2) for n in range(200)]
    bank(tmp_path, found, shard_size=200)
    with_loss((tmp_path / 'shards/00000').with_suffix(f'.{name}'), 1, loss)
    files = LabelBankFiles(tmp_path)
    refused = 0
    for one in found:
        try:
            boxes = files.look_up(one.img_id, one.path, mirrored=False).boxes
            assert np.array_equal(boxes, one.plain)
        except BankError as error:
            refused += 1
            assert 'damaged: ' in str(error)
    assert 50 < refused < 120
    with pytest.raises(BankError, match='damaged: '):
        files.verify()


def test_a_shard_that_was_begun_on_other_pictures_of_the_same_names(tmp_path):
    """As when data were scaled meanwhile, and the bank goes on."""
    path = tmp_path / '0.jpg'
    Image.new('RGB', (64, 48)).save(path)
    made_of = header(images=4, shard_size=4)
    ShardWriter(tmp_path, made_of, 0).append([image(0, path=str(path))])
    ShardWriter(tmp_path, made_of, 0).require_same_images([(0, str(path))])
    Image.new('RGB', (32, 24)).save(path)
    with pytest.raises(BankError, match='other images(.|\n)*0.jpg: 32 x 24, labeled at 64 x 48'):
        ShardWriter(tmp_path, made_of, 0).require_same_images([(0, str(path))])


def test_unreadable_images_at_the_end_are_tried_again(tmp_path):
    """Those before them stay: the images behind them have their places."""
    made_of = header(images=4, shard_size=4)
    blank = [image(n, 0, 0, view=(0, 0)) for n in (1, 3)]
    ShardWriter(tmp_path, made_of, 0).append([image(0), blank[0], image(2), blank[1]])
    assert ShardWriter(tmp_path, made_of, 0).done == 3
    ShardWriter(tmp_path, header(images=4, shard_size=2), 1).append(blank)
    assert ShardWriter(tmp_path, header(images=4, shard_size=2), 1).done == 0


def test_other_images_in_the_places_of_those_there(tmp_path):
    made_of = header(images=4, shard_size=4)
    ShardWriter(tmp_path, made_of, 0).append(FOUND[:3])
    writer = ShardWriter(tmp_path, made_of, 0)
    same = [(0, '/other/folder/0.jpg'), (1, '1.jpg'), (2, '2.jpg')]
    writer.require_same_images(same)
    for place in range(3):
        for other in ((3, f'{place}.jpg'), (place, '3.jpg')):
            with pytest.raises(BankError, match='begun on other images'):
                writer.require_same_images([*same[:place], other, *same[place + 1 :]])


# ------------------------------------------------------------------ not usable


def test_no_bank(tmp_path):
    with pytest.raises(BankError, match='no label bank(.|\n)*tools/make_label_bank.py'):
        LabelBankFiles(tmp_path / 'nowhere')


def test_an_unfinished_bank(tmp_path):
    written(tmp_path, FOUND)
    with pytest.raises(BankError, match='not finished(.|\n)*goes on where it was'):
        LabelBankFiles(tmp_path)


@pytest.mark.parametrize(
    'text', ['', '{', '[]', '{"format": "mmssod label bank 2"}', '{"format": "other"}']
)
def test_a_damaged_header(tmp_path, text):
    bank(tmp_path, FOUND)
    (tmp_path / 'bank.json').write_text(text)
    with pytest.raises(BankError, match='damaged'):
        LabelBankFiles(tmp_path)


@pytest.mark.parametrize(
    'name', ['shards/00001.images', 'shards/00002.boxes', 'keys.npy', 'rows.npy']
)
@pytest.mark.parametrize('end', [None, 0, -1])
def test_a_file_that_is_gone_or_shorter(tmp_path, name, end):
    bank(tmp_path, FOUND)
    file = tmp_path / name
    content = file.read_bytes()
    file.unlink()
    if end is not None:
        file.write_bytes(content[:end])
    with pytest.raises(BankError, match=f'damaged: .*{file.name}'):
        LabelBankFiles(tmp_path)


@pytest.mark.parametrize('name', ['shards/00000.images', 'shards/00001.boxes'])
def test_a_changed_byte_is_seen_by_the_checksum(tmp_path, name):
    bank(tmp_path, FOUND)
    content = bytearray((tmp_path / name).read_bytes())
    content[-1] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BankError, match='damaged(.|\n)*CRC-32'):
        LabelBankFiles(tmp_path).verify()


@pytest.mark.parametrize('name', ['keys.npy', 'rows.npy'])
def test_a_changed_byte_of_the_index_is_seen(tmp_path, name):
    """And an image beyond the last one is never looked for, verified or not."""
    bank(tmp_path, FOUND)
    whole = (tmp_path / name).read_bytes()
    for place in range(-5 * 8, 0):
        content = bytearray(whole)
        content[place] ^= 16
        (tmp_path / name).write_bytes(content)
        files = LabelBankFiles(tmp_path)
        with pytest.raises(BankError, match=r'damaged: .*\.npy'):
            files.verify()
        for one in FOUND:
            with suppress(BankError):
                found = files.look_up(one.img_id, one.path, mirrored=False)
                assert np.array_equal(found.boxes, one.plain)


def test_nothing_in_a_bank_is_unpickled(tmp_path):
    bank(tmp_path, FOUND)
    with open(tmp_path / 'keys.npy', 'wb') as stream:
        np.save(stream, np.array([print] * 5, dtype=object), allow_pickle=True)
    with pytest.raises(BankError, match='damaged: .*keys.npy'):
        LabelBankFiles(tmp_path)


def test_a_bank_of_an_earlier_version_says_how_to_make_it_anew(tmp_path):
    (tmp_path / 'bank.json').write_text('{"format": "mmssod label bank 1", "shards": []}')
    with pytest.raises(
        BankError, match='earlier version(.|\n)*label bank 1(.|\n)*make_label_bank.py'
    ):
        LabelBankFiles(tmp_path)


@pytest.mark.parametrize('name', [field.name for field in fields(Header) if field.name != 'format'])
def test_a_value_that_was_edited_is_seen_though_a_bank_may_have_it(tmp_path, name):
    made_of = bank(tmp_path, FOUND)
    file = tmp_path / 'bank.json'
    content = json.loads(file.read_text())
    other = asdict(header(6, 3, checkpoint='a', teacher='b', detector='c', config='d', classes=['e'],
                          floor=0.2, view=[], mirrored=False))  # fmt: skip
    file.write_text(json.dumps({**content, name: other[name]}))
    with pytest.raises(BankError, match='damaged: .*bank.json(.|\n)*it was edited'):
        Header.load(tmp_path)
    file.write_text(json.dumps(content))  # laid out otherwise is not edited
    assert Header.load(tmp_path) == made_of


def test_threads_and_forked_processes_read_one_bank_and_write_nothing(tmp_path):
    """As data workers do, some of which begin behind the first look-up."""
    found = [image(n, n % 5, n % 3) for n in range(60)]
    bank(tmp_path, found, shard_size=7)
    files = LabelBankFiles(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')}

    def read(seed):
        for number in np.random.default_rng(seed).permutation(60).tolist() * 5:
            one = found[number]
            for mirrored, expected in ((False, one.plain), (True, one.mirrored)):
                boxes = files.look_up(number, one.path, mirrored=mirrored).boxes
                assert np.array_equal(boxes, expected)
        return True

    read(9)
    fork = multiprocessing.get_context('fork')
    children = [fork.Process(target=read, args=(seed,)) for seed in (1, 2)]
    for child in children:
        child.start()
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(3, 7)))
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')} == before


def test_other_pictures_of_the_same_names(tmp_path):
    """Each image is compared as it is learned; one that could not be read when it was labeled has no size."""
    bank(tmp_path, [image(0), image(1, 0, 0, size=(0, 0), view=(0, 0))])
    files = LabelBankFiles(tmp_path)
    assert len(files.look_up(0, '0.jpg', mirrored=False, size=(48, 64)).boxes) == 2
    assert len(files.look_up(1, '1.jpg', mirrored=False, size=(7, 7)).boxes) == 0
    for size in ((64, 48), (48, 63), (96, 128)):
        text = f'0.jpg: {size[1]} x {size[0]}, labeled at 64 x 48'
        with pytest.raises(BankError, match=f'other pictures(.|\n)*{text}'):
            files.look_up(0, '0.jpg', mirrored=False, size=size)


def test_absent_images(tmp_path):
    bank(tmp_path, FOUND)
    files = LabelBankFiles(tmp_path)
    with pytest.raises(BankError, match='lacks images(.|\n)*not among its 5 images'):
        files.look_up(5, '5.jpg', mirrored=False)
    with pytest.raises(BankError, match='other images(.|\n)*belongs to another file'):
        files.look_up(1, '2.jpg', mirrored=False)


def test_a_bank_without_mirrored_views(tmp_path):
    bank(tmp_path, [image(0, 3, 0)], mirrored=False)
    files = LabelBankFiles(tmp_path)
    assert len(files.look_up(0, '0.jpg', mirrored=False).boxes) == 3
    with pytest.raises(BankError, match='no labels of mirrored views'):
        files.look_up(0, '0.jpg', mirrored=True)


def test_an_id_twice(tmp_path):
    found = [image(0), image(1), image(2, img_id=0)]
    with pytest.raises(BankError, match='the id 0 of images 0 and 2'):
        bank(tmp_path, found)


# ------------------------------------------------------------------ header, keys


def test_a_header_is_what_was_saved(tmp_path):
    made_of = bank(tmp_path, FOUND)
    assert Header.load(tmp_path) == made_of
    assert not list(tmp_path.glob('*.part'))
    assert json.loads((tmp_path / 'bank.json').read_text())['classes'] == [
        'circle',
        'square',
        'star',
    ]


@pytest.mark.parametrize(
    'change',
    [
        dict(floor=0.2),
        dict(teacher='u'),
        dict(classes=('a',)),
        dict(mirrored=False),
        dict(images=6),
    ],
)
def test_what_labels_depend_on_differs(change):
    assert header().differences(header(**change)).keys() == change.keys()
    assert not header().differences(header(shard_size=7, checkpoint='copied.pth', config='b.py'))


def test_keys():
    assert [image_key(i) for i in (0, -3, np.int64(7))] == [0, -3, 7]
    assert image_key('7') != 7 and image_key('7') == image_key('7') != image_key('8')
    assert name_code('/a/b/c.jpg') == name_code('c.jpg') != name_code('d.jpg')
