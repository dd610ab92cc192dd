"""Runtime of every config: iteration based, hooks by name so that one line changes one."""

custom_imports = dict(imports=['mmssod'], allow_failed_imports=False)
default_scope = 'mmdet'

train_cfg = dict(type='IterBasedTrainLoop', max_iters=180000, val_interval=5000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(
        type='LoggerHook', interval=50, log_metric_by_epoch=False
    ),  # evaluations by iteration
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Where there is a validation set, the checkpoint of the best evaluation is kept, too.
    checkpoint=dict(
        type='WholeCheckpointHook',
        by_epoch=False,
        interval=5000,
        max_keep_ckpts=2,
        save_best='auto',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='DetVisualizationHook'),
    seed=dict(type='SeedHook'),
    fast_resume=dict(type='FastResumeHook'),
    preflight=dict(type='PreflightHook', read_images=2000, empty_classes='warn'),
    non_finite_guard=dict(
        type='NonFiniteGuardHook', policy='stop', explosion=1000.0, explosion_policy='warn'
    ),
    skipped_images=dict(type='SkippedImagesHook', limit=0.05),
    short_history=dict(type='ShortHistoryHook', length=1000),
    progress=dict(type='ProgressHook'),
    evaluation_line=dict(type='EvaluationLineHook'),
    buffers=dict(type='BufferBroadcastHook'),
    preemption=dict(type='PreemptionHook'),
    due_evaluation=dict(type='DueEvaluationHook'),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl', timeout=1800),  # seconds that a process waits for a lost one
)
vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
# The name is for mmdet's tools; mmssod's runs each have a visualizer of their own.
visualizer = dict(type='DetLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=False)

log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
