"""The label bank: what a frozen teacher finds in every unlabeled image, in files that many processes write and read.

``layout``, ``shards``, ``finish``, ``bank``, ``coco`` and ``lock`` are its files; ``making`` and what it imports label
images; ``labeler`` gives labels to a student; ``checks`` compares a bank with a training before that starts. Callers
take ``making.make_label_bank``, configs ``LabelBank``.
"""

from mmssod.label_bank.bank import Found, LabelBankFiles
from mmssod.label_bank.coco import write_coco
from mmssod.label_bank.finish import finish
from mmssod.label_bank.layout import BOX, IMAGE, BankError, Header, image_key, name_code
from mmssod.label_bank.shards import ShardWriter

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
