"""A bank from the command line to a trained student, on drawn images with a tiny detector."""

import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import banks
from builders.trainings import small_config
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from pycocotools.coco import COCO
from torch import distributed

from demo_drawings import make_demo_data
from mmssod.apis import train
from mmssod.apis.config import build_runner, load_config
from mmssod.apis.distributed import launched_as, process_group
from mmssod.apis.training import close
from mmssod.engine.runner_access import bare_model
from mmssod.label_bank import BankError, LabelBankFiles, ShardWriter, making, shards
from mmssod.label_bank.layout import Header, shard_files
from mmssod.label_bank.making import make_label_bank, wait_for_all
from mmssod.label_bank.plan import BankPlan
from mmssod.label_bank.progress import BankProgress
from mmssod.label_bank.shards import images_done
from mmssod.tiny_detectors import tiny_detector, tiny_semi

ROOT = Path(__file__).parents[2]
IMAGES = 11
CLASSES = ('blob', 'leaf', 'arrow')
fork = multiprocessing.get_context('fork')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Drawn images of 64 px, and a teacher that is sure of something."""
    root = tmp_path_factory.mktemp('data')
    make_demo_data(
        root, num_labeled=4, num_unlabeled=IMAGES, num_val=1, size=64, num_classes=3, min_boxes_per_class=1
    )  # fmt: skip
    torch.manual_seed(3)
    with DefaultScope.overwrite_default_scope('mmdet'):
        teacher = MODELS.build(tiny_detector())
    teacher.init_weights()
    teacher.roi_head.bbox_head.fc_cls.bias.data.copy_(torch.tensor([2.0, 1.0, 0.0, 0.0]))
    torch.save(dict(state_dict=teacher.state_dict()), root / 'teacher.pth')
    return root


def student(data, folder, bank=None, max_iters=4):
    """A small training of a student of a frozen teacher, or of a bank's, written to a file."""
    folder.mkdir(parents=True, exist_ok=True)
    cfg = small_config(data, folder, max_iters)
    balancer = dict(cfg.model.balancer, bounds=(0.2, 0.9))
    cfg.model = tiny_semi(
        labeler=dict(type='FrozenTeacher', checkpoint=''), balancer=balancer, data_preprocessor=None
    )
    cfg.default_hooks.pop('ema')
    cfg.default_hooks.logger.interval = 1
    dataset = cfg.train_dataloader.dataset
    for source in (dataset.labeled, dataset.unlabeled):
        source.pipeline.resize.scale = (72, 64)
    cfg.load_from = str(data / 'teacher.pth')
    if bank:
        cfg.model.labeler.update(type='LabelBank', path=str(bank))
        dataset.unlabeled.pipeline.views.weak.type = 'UnseenSteps'
    # Not Config.dump, which sorts the keys, and with them the steps of a pipeline.
    file = folder / 'student.py'
    file.write_text('\n'.join(f'{key} = {value!r}' for key, value in cfg.to_dict().items()))
    return file


@pytest.fixture(scope='module')
def made(data, tmp_path_factory):
    """A bank by one process, in one go."""
    folder = tmp_path_factory.mktemp('made')
    config = student(data, folder, folder / 'bank')
    return make_label_bank(config, str(data / 'teacher.pth'), floor=0.2, batch_size=3, workers=0)


def records(folder):
    files = LabelBankFiles(folder)
    return [
        [files.look_up(n, name, mirrored=mirrored).boxes for mirrored in (False, True)]
        for name, n in ids(folder).items()
    ]


def ids(folder):
    """Ids by file name, in the order of names."""
    images = json.loads((folder / 'labels.json').read_text())['images']
    return dict(sorted((image['file_name'], image['id']) for image in images))


def assert_same_labels(ours, theirs):
    pairs = [
        pair
        for images in zip(records(ours), records(theirs), strict=True)
        for pair in zip(*images, strict=True)
    ]
    assert len(pairs) == 2 * IMAGES and sum(len(found) for found, _ in pairs) > IMAGES
    for found, expected in pairs:
        assert np.array_equal(found['label'], expected['label'])
        for name in ('box', 'p', 'v'):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------ the bank


