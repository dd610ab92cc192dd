"""Checkpoints that do not fit, or are not whole."""

import copy
import json
import struct
import zipfile
from functools import partial

import torch
from bad_input_cases import STOP, USED, WARN, cases_of, error_of
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader

from mmssod.apis.plain import plain_detector
from mmssod.engine.preflight import fetch_problems, start_problems
from mmssod.engine.preflight.start_checks import start_findings, weight_findings
from mmssod.engine.reliability.checkpoint_files import newest_checkpoint
from mmssod.models.checkpoint_parts import merge_checkpoints
from mmssod.start import fit_start, read_start, start_lines, twin_shapes
from mmssod.tiny_detectors import CLASSES, tiny_detector, tiny_semi

case = cases_of('Checkpoints')


def build(config):
    init_default_scope('mmdet')
    return MODELS.build(config)


def fit(model, state_dict, purpose='start', trained_on=CLASSES, twin=None) -> str:
    """What is said of weights for a model; to start it, with the lines about what fits."""
    meta = dict(dataset_meta=dict(classes=trained_on))
    checkpoint = dict(state_dict=state_dict, meta=meta)
    if purpose != 'start':
        return weight_findings(model, checkpoint, purpose=purpose, classes=CLASSES).text()
    found = fit_start(model, checkpoint, CLASSES, twin)
    return '\n'.join([*start_lines(found, 'a.pth'), start_findings(model, found).text()])


def started(load_from: str) -> str:
    """What is said of a start, fetched where needed."""
    cfg = Config(dict(load_from=load_from))
    return '\n'.join(map(str, [*start_problems(cfg), *fetch_problems(cfg)]))


def part(model, prefix) -> dict:
    return {k: v for k, v in model.state_dict().items() if k.startswith(prefix)}


@case('missing', STOP, 'no checkpoint to start from')
def missing(folder):
    return '\n'.join(map(str, start_problems(Config(dict(load_from=str(folder / 'none.pth'))))))


@case('truncated', STOP, 'a damaged checkpoint.*\n.*\n.*cut off')
def truncated(folder):
    file = folder / 'a.pth'
    torch.save(dict(a=torch.zeros(99)), file)
    file.write_bytes(file.read_bytes()[:-50])
    return '\n'.join(map(str, start_problems(Config(dict(load_from=str(file))))))


@case('one bit flipped', STOP, 'a damaged checkpoint.*\n.*\n.*checksum')
def flipped(folder):
    file = folder / 'a.pth'
    torch.save(dict(a=torch.arange(999.0)), file)
    data = bytearray(file.read_bytes())
    data[1500] ^= 1
    file.write_bytes(data)
    labeler = dict(type='FrozenTeacher', checkpoint=str(file))
    return '\n'.join(map(str, start_problems(Config(dict(model=dict(labeler=labeler))))))


@case('no checkpoint but text', STOP, 'a damaged checkpoint.*\n.*\n.*not a file of torch.save')
def text(folder):
    (folder / 'a.pth').write_text('<html>')
    return '\n'.join(map(str, start_problems(Config(dict(load_from=str(folder / 'a.pth'))))))


@case('the newest one of a run damaged', WARN + '; resumes from the one before', 'iter_2.pth')
def newest(folder):
    torch.save(dict(a=1), folder / 'iter_2.pth')
    (folder / 'iter_4.pth').write_bytes(b'PK')
    (folder / 'last_checkpoint').write_text(str(folder / 'iter_4.pth'))
    return str(newest_checkpoint(str(folder)))


@case('all of a run damaged', STOP, 'no checkpoint of .* can be resumed')
def all_damaged(folder):
    (folder / 'iter_2.pth').write_bytes(b'')
    return error_of(newest_checkpoint, str(folder))


@case('another architecture', STOP, 'parameters are not in the checkpoint')
def architecture(folder):
    weights = {'encoder.weight': torch.zeros(3)}
    return fit(build(tiny_detector()), weights)


