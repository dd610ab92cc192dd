"""What the benchmark of `mmssod new` draws, and that it measures the whole command."""

import hashlib

import pytest

from many_files import cost, planning


@pytest.mark.slow
def test_planning_of_few_files(tmp_path):
    head, whole, imports = planning(tmp_path, 30)
    assert head == ['', 'CPU s', 'seconds', 'memory at most, MiB']
    assert '30 unlabeled images' in whole[0] and 'imports' in imports[0]
    assert int(whole[3]) >= int(imports[3]) > 100
    files = [*(tmp_path / 'unlabeled').iterdir()]
    assert len({hashlib.sha256(file.read_bytes()).digest() for file in files}) == len(files) == 30
    assert (tmp_path / 'own/data.py').exists()
    with pytest.raises(RuntimeError, match='ended with 1'):
        cost(['false'], tmp_path)
