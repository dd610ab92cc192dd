"""Rows of the label bank. They stand here so that the table shows what it lacks."""

from __future__ import annotations

from mmssod.apis.ratios.rows import Row

ABSENT = 'not measured here: needs the label bank'

ROWS = (
    Row(
        'bank-supervised', 'step with bank / supervised step on as many images', 1.05, absent=ABSENT
    ),
    Row('bank-online', 'step with bank / step with online frozen teacher', 0.75, absent=ABSENT),
    Row('bank-memory', 'peak memory with bank / supervised, same images', 1.05, absent=ABSENT),
    Row(
        'bank-predict',
        'bank prediction / plain predict, images per second',
        0.95,
        at_least=True,
        absent=ABSENT,
    ),
)
