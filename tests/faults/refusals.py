"""What is not let in: a malicious checkpoint, a path out of the data, annotations that are a bomb."""

import json
import os
import time
from pathlib import Path

import torch
from toy_training import toy_config

from mmssod import apis
from mmssod.datasets import UnlabeledDataset
from mmssod.engine.preflight.data_checks import file_findings

CLASSES = ('ant', 'bee')


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
    return dict(said=said['resume'][:200], passed=refused and not marker.exists())


def traversal(root: Path) -> dict:
    """Names of images that lead out, in a json of labeled and a list of unlabeled images."""
    names = ['../../etc/secret.png', '/etc/secret.png', 'http://example.com/a.png']
    images = [dict(id=n, file_name=name, width=4, height=4) for n, name in enumerate(names)]
    categories = [dict(id=n, name=name) for n, name in enumerate(CLASSES)]
    file = root / 'traversal.json'
    file.write_text(json.dumps(dict(images=images, annotations=[], categories=categories)))
    labeled = file_findings('labeled', str(file), CLASSES, str(root), 0).text()
    unlabeled = []
    for name in names:
        (root / 'list.txt').write_text(name + '\n')
        source = str(root / 'list.txt')
        unlabeled.append(
            _error(lambda s=source: UnlabeledDataset(s, data_prefix=dict(img=str(root))))
        )
    passed = '3 image names that lead out' in labeled and all('outside' in t for t in unlabeled)
    return dict(
        labeled=next(line.strip() for line in labeled.splitlines() if 'lead out' in line),
        unlabeled=unlabeled[0][-160:],
        passed=passed,
    )


def bombs(root: Path) -> dict:
    """A json of 3 GB (a sparse file), one of a million nested lists: refused at once, without the memory."""
    large, deep = root / 'large.json', root / 'deep.json'
    with open(large, 'wb') as stream:
        stream.truncate(3 * 10**9)
    deep.write_text('[' * 1_000_000)
    began = time.monotonic()
    said = [file_findings('labeled', str(f), CLASSES, str(root), 0).text() for f in (large, deep)]
    seconds = time.monotonic() - began
    large.unlink()
    passed = 'at most 2000 MB' in said[0] and 'nested beyond reason' in said[1] and seconds < 10
    return dict(said=[text.splitlines()[3].strip()[:160] for text in said], passed=passed)


def _error(action) -> str:
    try:
        action()
    except Exception as error:
        return f'{type(error).__name__}: {error}'
    return 'no error'
