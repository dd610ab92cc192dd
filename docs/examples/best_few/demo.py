"""The demo's student with the two parts of best_few.py.

From the top of the repository, after ``make demo``::

    PYTHONPATH=docs/examples/best_few python tools/train.py docs/examples/best_few/demo.py \
        --teacher configs/demo/teacher.py
"""

_base_ = 'mmssod::demo/student.py'

custom_imports = dict(imports=['mmssod', 'best_few'], allow_failed_imports=False)

model = dict(
    selector=dict(_delete_=True, type='TopSelector', number=2),
    loss_terms=[dict(type='MirrorLoss', weight=0.1)],
)
