"""What answers at ``mmcv._ext``: which operators, what the others say, and who wins."""

import re
import sys
from pathlib import Path

import mmcv
import mmcv.ops
import pytest
import torch
from mmengine.utils.dl_utils.misc import mmcv_full_available

from mmssod import ops
from mmssod.ops import kernels
from mmssod.ops.stand_in import StandInExtension

needs_stand_in = pytest.mark.skipif(ops.status() != 'stand-in', reason='mmcv is compiled here')

BOXES, SCORES = torch.tensor([[0.0, 0, 10, 5], [20, 20, 30, 30]]), torch.tensor([0.8, 0.7])
IMAGE = torch.zeros(1, 4, 8, 8)


@needs_stand_in
@pytest.mark.parametrize(
    ('call', 'name'),
    [
        (lambda: mmcv.ops.soft_nms(BOXES, SCORES), 'softnms'),
        (lambda: mmcv.ops.nms_match(torch.cat([BOXES, SCORES[:, None]], 1), 0.5), 'nms_match'),
        (lambda: mmcv.ops.roi_pool(IMAGE, torch.zeros(1, 5), 2), 'roi_pool_forward'),
        (lambda: mmcv.ops.CARAFEPack(4, 2)(IMAGE), 'carafe_forward'),
    ],
)
def test_other_operators_say_what_to_install(call, name: str) -> None:
    with pytest.raises(ops.MissingOperatorError) as raised:
        call()
    assert f"'{name}' is not available" in str(raised.value)
    assert 'mim install' in str(raised.value)


def documented() -> tuple[list[str], list[str]]:
    """The operators that docs/install.md says are there, and those that it says are not."""
    page = (Path(__file__).parents[2] / 'docs' / 'install.md').read_text(encoding='utf-8')
    section = page.split('## Operators without a compiler')[1].split('\n## ')[0]
    tables = section.split('| operator of mmcv |')[1:]
    have, lack = (re.findall(r'^\| `(\w+)` \|', table, re.MULTILINE) for table in tables)
    return have, lack


def test_the_page_names_all_operators() -> None:
    have, lack = documented()
    assert set(have) == {
        re.sub(r'_(forward|backward)(_\w+)?$', '', name) for name in kernels.__all__
    }
    sources = [
        path.read_text(encoding='utf-8') for path in Path(mmcv.ops.__file__).parent.glob('*.py')
    ]
    for name in lack:
        assert any(re.search(f"'{name}(_forward.*)?'", source) for source in sources), name
    assert not set(have) & set(lack)


def test_any_operator_name_is_there_and_no_special_name() -> None:
    module = StandInExtension()
    with pytest.raises(NotImplementedError, match="'some_new_op' is not available"):
        module.some_new_op(1, key=2)
    assert not hasattr(module, '__path__')


@needs_stand_in
def test_mmcv_and_mmengine_see_an_extension() -> None:
    from mmcv.utils import collect_env

    assert mmcv_full_available()
    environment = collect_env()
    assert 'mmssod stand-in over torchvision' in environment['MMCV Compiler']
    assert environment['MMCV CUDA Compiler'] == 'not compiled'


def test_install_again_changes_nothing() -> None:
    before, module = ops.status(), sys.modules[ops.EXTENSION]
    assert ops.install() == before
    assert sys.modules[ops.EXTENSION] is module


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a file that mmcv takes for its compiled extension, still empty."""
    monkeypatch.setattr(mmcv, '_ext', None)  # restored afterwards, as the next two
    monkeypatch.delitem(sys.modules, ops.EXTENSION)
    monkeypatch.setattr(mmcv, '__path__', [str(tmp_path)])
    return tmp_path / '_ext.py'


def test_without_a_compiled_extension_the_stand_in_is_installed(compiled: Path) -> None:
    assert ops.status() == 'missing'
    assert ops.install() == 'stand-in'
    assert isinstance(sys.modules[ops.EXTENSION], StandInExtension)


def test_a_compiled_extension_wins(compiled: Path) -> None:
    compiled.write_text('def nms(): return "compiled"\n')
    assert ops.install() == 'compiled'
    assert sys.modules[ops.EXTENSION].nms() == 'compiled'


def test_a_compiled_extension_that_does_not_load_is_explained(compiled: Path) -> None:
    compiled.write_text('raise ImportError("undefined symbol: _ZN3c10")\n')
    with pytest.raises(ops.ExtensionLoadError, match='undefined symbol.*another version of torch'):
        ops.install()
