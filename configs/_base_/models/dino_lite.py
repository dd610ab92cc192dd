"""DINO for CPUs: EfficientNet-Lite0, two layers of encoder and decoder, 50 queries, images of about 160 px.

Of 256 channels, as MMDetection 3.3 has no other width for DINO's decoder.
"""

_base_ = './dino_r50.py'

layers = dict(num_layers=2, layer_cfg=dict(ffn_cfg=dict(feedforward_channels=256)))
model = dict(
    num_queries=50,
    data_preprocessor=dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0]),
    backbone=dict(
        _delete_=True,
        type='EfficientNetLite',
        pretrained=True,
        norm_eval=True,
        out_indices=(1, 2, 3),
    ),
    neck=dict(in_channels=[40, 112, 320]),
    encoder=layers,
    decoder=layers,
    dn_cfg=dict(group_cfg=dict(num_dn_queries=20)),
    test_cfg=dict(max_per_img=100),
)
