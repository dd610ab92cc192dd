"""The demo data's folder: where its parts lie, whether they are intact, how they are replaced.

The layout stands in `demo_data`.
"""

import functools
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GENERATOR = 'mmssod demo data'
"""How a manifest says whose it is."""

_SOURCES = ('demo_data', 'demo_files', 'painting', 'patches', 'scenes', 'shapes', 'textures')


@dataclass(frozen=True)
class DemoData:
    """Where the parts of the data set lie."""

    root: Path
    classes: tuple[str, ...]

    @property
    def labeled_json(self) -> Path:
        """Annotations of the labeled images."""
        return self.root / 'train.json'

    @property
    def labeled_images(self) -> Path:
        """Folder of the labeled images."""
        return self.root / 'labeled'

    @property
    def unlabeled_images(self) -> Path:
        """Folder of the images without annotations."""
        return self.root / 'unlabeled'

    @property
    def withheld_json(self) -> Path:
        """Annotations of the unlabeled images, for judging pseudo labels only."""
        return self.root / 'unlabeled-withheld.json'

    @property
    def val_json(self) -> Path:
        """Annotations of the evaluation images."""
        return self.root / 'val.json'

    @property
    def val_images(self) -> Path:
        """Folder of the evaluation images."""
        return self.root / 'val'

    @property
    def manifest(self) -> Path:
        """Parameters and checksum; written last."""
        return self.root / 'manifest.json'

    def splits(self) -> dict[str, tuple[Path, Path]]:
        """Name of each split -> its annotations and its folder of images."""
        return {
            'labeled': (self.labeled_json, self.labeled_images),
            'unlabeled': (self.withheld_json, self.unlabeled_images),
            'val': (self.val_json, self.val_images),
        }


@functools.cache
def version() -> str:
    """Digest of the generator's own source: edited code does not pass for what it made before."""
    here = Path(__file__).parent
    source = b''.join((here / f'{name}.py').read_bytes() for name in _SOURCES)
    return hashlib.sha256(source).hexdigest()[:12]


def write_manifest(data: DemoData, parameters: dict[str, Any]) -> None:
    """Notes what the annotations and images in place were made with, and their checksum."""
    manifest = {
        'generator': GENERATOR,
        'version': version(),
        'parameters': parameters,
        'checksum': _checksum(data),
    }
    data.manifest.write_text(json.dumps(manifest, indent=2) + '\n')


def is_up_to_date(data: DemoData, parameters: dict[str, Any]) -> bool:
    """Whether this very data set is there, complete and unchanged."""
    manifest = _read_manifest(data)
    if manifest.get('version') != version() or manifest.get('parameters') != parameters:
        return False
    try:
        return bool(manifest.get('checksum') == _checksum(data))
    except OSError:
        return False


def refuse_foreign_files(data: DemoData) -> None:
    """Raises FileExistsError where a file of ours would replace one that we did not write."""
    if _read_manifest(data):
        return
    there = [path.name for path in _parts(data) if path.exists()]
    if there:
        raise FileExistsError(
            f'{data.root} holds {", ".join(there)} but no manifest of this generator: '
            'choose another folder, or remove them'
        )


def replace(target: DemoData, source: DemoData) -> None:
    """Moves a data set to where another, or none, lies; other files of that folder stay."""
    target.root.mkdir(exist_ok=True)
    # The manifest goes first and comes last: an interrupted move cannot pass for complete.
    for old in reversed(_parts(target)):
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for fresh, final in zip(_parts(source), _parts(target), strict=True):
        shutil.move(fresh, final)


def _parts(data: DemoData) -> list[Path]:
    """Everything that is written, the manifest last."""
    return [path for pair in data.splits().values() for path in pair] + [data.manifest]


def _checksum(data: DemoData) -> str:
    """SHA-256 over the names and contents of all annotations and images."""
    digest = hashlib.sha256()
    for json_path, folder in data.splits().values():
        for path in (json_path, *sorted(folder.iterdir())):
            digest.update(f'{path.relative_to(data.root).as_posix()}\n'.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _read_manifest(data: DemoData) -> dict[str, Any]:
    """The manifest, empty where there is none of ours."""
    try:
        manifest = json.loads(data.manifest.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    is_ours = isinstance(manifest, dict) and manifest.get('generator') == GENERATOR
    return manifest if is_ours else {}
