"""The label bank: a frozen teacher's candidates for every unlabeled image, in files shared by many processes.

``layout`` says how it lies on disk, ``shards`` writes that, ``bank`` reads it, ``coco`` exports it. ``making`` makes
one from its ``plan``, with ``views`` through the teacher. ``labeler`` gives the labels to a student, and ``checks``
compares a bank with a training before that starts. Callers take ``making.make_label_bank``, configs ``LabelBank``.
"""

from mmssod.label_bank.bank import Found, LabelBankFiles
from mmssod.label_bank.coco import write_coco
from mmssod.label_bank.layout import BOX, IMAGE, BankError, Header, image_key, name_code
from mmssod.label_bank.shards import ShardWriter, finish

__all__ = [
    'BOX',
    'IMAGE',
    'BankError',
    'Found',
    'Header',
    'LabelBankFiles',
    'ShardWriter',
    'finish',
    'image_key',
    'name_code',
    'write_coco',
]
