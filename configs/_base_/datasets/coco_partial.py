"""COCO-partial: PERCENT and FOLD in the environment choose the split (tools/dataset/split.py writes it)."""

_base_ = './coco_json.py'

data_root = 'data/coco/'
percent = '{{$PERCENT:2}}'
fold = '{{$FOLD:1}}'
teacher_iterations = round(
    6000 * float(percent)
)  # the paper's 6k, 12k, 30k and 60k for 1, 2, 5 and 10 %
teacher_checkpoint = (
    f'work_dirs/teacher_coco_partial_{fold}@{percent}/iter_{teacher_iterations}.pth'
)
labeled_json = f'semi_anns/instances_train2017.{fold}@{percent}.json'
unlabeled_json = f'{data_root}semi_anns/instances_train2017.{fold}@{percent}-unlabeled.json'
labeled = dict(data_root=data_root, ann_file=labeled_json, data_prefix=dict(img='train2017/'))
val = dict(
    data_root=data_root,
    ann_file='annotations/instances_val2017.json',
    data_prefix=dict(img='val2017/'),
)

train_dataloader = dict(dataset=dict(labeled=labeled))
semi_train_dataloader = dict(
    dataset=dict(
        labeled=labeled,
        unlabeled=dict(images=unlabeled_json, data_prefix=dict(img=f'{data_root}train2017/')),
    )
)
val_dataloader = dict(dataset=val)
test_dataloader = dict(dataset=val)
val_evaluator = dict(
    ann_file=data_root + val['ann_file'], train_ann_file=data_root + labeled_json, num_rare=10
)
test_evaluator = val_evaluator
