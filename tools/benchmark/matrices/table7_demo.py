"""Table 7 on the demo's drawings: K buckets a side, in teacher and student."""

title = 'Table 7 at demo scale: K'
note = (
    'Drawn shapes at 160 px, as in the [demo](demo.md); everything but K is the demo student. The paper trains 2 % of '
    'COCO for 90 000 iterations, where boxes are three times as large.'
)
findings = (
    'The reverse of the paper, which trains 225 times as many steps on boxes three times as large: here K = 8 is '
    'best, K = 4 next, and more buckets cost AP, AP75 most of all, in the teacher already. '
    "[Why](large_k_demo.md). The small recipes have K = 8, those for COCO and VOC the paper's 30."
)
PAPER = {
    4: dict(AP=19.7, AP50=37.2, AP75=18.9),
    8: dict(AP=21.0, AP50=38.1, AP75=21.1),
    20: dict(AP=22.3, AP50=36.3, AP75=23.4),
    30: dict(AP=22.5, AP50=37.1, AP75=23.7),
    40: dict(AP=22.4, AP50=37.9, AP75=23.4),
}
HEAD = 'roi_head.bbox_head.bbox_coder.num_buckets'

recipes = []
for k, figures in PAPER.items():
    recipes += [
        dict(
            name=f'teacher, K = {k}', config='configs/demo/teacher.py', options={f'model.{HEAD}': k}
        ),
        dict(
            name=f'K = {k}',
            config='configs/demo/student.py',
            start=f'teacher, K = {k}',
            options={f'model.detector.{HEAD}': k},
            paper=figures,
        ),
    ]
