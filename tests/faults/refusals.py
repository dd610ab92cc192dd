"""What is not let in: a malicious checkpoint, a path out of the data, annotations that are a bomb."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import torch
from builders.fault_runs import start, wait
from builders.toy_training import toy_config
from mmengine.config import Config

from mmssod import apis
from mmssod.datasets import UnlabeledDataset
from mmssod.engine.preflight.data_checks import file_findings

CLASSES = ('ant', 'bee')
BOMB_MIB = 300  # a tenth of the large one


class Payload:
    """Unpickling it makes a file."""

    def __init__(self, marker: Path):
        self.marker = str(marker)

    def __reduce__(self):
        return os.system, (f'touch {self.marker}',)


def malicious_checkpoint(root: Path) -> dict:
    """Loaded, resumed and tested: refused, and nothing of it is run."""
    file, marker = root / 'malicious.pth', root / 'it_ran'
    torch.save(dict(state_dict={}, meta=dict(iter=1, epoch=0), more=Payload(marker)), file)
    cfg = toy_config(root / 'refused', max_iters=2)
    ways = dict(
        load_from=lambda: apis.train(cfg, load_from=str(file)),
        resume=lambda: apis.train(cfg, resume=str(file)),
        test=lambda: apis.test(cfg, str(file)),
    )
    said = {name: _error(way) for name, way in ways.items()}
    refused = all(
        'UnsafeCheckpointError' in text and 'posix.system' in text for text in said.values()
    )
    ran = marker.exists()
    torch.load(file, weights_only=False)
    return dict(
        said=said['resume'].partition('. Nothing')[0],
        runs_code_when_unpickled=marker.exists(),
        passed=refused and not ran and marker.exists(),
    )


def traversal(root: Path) -> dict:
    """Names of images that lead out, in a json of labeled and a list of unlabeled images; the files are there."""
    secret, data = root / 'secret.png', root / 'data'
    data.mkdir()
    cv2.imwrite(str(secret), np.zeros((4, 4, 3), np.uint8))
    names = ['../secret.png', str(secret), 'http://example.com/a.png']
    reachable = [os.path.exists(data / name) for name in names[:2]]
    images = [dict(id=n, file_name=name, width=4, height=4) for n, name in enumerate(names)]
    categories = [dict(id=n, name=name) for n, name in enumerate(CLASSES)]
    file = data / 'traversal.json'
    file.write_text(json.dumps(dict(images=images, annotations=[], categories=categories)))
    labeled = file_findings('labeled', str(file), CLASSES, str(data), 0).text()
    dataset = dict(type='CocoDataset', ann_file=str(file), data_prefix=dict(img=str(data)))
    cfg = Config(dict(test_dataloader=dict(dataset=dataset)))
    tested = _error(lambda: apis.test(cfg, 'none.pth'))
    unlabeled = []
    for name in names:
        (data / 'list.txt').write_text(name + '\n')
        source = str(data / 'list.txt')
        unlabeled.append(
            _error(lambda s=source: UnlabeledDataset(s, data_prefix=dict(img=str(data))))
        )
    passed = all(reachable) and all('outside' in text for text in unlabeled)
    return dict(
        labeled=next(line.strip() for line in labeled.splitlines() if 'point outside' in line),
        tested=next(line.strip() for line in tested.splitlines() if 'point outside' in line),
        unlabeled=unlabeled[0][-160:],
        passed=passed and '3 image names' in labeled and '3 image names' in tested,
    )


def bombs(root: Path) -> dict:
    """A json of 3 GB (a sparse file), one of a million nested lists: refused at once, without the memory."""
    large, deep = root / 'large.json', root / 'deep.json'
    with open(large, 'wb') as stream:
        stream.truncate(3 * 10**9)
    deep.write_text('[' * 1_000_000)
    sizes = [file.stat().st_size for file in (large, deep)]
    began = time.monotonic()
    code = wait(start(lambda: _look_at([large, deep], root), root / 'bombs.log'), 60)
    seconds = time.monotonic() - began
    large.unlink()
    if code:
        return dict(error=(root / 'bombs.log').read_text()[-500:], passed=False)
    seen = json.loads((root / 'bombs.json').read_text())
    said, memory = seen['said'], seen['memory_mib']
    refused = 'at most 2000 MB' in said[0] and 'nested beyond reason' in said[1]
    return dict(
        bytes=sizes,
        said=[text.splitlines()[3].strip()[:160] for text in said],
        memory_mib=round(memory, 1),
        passed=refused and seconds < 10 and memory < BOMB_MIB,
    )


def _look_at(files: list[Path], root: Path) -> None:
    """What is said of files, and by how much the greatest memory of this process rose."""
    with suppress(OSError), open('/proc/self/clear_refs', 'w') as stream:
        stream.write('5')  # the peak counts from here on; where that is not allowed, from the start
    before = _peak_mib()
    said = [file_findings('labeled', str(f), CLASSES, str(root), 0).text() for f in files]
    seen = dict(said=said, memory_mib=_peak_mib() - before)
    (root / 'bombs.json').write_text(json.dumps(seen))


def _peak_mib() -> float:
    with open('/proc/self/status') as stream:
        line = next(line for line in stream if line.startswith('VmHWM'))
    return int(line.split()[1]) / 1024


def _error(action) -> str:
    try:
        action()
    except Exception as error:
        return f'{type(error).__name__}: {error}'
    return 'no error'