def test_the_bank_says_what_it_is_made_of(made, data):
    files = LabelBankFiles(made)
    header = files.header
    assert len(files) == IMAGES and header.classes == CLASSES and header.mirrored
    assert header.checkpoint == str(data / 'teacher.pth') and header.floor == 0.2
    assert header.view[1]['scale'] == [72, 64] and header.config.endswith('student.py')
    assert header.num_shards == 4
    assert min(found['p'].min() for image in records(made) for found in image if len(found)) >= 0.2
    files.verify()


def test_its_json_is_read_by_other_tools(made):
    coco = COCO(str(made / 'labels.json'))
    assert len(coco.imgs) == IMAGES
    assert all(Path(image['file_name']).is_file() for image in coco.imgs.values())
    plain = [found for found, _ in records(made)]
    assert [len(coco.imgToAnns[n]) for n in ids(made).values()] == [len(found) for found in plain]
    assert [c['name'] for c in coco.dataset['categories']] == list(CLASSES)


def test_a_finished_bank_is_left_alone(made, data, call, capsys):
    files = [made / 'bank.json', made / 'labels.json', *made.glob('shards/*')]
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in files}
    config = made.parent / 'student.py'
    call('make_label_bank.py', config, data / 'teacher.pth', '--floor', 0.2)
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in files} == before
    with pytest.raises(SystemExit, match='1'):
        call('make_label_bank.py', config, data / 'teacher.pth', '--floor', 0.3)
    said = capsys.readouterr().err
    assert 'another label bank: floor differ' in said and 'floor = 0.3' in said


def test_a_students_config_without_a_bank_does_as_well(made, data, tmp_path, call):
    """Workers load the images, and nothing is written for other tools."""
    out = tmp_path / 'bank'
    options = ['--out', out, '--floor', 0.2, '--workers', 2, '--no-coco', '--batch-size', 4]
    call('make_label_bank.py', student(data, tmp_path), data / 'teacher.pth', *options)
    assert not (out / 'labels.json').exists()
    (out / 'labels.json').write_bytes((made / 'labels.json').read_bytes())
    assert_same_labels(out, made)


def test_what_cannot_be_labeled(data, tmp_path):
    config, checkpoint = student(data, tmp_path), str(data / 'teacher.pth')
    with pytest.raises(ValueError, match='expected --out'):
        make_label_bank(config, checkpoint)
    with pytest.raises(ValueError, match=r'\[0, 1\), got 1'):
        make_label_bank(config, checkpoint, out='bank', floor=1.0)
    with pytest.raises(ValueError, match='config of a student.*FasterRCNN'):
        make_label_bank(ROOT / 'configs/supervised/demo.py', checkpoint, out='bank')
    other = MODELS.build(tiny_detector('plain'))
    torch.save(dict(state_dict=other.state_dict()), tmp_path / 'plain.pth')
    with pytest.raises(ValueError, match='lacks .* of its .* weights'):
        make_label_bank(config, str(tmp_path / 'plain.pth'), out=str(tmp_path / 'bank'))


# ------------------------------------------------------------------ unreadable


@pytest.fixture
def spoiled(data, tmp_path):
    """A student's config with images of its own, and what makes some of them unreadable."""
    folder = tmp_path / 'unlabeled'
    shutil.copytree(data / 'unlabeled', folder)
    config = Config.fromfile(student(data, tmp_path, tmp_path / 'bank'))
    config.train_dataloader.dataset.unlabeled.images = str(folder)
    files = sorted(folder.iterdir())

    def spoil(*places):
        for place in places:
            files[place].write_bytes(b'no image')
        return [str(files[place]) for place in places]

    return config, spoil


