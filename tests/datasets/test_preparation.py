"""Data sets as they are downloaded pass; what is missing is named together, with where to get it."""

import json
from pathlib import Path

import pytest
from builders.miniature import WIDTH, make_coco, make_voc, voc_xml
from mmdet.datasets import CocoDataset, VOCDataset

from check_coco import check_coco
from mmssod.datasets import UnlabeledDataset
from mmssod.datasets.split import num_draws, read_coco, share_name, split_coco, write_split
from voc_to_coco import convert_voc

SETS = ('voc07_trainval', 'voc12_trainval', 'voc07_test')


@pytest.fixture
def status(call):
    """Run a tool; its exit status."""

    def run(tool, *args):
        try:
            call(f'dataset/{tool}', *args)
        except SystemExit as end:
            return end.code
        return 0

    return run


def titles(findings):
    return [problem.what for problem in findings.problems]


# ------------------------------------------------------------------ COCO


def split(coco, percent, fold):
    content = read_coco(coco / 'annotations/instances_train2017.json')
    size = num_draws(len(content['images']), percent)
    name = f'instances_train2017.{fold}@{share_name(percent=percent)}'
    write_split(split_coco(content, size=size, fold=fold), coco / 'semi_anns', name)


def test_coco_full_is_there_but_small(tmp_path):
    findings = check_coco(make_coco(tmp_path), 'full')
    assert findings.problems == ()
    assert findings.counts == (
        'train2017: 20 images, 40 boxes',
        'val2017: 2 images, 4 boxes',
        'unlabeled2017: 4 images, no boxes',
    )
    assert [w.split(':')[0] for w in findings.warnings] == ['train2017', 'val2017', 'unlabeled2017']
    assert '20 images, where the published data set has 118287' in findings.warnings[0]


def test_coco_partial_needs_its_splits_and_no_unlabeled2017(tmp_path):
    coco = make_coco(tmp_path)
    (coco / 'annotations/image_info_unlabeled2017.json').unlink()
    wanted = dict(percents=[5, 10], folds=[1, 2])
    (missing,) = check_coco(coco, 'partial', **wanted).problems
    assert 'instances_train2017.2@10-unlabeled.json' in missing.actual
    assert '--percent 5 10 --fold 1 2' in missing.fix
    for percent in wanted['percents']:
        for fold in wanted['folds']:
            split(coco, percent, fold)
    findings = check_coco(coco, 'partial', **wanted)
    assert findings.problems == ()
    assert findings.counts[-1] == f'splits: 4 in {coco / "semi_anns"}'


def test_nothing_there_is_all_named_at_once(tmp_path, status, capsys):
    findings = check_coco(tmp_path / 'coco', 'full')
    assert len(findings.problems) == 6  # json and images of three parts
    for archive in ('train2017', 'val2017', 'unlabeled2017'):
        assert f'zips/{archive}.zip' in findings.text()
    for archive in ('annotations_trainval2017', 'image_info_unlabeled2017'):
        assert f'annotations/{archive}.zip' in findings.text()
    assert status('check_coco.py', 'full', '--root', tmp_path / 'coco') == 1
    printed = capsys.readouterr().out
    assert '6 problems' in printed and 'expected:' in printed and 'fix:' in printed


def test_single_images_classes_and_files_that_are_wrong(tmp_path, status):
    coco = make_coco(tmp_path)
    assert status('check_coco.py', 'full', '--root', coco) == 0
    (coco / 'train2017/000000000009.jpg').unlink()
    (coco / 'unlabeled2017/000000000025.jpg').unlink()
    train = coco / 'annotations/instances_train2017.json'
    content = json.loads(train.read_text())
    content['categories'][0]['name'] = 'human'
    train.write_text(json.dumps(content))
    (coco / 'annotations/instances_val2017.json').write_text('{"images": [')
    findings = check_coco(coco, 'full')
    assert titles(findings) == [
        'instances_train2017.json: not the classes of COCO',
        'images of train2017: missing',
        'val2017: no annotation file that can be read',
        'images of unlabeled2017: missing',
    ]
    assert findings.problems[1].actual == '1 of 20 are not there: 000000000009.jpg'


def test_the_published_json_of_unlabeled2017_is_read_as_it_is(tmp_path):
    coco = make_coco(tmp_path)
    images = coco / 'annotations/image_info_unlabeled2017.json'
    dataset = UnlabeledDataset(str(images), data_prefix=dict(img=str(coco / 'unlabeled2017')))
    assert len(dataset) == 4
    assert dataset.get_data_info(1)['img_id'] == 25
    assert Path(dataset.get_data_info(1)['img_path']).is_file()


