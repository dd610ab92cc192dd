"""What stays off the terminal, and that nothing else does."""

import logging

import pytest
from mmengine.config import Config
from mmengine.logging import print_log
from pycocotools.coco import COCO

from mmssod.apis.config import load_config
from mmssod.engine.terminal import short_terminal


def index(said):
    COCO().createIndex()
    return said()


def test_what_libraries_print_of_themselves(capsys):
    def said():
        return capsys.readouterr().out

    with short_terminal():
        with short_terminal(logging.WARNING):
            assert index(said) == ''
        assert index(said) == ''
        print_log('Loads checkpoint by local backend from path: a.pth')
        print_log('three boxes')
        assert said() == 'three boxes\n'
    assert 'creating index' in index(said)


def test_the_text_of_a_config_is_not_formatted(tmp_path, monkeypatch):
    """Mmengine makes an error of syntax of whatever ends yapf, Ctrl-C too."""
    (tmp_path / 'a.py').write_text("model = dict(type='A', layers=[1, 2])\n")
    cfg = load_config(str(tmp_path / 'a.py'))

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr('yapf.yapflib.yapf_api.FormatCode', interrupted)
    (tmp_path / 'b.py').write_text(cfg.pretty_text)
    assert load_config(str(tmp_path / 'b.py')).model == cfg.model
    with pytest.raises(SyntaxError):
        _ = Config(dict(cfg)).pretty_text