@pytest.mark.parametrize('place', [0, 5, IMAGES - 1])
def test_an_unreadable_image_has_a_record_without_boxes(place, spoiled, made, data, tmp_path):
    """The others' labels are those of a bank in which it could be read; it counts, is listed, and learned around."""
    config, spoil = spoiled
    (path,) = spoil(place)
    bank = make_label_bank(config, str(data / 'teacher.pth'), floor=0.2, batch_size=3)
    assert (bank / 'unreadable.txt').read_text() == f'{path}\n'
    ours, expected = records(bank), records(made)
    assert [len(boxes) for boxes in ours[place]] == [0, 0] != [len(b) for b in expected[place]]
    for number in set(range(IMAGES)) - {place}:
        for found, wanted in zip(ours[number], expected[number], strict=True):
            assert len(found) == len(wanted)
            np.testing.assert_allclose(found['box'], wanted['box'], rtol=1e-4, atol=1e-4)
    content = json.loads((bank / 'labels.json').read_text())
    assert [entry['file_name'] for entry in content['images']][place] == path
    assert ids(bank)[path] not in {entry['image_id'] for entry in content['annotations']}
    LabelBankFiles(bank).verify()
    loader = config.train_dataloader.dataset.unlabeled.pipeline.views.weak
    loader.type = 'UnseenSteps'
    config.model.labeler.update(type='LabelBank', path=str(bank))
    train(config, work_dir=str(tmp_path / 'run'), seed=0)
    assert (tmp_path / 'run/iter_4.pth').is_file()


def test_too_many_unreadable_images_end_the_run_and_are_tried_again(spoiled, made, data):
    """As when a disk is away: when it is back, all images have labels."""
    config, spoil = spoiled
    checkpoint = str(data / 'teacher.pth')
    paths = spoil(4, 5)
    with pytest.raises(BankError, match='2 of 11 unlabeled images cannot be read') as error:
        make_label_bank(config, checkpoint, floor=0.2, batch_size=1)
    assert error.value.problem.expected.startswith('at most 1,')
    for path in paths:
        shutil.copy(data / 'unlabeled' / Path(path).name, path)
    bank = make_label_bank(config, checkpoint, floor=0.2, batch_size=1)
    assert not (bank / 'unreadable.txt').exists()
    assert_same_labels(bank, made)


def test_ids_are_compared_before_anything_is_labeled(data, tmp_path, monkeypatch):
    """As of a data set that does not compare them itself."""
    monkeypatch.setattr(BankPlan, 'image', lambda self, place: (place % 10, f'{place}.jpg'))
    with pytest.raises(BankError, match='the id 0 of images 0 and 10'):
        make_label_bank(student(data, tmp_path, tmp_path / 'bank'), str(data / 'teacher.pth'))
    assert not (tmp_path / 'bank').exists()


def test_an_image_in_anothers_place_is_not_written(spoiled, data, monkeypatch):
    """As of a data set with another idea of what to do with an unreadable image."""
    config, spoil = spoiled
    spoil(5)
    with monkeypatch.context() as patch:
        patch.setattr(
            'mmssod.label_bank.plan.OwnImages.__getitem__',
            lambda self, place: self.dataset[place if place != 5 else 6],
        )
        with pytest.raises(BankError, match='another image than that in place 5'):
            make_label_bank(config, str(data / 'teacher.pth'), floor=0.2, workers=0)
    assert (
        images_done(Path(config.model.labeler.path), Header.load(Path(config.model.labeler.path)))
        == 3
    )


# ------------------------------------------------------------------ killed, shared


def in_processes(*targets):
    """Run functions in forked processes; their exit codes."""
    processes = [fork.Process(target=target) for target in targets]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]