@case(
    'without a class of the data, where a frozen teacher labels',
    STOP,
    'a frozen teacher that does not know all classes',
)
def frozen_classes(folder):
    other = build(tiny_detector(num_classes=5)).state_dict()
    return fit(build(tiny_semi()), other, trained_on=tuple('abcde'))


@case(
    'without a class of the data, where the teacher follows or the student labels',
    f'{USED}; that class is new',
    '(?s)class weights by name for 1 of 3 classes .star.*new: 2 classes .circle, square.*no problems',
)
def followed_classes(folder):
    other = build(tiny_detector(num_classes=5)).state_dict()
    model = build(tiny_semi(labeler='EMATeacher'))
    return fit(model, other, trained_on=('a', 'star', 'c', 'd', 'e'))


@case(
    'compressed, a hundred times larger in memory than on the disk',
    'error; not unpacked',
    'is compressed, which torch.save never does',
)
def compressed(folder):
    torch.save(dict(state_dict=dict(a=torch.zeros(10**6))), folder / 'a.pth')
    with zipfile.ZipFile(folder / 'a.pth') as whole:
        with zipfile.ZipFile(folder / 'b.pth', 'w', zipfile.ZIP_DEFLATED) as small:
            for name in whole.namelist():
                small.writestr(name, whole.read(name))
    assert (folder / 'b.pth').stat().st_size < (folder / 'a.pth').stat().st_size / 100
    return error_of(CheckpointLoader.load_checkpoint, str(folder / 'b.pth'))


@case(
    'an archive whose entries share their bytes',
    'error; not unpacked',
    r'but \d+ bytes in a file of \d+',
)
def overlapping(folder):
    torch.save(dict(state_dict=dict(a=torch.zeros(10**4))), folder / 'a.pth')
    with zipfile.ZipFile(folder / 'a.pth', 'a') as archive:
        one = archive.getinfo('a/data/0')
        for number in range(1, 9):
            more = copy.copy(one)
            more.filename = f'a/data/{number}'
            archive.filelist.append(more)
        archive._didModify = True
    return error_of(CheckpointLoader.load_checkpoint, str(folder / 'a.pth'))


@case(
    'without a class of the data, to start a plain detector',
    f'{USED}; that class is new',
    '(?s)class weights by name for 0 of 3 .*new: 3 classes .*no problems',
)
def plain_classes(folder):
    other = build(tiny_detector(num_classes=5)).state_dict()
    return fit(build(tiny_detector()), other, trained_on=tuple('abcde'))


@case(
    'the same classes in another order, to start',
    f'{USED}; class weights go by name',
    '(?s)class weights by name for 3 of 3 .*new: nothing.*no problems',
)
def order(folder):
    config = tiny_semi()
    weights = build(tiny_detector()).state_dict()
    return fit(build(config), weights, trained_on=CLASSES[::-1], twin=partial(twin_shapes, config))


@case('the same classes in another order, to resume', STOP, 'other classes, or in another order')
def resumed_order(folder):
    model = build(tiny_detector())
    return fit(model, model.state_dict(), purpose='resume', trained_on=CLASSES[::-1])


@case(
    'a detector of 80 classes that does not say which',
    f"{USED}; they are taken for COCO's",
    "(?s)80 of the checkpoint's classes .person, .*no problems",
)
def silent(folder):
    weights = build(tiny_detector(num_classes=80)).state_dict()
    return fit(build(tiny_detector()), weights, trained_on=())


@case('a name that no model has', STOP, 'no such start(.|\n)*did you mean yolox_nano')
def unknown_name(folder):
    return started('yolox_nanoo')


@case('a model of which the zoo has no weights', STOP, 'no weights of dino')
def no_weights(folder):
    return started('dino-4scale_r50_8xb2-24e_coco')


@case(
    'weights that cannot be fetched',
    f'{STOP}; says what to fetch to where',
    r'cannot be fetched(.|\n)*fetch http://127.0.0.1:9/a.pth on a machine with a network, put it at .*a.pth',
)
def unreachable(folder):
    return started('http://127.0.0.1:9/a.pth')