def test_another_setting_is_refused(tmp_path):
    with pytest.raises(ValueError, match='full.*partial.*half'):
        check_coco(tmp_path, 'half')


# ------------------------------------------------------------------ VOC


def test_voc_means_what_mmdet_reads_from_xml(tmp_path, status):
    """Boxes, labels, sizes and ignore flags of our json and of mmdet's own VOC data set agree."""
    devkit = make_voc(tmp_path)
    assert status('voc_to_coco.py', devkit) == 0
    for name, year, part in zip(
        SETS, ('2007', '2012', '2007'), ('trainval', 'trainval', 'test'), strict=True
    ):
        ours = CocoDataset(
            ann_file=str(devkit / f'annotations/{name}.json'),
            data_prefix=dict(img=str(devkit / f'VOC{year}/JPEGImages')),
            metainfo=dict(classes=VOCDataset.METAINFO['classes']),
            test_mode=True,
        )
        theirs = VOCDataset(
            ann_file=str(devkit / f'VOC{year}/ImageSets/Main/{part}.txt'),
            data_prefix=dict(sub_data_root=str(devkit / f'VOC{year}')),
            test_mode=True,
        )
        assert len(ours) == len(theirs) > 0
        for number in range(len(ours)):
            mine, other = ours.get_data_info(number), theirs.get_data_info(number)
            for key in ('img_path', 'width', 'height', 'instances'):
                assert mine[key] == other[key], key


def test_a_box_by_hand(tmp_path):
    """VOC counts pixels from 1: xmin 1 is 0; a box to the last column ends at its last pixel, width - 1."""
    devkit = make_voc(tmp_path, trainval=1)
    objects = [('cat', (1, 2, WIDTH, 12), 0), ('dog', (3, 4, 5, 6), 1)]
    (devkit / 'VOC2007/Annotations/000005.xml').write_text(voc_xml('VOC2007', '000005', objects))
    findings = convert_voc(devkit)
    assert findings.counts[0] == 'voc07_trainval: 1 images, 2 boxes, 1 of them difficult'
    cat, dog = read_coco(devkit / 'annotations/voc07_trainval.json')['annotations']
    assert cat['bbox'] == [0, 1, WIDTH - 1, 10]
    assert (cat['id'], cat['category_id'], cat['iscrowd'], cat['area']) == (1, 8, 0, 630)
    assert (dog['id'], dog['category_id'], dog['iscrowd'], dog['area']) == (2, 12, 1, 4)


def test_voc_problems_come_together_and_spoil_only_their_set(tmp_path, status, capsys):
    devkit = make_voc(tmp_path)
    later, first = devkit / 'VOC2012', devkit / 'VOC2007'
    (later / 'Annotations/2008_000002.xml').unlink()
    (later / 'JPEGImages/2008_000003.jpg').unlink()
    xml = later / 'Annotations/2008_000004.xml'
    xml.write_text(xml.read_text().replace('sheep', 'lamb'))
    (later / 'Annotations/2008_000005.xml').write_text('<annotation>')
    (first / 'ImageSets/Main/test.txt').write_text('\n')
    findings = convert_voc(devkit)
    assert titles(findings) == [
        'JPEGImages of voc12_trainval: missing',
        'Annotations of voc12_trainval: missing',
        'voc12_trainval: 1 annotation files cannot be read',
        'voc12_trainval: unknown classes',
        'voc07_test: no image list',
    ]
    assert findings.problems[3].actual == 'lamb (1 images)'
    assert findings.problems[4].actual == 'an empty file'
    assert [path.stem for path in (devkit / 'annotations').iterdir()] == ['voc07_trainval']
    assert status('voc_to_coco.py', devkit) == 1
    assert 'VOCtest_06-Nov-2007.tar' in capsys.readouterr().out


def test_no_devkit_names_three_archives(tmp_path):
    text = convert_voc(tmp_path / 'VOCdevkit').text()
    for archive in ('VOCtrainval_06-Nov-2007', 'VOCtrainval_11-May-2012', 'VOCtest_06-Nov-2007'):
        assert f'{archive}.tar' in text
    assert not (tmp_path / 'VOCdevkit').exists()


def test_boxes_without_extent_are_counted(tmp_path):
    devkit = make_voc(tmp_path, trainval=1)
    text = voc_xml('VOC2007', '000005', [('cat', (7, 2, 7, 12), 0)])
    (devkit / 'VOC2007/Annotations/000005.xml').write_text(text)
    assert '1 boxes less than a pixel' in convert_voc(devkit).warnings[1]