def killed_at(write, config, checkpoint, launcher='none', **options):
    """Make a bank, and die in the middle of some write."""
    append, count = shards.append_bytes, 0

    def dying(file, content):
        nonlocal count
        count += 1
        if count == write:
            append(file, content[: len(content) // 2 + 1])
            os.kill(os.getpid(), signal.SIGKILL)
        append(file, content)

    shards.append_bytes = dying
    make_label_bank(config, checkpoint, floor=0.2, launcher=launcher, **options)


@pytest.mark.parametrize(
    ('write', 'left', 'options'),
    [
        (5, 2, dict(batch_size=1, workers=0)),
        (6, 2, dict(batch_size=1, workers=0)),
        # as shipped: a shard's three images are one batch, here cut in its second record
        (6, 7, {}),
    ],
)
def test_a_killed_run_goes_on(write, left, options, made, data, tmp_path, monkeypatch):
    """All images but those that were being written are there, be it their boxes or records."""
    config, checkpoint = student(data, tmp_path, tmp_path / 'bank'), str(data / 'teacher.pth')
    assert in_processes(lambda: killed_at(write, config, checkpoint, **options)) == [-9]
    header = Header.load(tmp_path / 'bank')
    assert images_done(tmp_path / 'bank', header) == left
    with pytest.raises(BankError, match='not finished'):
        LabelBankFiles(tmp_path / 'bank')
    done = [shard_files(tmp_path / 'bank', n)[1].read_bytes()[:26] for n in range(left // 3)]
    seen: list = []
    monkeypatch.setattr(
        'mmssod.label_bank.making.pseudo_collate',
        lambda samples: seen.extend(samples) or collate(samples),
    )
    append, locks = shards.append_bytes, set()
    monkeypatch.setattr(
        shards, 'append_bytes', lambda *args: locks.add(open_locks()) or append(*args)
    )
    make_label_bank(config, checkpoint, floor=0.2, batch_size=3, workers=0)
    assert len(seen) == IMAGES - left
    assert locks == {1}  # whatever the number of shards
    assert [
        shard_files(tmp_path / 'bank', n)[1].read_bytes()[:26] for n in range(left // 3)
    ] == done
    assert_same_labels(tmp_path / 'bank', made)


def open_locks():
    links = [f'/proc/self/fd/{number}' for number in os.listdir('/proc/self/fd')]
    return sum(os.readlink(link).endswith('.lock') for link in links if os.path.islink(link))


def collate(samples):
    return {key: [sample[key] for sample in samples] for key in samples[0]}


def as_rank(rank, work, processes=2):
    """A function in the environment that torchrun gives."""

    def run():
        os.environ.update(RANK=str(rank), WORLD_SIZE=str(processes), LOCAL_RANK=str(rank))
        torch.set_num_threads(1)
        work()

    return run


def test_two_processes_share_the_work_and_one_goes_on_for_both(made, data, tmp_path):
    config, checkpoint = student(data, tmp_path, tmp_path / 'bank'), str(data / 'teacher.pth')

    def work():
        make_label_bank(config, checkpoint, floor=0.2, batch_size=2, workers=0, launcher='pytorch')

    def dying():
        killed_at(1, config, checkpoint, launcher='pytorch')

    # The second alone first: it waits for a header, so the first has to have begun.
    assert in_processes(as_rank(0, dying), as_rank(1, work)) == [-9, 0]
    header = Header.load(tmp_path / 'bank')
    begun = images_done(tmp_path / 'bank', header)
    assert begun == sum(len(header.span(n)) for n in range(1, header.num_shards, 2))
    assert in_processes(as_rank(0, work), as_rank(1, work)) == [0, 0]
    assert_same_labels(tmp_path / 'bank', made)


def test_a_second_maker_is_refused(data, tmp_path):
    """Two at once, as when a command is sent off twice: one makes the bank, the other says why it does not."""
    config, checkpoint = student(data, tmp_path, tmp_path / 'bank'), str(data / 'teacher.pth')
    started, refused = fork.Event(), fork.Event()
    append = shards.append_bytes

    def first():
        def waiting(file, content):
            started.set()
            assert refused.wait(60)
            append(file, content)

        shards.append_bytes = waiting
        make_label_bank(config, checkpoint, floor=0.2, batch_size=4, workers=0)

    def second():
        assert started.wait(60)
        with pytest.raises(BankError, match='written by another process'):
            make_label_bank(config, checkpoint, floor=0.2, batch_size=4, workers=0)
        refused.set()

    assert in_processes(first, second) == [0, 0]
    assert len(LabelBankFiles(tmp_path / 'bank')) == IMAGES


def test_runs_that_end_together_close_a_bank_once(made, data, tmp_path):
    """The second finds it being closed; or closed, and writes nothing."""
    config, checkpoint = student(data, tmp_path, tmp_path / 'bank'), str(data / 'teacher.pth')
    shutil.copytree(made / 'shards', tmp_path / 'bank/shards')
    replace(Header.load(made), shards=()).save(tmp_path / 'bank')
    begun, refused = fork.Event(), fork.Event()
    finish = making.finish

    def make():
        make_label_bank(config, checkpoint, floor=0.2, batch_size=4, workers=0)

    def first():
        def waiting(*args):
            begun.set()
            assert refused.wait(60)
            return finish(*args)

        making.finish = waiting
        make()

    def second():
        assert begun.wait(60)
        with pytest.raises(BankError, match='written by another process: .*/bank\n'):
            make()
        refused.set()

    assert in_processes(first, second) == [0, 0]
    assert_same_labels(tmp_path / 'bank', made)


def test_the_first_does_not_wait_for_the_dead_for_ever(tmp_path):
    """One of three shards is whole, one half; a process that still writes is waited for."""
    header = banks.header(images=6, shard_size=2)
    header.save(tmp_path)
    writers = [ShardWriter(tmp_path, header, n) for n in range(3)]
    writers[0].append([banks.image(0), banks.image(1)])
    writers[1].append([banks.image(2)])
    with pytest.raises(BankError, match='does not grow.* for 0.6 s') as error:
        wait_for_all(header, BankProgress(tmp_path, header, shown=True), patience=0.6)
    problem = error.value.problem
    assert (problem.expected, problem.actual) == (
        '6 images from all processes',
        '3; not whole: shards 1, 2',
    )
    assert 'call tools/make_label_bank.py again' in problem.fix

    def slowly():
        for shard, number in ((1, 3), (2, 4), (2, 5)):
            time.sleep(0.8)
            writers[shard].append([banks.image(number)])

    thread = threading.Thread(target=slowly)
    thread.start()
    wait_for_all(header, BankProgress(tmp_path, header, shown=True), patience=2.0)
    thread.join()
    assert images_done(tmp_path, header) == 6


@pytest.mark.slow
def test_torchrun(made, data, tmp_path):
    config = student(data, tmp_path, tmp_path / 'bank')
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        port = server.getsockname()[1]
    launch = ['-m', 'torch.distributed.run', '--nproc_per_node=2', f'--master_port={port}']
    command = [
        ROOT / 'tools/make_label_bank.py',
        config,
        data / 'teacher.pth',
        '--floor',
        '0.2',
        '--launcher',
        'pytorch',
    ]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    subprocess.run([sys.executable, *launch, *command], check=True, env=environment)
    # of two images: 4 a process at most
    assert LabelBankFiles(tmp_path / 'bank').header.num_shards == 6
    assert_same_labels(tmp_path / 'bank', made)


def test_ranks_are_the_launchers(monkeypatch):
    assert launched_as('none') == (0, 1, 0)
    for name, value in (('SLURM_PROCID', 5), ('SLURM_NTASKS', 8), ('SLURM_LOCALID', 1)):
        monkeypatch.delenv(name, raising=False)
        with pytest.raises(ValueError, match=name):
            launched_as('slurm')
        monkeypatch.setenv(name, str(value))
    assert launched_as('slurm') == (5, 8, 1)


# ------------------------------------------------------------------ training


def weights_after(config, folder, name='iter_4.pth', **options):
    train(config, work_dir=str(folder), seed=0, **options)
    return torch.load(folder / name, weights_only=False)['state_dict']


def test_training_is_that_with_the_teacher(made, data, tmp_path):
    """Four steps through the shipped pipelines: the same flips, strong views, labels; counts and weights in the end."""
    expected = weights_after(student(data, tmp_path / 'a'), tmp_path / 'online')
    found = weights_after(student(data, tmp_path / 'b', made), tmp_path / 'banked')
    assert {n for n in expected if not n.startswith('labeler.teacher.')} == found.keys()
    start = torch.load(data / 'teacher.pth')['state_dict']
    moved = 0
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5, msg=name)
        first = start.get(name.removeprefix('student.'), value)
        moved += not torch.allclose(value.float(), first.float(), atol=1e-4)
    assert moved > 20 and found['balancer.count'].sum() > 0
    (scalars,) = (tmp_path / 'banked').glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert len(lines) == 4 and all(line['pseudo_boxes'] > 0 for line in lines)


def test_two_and_two_steps_are_four(made, data, tmp_path):
    whole = weights_after(student(data, tmp_path / 'a', made), tmp_path / 'whole')
    train(
        student(data, tmp_path / 'b', made, max_iters=2), work_dir=str(tmp_path / 'parts'), seed=0
    )
    parts = weights_after(student(data, tmp_path / 'c', made), tmp_path / 'parts', resume='auto')
    assert whole.keys() == parts.keys()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


def test_labels_of_labeled_images_are_never_looked_up(made, data, tmp_path, monkeypatch):
    """Though ids of labeled and unlabeled images coincide."""
    asked, look_up = [], LabelBankFiles.look_up

    def noted(self, img_id, path, **view):
        asked.append(path)
        return look_up(self, img_id, path, **view)

    monkeypatch.setattr(LabelBankFiles, 'look_up', noted)
    weights_after(student(data, tmp_path, made), tmp_path / 'run')
    assert len(asked) == 4 and all('/unlabeled/' in path for path in asked)


def test_training_does_not_start_without_its_bank(data, tmp_path):
    config = student(data, tmp_path, tmp_path / 'nowhere')
    with pytest.raises(ValueError, match='1 problem found before training(.|\n)*no label bank'):
        train(config, work_dir=str(tmp_path / 'run'))


def test_training_does_not_start_with_other_images(made, data, tmp_path):
    """A file that came to the folder later has no labels; those of the others stay theirs."""
    config = Config.fromfile(student(data, tmp_path, made))
    folder = tmp_path / 'unlabeled'
    folder.mkdir()
    for file in sorted((data / 'unlabeled').iterdir()):
        (folder / file.name).symlink_to(file)
    (folder / f'0{file.suffix}').symlink_to(file)
    config.train_dataloader.dataset.unlabeled.images = str(folder)
    with pytest.raises(ValueError, match=f'lacks images: 1 of {IMAGES + 1} unlabeled'):
        train(config, work_dir=str(tmp_path / 'run'))


def test_two_processes_learn_from_one_bank(made, data, tmp_path):
    config = student(data, tmp_path, made, max_iters=2)

    def work(rank):
        def run():
            distributed.init_process_group(
                'gloo', init_method=f'file://{tmp_path}/rendezvous', rank=rank, world_size=2,
                timeout=timedelta(seconds=60),
            )  # fmt: skip
            cfg = load_config(config, work_dir=str(tmp_path / 'run'), launcher='pytorch', seed=0)
            with process_group(cfg):
                torch.save(trained(cfg), tmp_path / f'{rank}.pth')

        return as_rank(rank, run)

    assert in_processes(work(0), work(1)) == [0, 0]
    first, second = (torch.load(tmp_path / f'{rank}.pth') for rank in (0, 1))
    assert first['balancer.count'].sum() > 0
    for name, value in first.items():
        assert 'running_' in name or torch.equal(value, second[name]), name


def trained(cfg):
    runner = build_runner(cfg)
    runner.train()
    close(runner)
    return bare_model(runner).state_dict()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_says_what_stays(data, tmp_path, monkeypatch, number, request):
    """After some images; the same command goes on, and ends as ever."""
    config = student(data, tmp_path, tmp_path / 'bank')
    options = dict(floor=0.2, batch_size=3, workers=0)
    # These tests may run under nohup, whose processes ignore SIGHUP and stay.
    request.addfinalizer(partial(signal.signal, number, signal.signal(number, signal.SIG_DFL)))
    append, said, before = ShardWriter.append, [], signal.getsignal(number)

    def told(writer, images):
        append(writer, images)
        os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(ShardWriter, 'append', told)
        patch.setattr(making, 'print_log', lambda text, *_: said.append(text))
        with pytest.raises(SystemExit) as end:
            make_label_bank(config, str(data / 'teacher.pth'), **options)
    assert end.value.code == 128 + number and signal.getsignal(number) is before
    assert any(f'3 of {IMAGES} images stay labeled' in text for text in said)
    make_label_bank(config, str(data / 'teacher.pth'), **options)
    LabelBankFiles(tmp_path / 'bank').verify()


def test_the_tool_says_what_is_wrong_in_a_line(data, tmp_path, call, capsys):
    (tmp_path / 'bank').mkdir()
    (tmp_path / 'bank/bank.json').write_text('{}')
    config = student(data, tmp_path, tmp_path / 'bank')
    with pytest.raises(SystemExit, match='1'):
        call('make_label_bank.py', config, data / 'teacher.pth')
    assert 'the label bank is damaged' in capsys.readouterr().err
