"""Checkpoints and work directories of others, copied, used again, or changed since."""

import json
import shutil
from pathlib import Path
from unittest import mock

import torch
from bad_input_cases import STOP, USED, WARN, cases_of, coco_content, error_of, write_json
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader

from mmssod.analysis.report import read_run_folder
from mmssod.engine.preflight import evaluator_problems, resume_findings, resume_problems
from mmssod.engine.preflight.start_checks import weight_findings
from mmssod.engine.reliability import checkpoint_files
from mmssod.engine.reliability.checkpoint_files import keep_own_names, newest_checkpoint, note_older
from mmssod.methods.ismt import PseudoLabelMemory
from mmssod.models.checkpoint_parts import teacher_digest
from mmssod.tiny_detectors import CLASSES, tiny_detector

case = cases_of('Checkpoints')
folder_case = cases_of('Work directories')


@case('of weights alone, to resume', STOP, 'cannot be resumed.*\n.*\n.*weights alone')
def weights_alone(folder):
    return '\n'.join(map(str, resume_problems(dict(state_dict=dict(a=torch.ones(2))))))


@case(
    'NaN or infinity in its weights', STOP, r'(?s)1 weights of .* are NaN.*expected finite weights'
)
def spoilt(folder):
    init_default_scope('mmdet')
    model = MODELS.build(tiny_detector())
    weights = model.state_dict()
    weights[next(name for name in weights if name.endswith('.weight'))].view(-1)[0] = float('nan')
    torch.save(dict(state_dict=weights), folder / 'a.pth')
    meta = dict(dataset_meta=dict(classes=CLASSES))
    found = weight_findings(model, dict(state_dict=weights, meta=meta), purpose='start')
    return found.text() + error_of(teacher_digest, str(folder / 'a.pth'))


@case(
    'code where mmengine keeps a config and would run it',
    f'{USED}; the text is left out, and nothing of it is run',
    r'^\[\] False$',
)
def code_as_config(folder):
    text = f'open({str(folder / "it_ran")!r}, "w")'
    hub = dict(runtime_info=dict(cfg=text))
    content = dict(meta=dict(config=text, cfg=text), message_hub=hub)
    torch.save(content, folder / 'a.pth')
    loaded = CheckpointLoader.load_checkpoint(str(folder / 'a.pth'))
    left = [*loaded['meta'], *loaded['message_hub']['runtime_info']]
    return f'{left} {(folder / "it_ran").exists()}'


@case(
    'a tensor that needs far more memory than is stored of it',
    'error; nothing is computed with it',
    'they need 4000000000 bytes and 4 are stored',
)
def wide(folder):
    torch.save(dict(state_dict=dict(weight=torch.zeros(1).expand(10**9))), folder / 'a.pth')
    return error_of(teacher_digest, str(folder / 'a.pth'))


@case(
    'names another file as the best one so far',
    f'{USED}; only regular `best_*.pth` files of the own folder are ever removed',
    "^{'best_ckpt': None, 'keep_ckpt_ids': \\[2\\]}$",
)
def best_elsewhere(folder):
    info = dict(best_ckpt='/home/someone/thesis', keep_ckpt_ids=['/../x', 2])
    keep_own_names(info, str(folder))
    return str(info)


@case(
    'of a work directory that was copied, to resume',
    f"{USED}: the copy's own, not the original's",
    '^b/iter_2.pth$',
)
def copied(folder):
    (folder / 'a').mkdir()
    torch.save(dict(a=1), folder / 'a/iter_2.pth')
    (folder / 'a/last_checkpoint').write_text(str(folder / 'a/iter_2.pth'))
    shutil.copytree(folder / 'a', folder / 'b')
    return str(Path(str(newest_checkpoint(str(folder / 'b')))).relative_to(folder))


@case(
    'of an earlier run in the same work directory, whose newest run left none, to resume',
    f'{WARN}; the newest run begins anew',
    'begins anew; 1 of an earlier run.*None$',
)
def used_again(folder):
    torch.save(dict(a=1), folder / 'iter_2.pth')
    note_older(str(folder), str(folder))
    with mock.patch.object(checkpoint_files, 'print_log') as log:
        found = newest_checkpoint(str(folder))
    return f'{log.call_args[0][0]} {found}'


def changed(model, unlabeled: str) -> str:
    """What is said of a resume with other unlabeled images, labels and rate."""
    was = dict(images=3, names='a', labels='b')
    stored = dict(labeled=was, unlabeled=was)
    now = dict(labeled=dict(was, labels='c'), unlabeled=dict(was, names=unlabeled))
    text = 'optim_wrapper = dict(optimizer=dict(lr=0.1))'
    checkpoint = dict(message_hub=dict(runtime_info=dict(data_marks=stored)), meta=dict(cfg=text))
    cfg = dict(optim_wrapper=dict(optimizer=dict(lr=0.2)))
    return resume_findings(model, cfg, now, checkpoint).text()


@case(
    'other labels, images, batch or settings than it was trained with, to resume',
    f'{WARN} with what differs',
    '(?s)labeled: other labels; unlabeled: other names.*lr: 0.1 -> 0.2',
)
def other_data(folder):
    return changed(torch.nn.Linear(1, 1), 'z')


@case(
    'other unlabeled images, to resume a run that remembers labels by image',
    STOP,
    'the memory of pseudo labels is of other images',
)
def other_memory(folder):
    return changed(PseudoLabelMemory(), 'z')


@folder_case(
    'code beside the config of a run, given to `mmssod report`',
    f'{USED}: the config of the last start, as data; nothing is run',
    '^A False$',
)
def helper(folder):
    (folder / '1/vis_data').mkdir(parents=True)
    (folder / '1/vis_data/config.py').write_text("model = dict(type='A')")
    (folder / 'helper.py').write_text(f'open({str(folder / "it_ran")!r}, "w")')
    return f'{read_run_folder(folder).config.model.type} {(folder / "it_ran").exists()}'


@folder_case(
    'code in the config of a run, or a type that leads to code, given to `mmssod report`',
    'error; nothing is run',
    '(?s)got code in line 1.*got type=.subprocess.call',
)
def code_in_config(folder):
    said = []
    (folder / '1/vis_data').mkdir(parents=True)
    for text in ('model = f()', "model = dict(type='subprocess.call', args='x')"):
        (folder / '1/vis_data/config.py').write_text(text)
        said.append(error_of(read_run_folder, folder))
    return '\n'.join(said)


@cases_of('Sets')(
    'a validation or test set whose evaluator has a json of other images',
    'error before training, or before the test',
    r'(?s)val: the data set .*a.json.*b.json, in which 2 of 2 ids are others: 1 is 0.png and x0.png',
)
def other_json(folder):
    shown, other = coco_content(), coco_content()
    for image in other['images']:
        image['file_name'] = 'x' + image['file_name']
    files = [
        write_json(folder, content, name)
        for content, name in ((shown, 'a.json'), (other, 'b.json'))
    ]
    loader = dict(dataset=dict(type='CocoDataset', ann_file=files[0]))
    cfg = Config(dict(val_dataloader=loader, val_evaluator=dict(ann_file=files[1])))
    said = '\n'.join(map(str, evaluator_problems(cfg, 'val')))
    cfg.val_evaluator.ann_file = write_json(folder, json.loads(json.dumps(shown)), 'c.json')
    assert not list(evaluator_problems(cfg, 'val'))  # a copy
    return said