@case(
    'NaN or infinity in its weights, to infer, label, browse or export',
    'error',
    r'expected finite weights, got NaN or infinity in 1 of',
)
def spoilt_detector(folder):
    config = Config(
        dict(
            model=tiny_detector(),
            test_dataloader=dict(dataset=dict(metainfo=dict(classes=CLASSES), pipeline=[])),
        )
    )
    weights = build(tiny_detector()).state_dict()
    weights['backbone.conv1.weight'].fill_(float('nan'))
    torch.save(dict(state_dict=weights), folder / 'a.pth')
    return error_of(plain_detector, config, str(folder / 'a.pth'))


@case('a file without weights', 'error', 'a start without weights')
def no_tensors(folder):
    torch.save(dict(meta={}), folder / 'a.pth')
    return error_of(read_start, str(folder / 'a.pth'))


@case('truncated safetensors', STOP, r'a damaged checkpoint.*\n.*\n.*bytes, its header says')
def short_safetensors(folder):
    header = json.dumps(dict(a=dict(dtype='F32', shape=[2], data_offsets=[0, 8]))).encode()
    content = struct.pack('<Q', len(header)) + header + bytes(4)  # of 8
    (folder / 'a.safetensors').write_bytes(content)
    return started(str(folder / 'a.safetensors'))


@case('another K', STOP, r'weights of the checkpoint have another shape')
def buckets(folder):
    return fit(build(tiny_semi()), build(tiny_detector(num_buckets=4)).state_dict())


@case(
    'a teacher alone, to start a student',
    STOP,
    'parameters are not in the checkpoint.*\n.*\n.*student',
)
def teacher_alone(folder):
    model = build(tiny_semi())
    return fit(model, part(model, 'labeler.'))


@case(
    'a student alone, where a frozen teacher needs weights',
    STOP,
    'parameters are not in the checkpoint.*\n.*\n.*labeler',
)
def student_alone(folder):
    model = build(tiny_semi())
    return fit(model, part(model, 'student.'))


@case(
    'a student alone, where the teacher follows it',
    'used; the teacher starts as the student',
    'no problems',
)
def student_followed(folder):
    model = build(tiny_semi(labeler='EMATeacher'))
    return fit(model, part(model, 'student.'))


@case(
    'a plain detector, to start a student', 'used; student and teacher start alike', 'no problems'
)
def plain(folder):
    return fit(build(tiny_semi()), build(tiny_detector()).state_dict())


@case('another box head, to resume', STOP, 'weights of the checkpoint have another shape')
def other_head(folder):
    return fit(build(tiny_detector()), build(tiny_detector('plain')).state_dict(), purpose='resume')


@case(
    'a student with its teacher, to test a plain detector',
    'error before the test',
    'not in the checkpoint',
)
def semi_tested(folder):
    return fit(build(tiny_detector()), build(tiny_semi()).state_dict(), purpose='test')


@case('of the labeler: another K', STOP, 'does not fit the teacher.*another shape')
def labeler(folder):
    torch.save(dict(state_dict=build(tiny_detector(num_buckets=4)).state_dict()), folder / 'a.pth')
    model = build(tiny_semi(labeler=dict(type='FrozenTeacher', checkpoint=str(folder / 'a.pth'))))
    return error_of(model.init_weights)


@case(
    'members of an ensemble with other classes',
    'error',
    'an ensemble needs detectors of the same classes',
)
def ensemble(folder):
    for name, classes in (('a', ('x',)), ('b', ('y',))):
        meta = dict(dataset_meta=dict(classes=classes))
        torch.save(dict(state_dict={}, meta=meta), folder / f'{name}.pth')
    return error_of(merge_checkpoints, [str(folder / 'a.pth'), str(folder / 'b.pth')])


@case(
    'a plain detector, to start two networks that differ',
    WARN + '; the second begins at random',
    '(?s)warning: .*parameters are not in the checkpoint.*no problems',
)
def two_networks(folder):
    config = tiny_semi(labeler=dict(type='GivenLabels'))
    config.type = 'CoRectifyDetector'
    return fit(build(config), build(tiny_detector()).state_dict())
