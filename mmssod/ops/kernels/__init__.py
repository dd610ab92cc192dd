"""The compiled mmcv operators that mmdet's detectors use, implemented with torch and torchvision.

The functions have the names, the order of arguments and the output buffers of ``mmcv._ext``: mmcv's
autograd functions call them, users do not. ``__all__`` is what the stand-in has.

Half and bfloat16 inputs are computed in float32 and rounded once, at the end, under autocast as well.
mmcv's own kernels accumulate in half, and most of them refuse bfloat16. Sums that a GPU adds in no fixed
order warn in torch's deterministic mode instead of raising.
"""

from mmssod.ops.kernels.attention import ms_deform_attn_backward, ms_deform_attn_forward
from mmssod.ops.kernels.deform_conv import (
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    deform_conv_forward,
)
from mmssod.ops.kernels.focal_loss import (
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
    softmax_focal_loss_backward,
    softmax_focal_loss_forward,
)
from mmssod.ops.kernels.modulated_deform_conv import (
    modulated_deform_conv_backward,
    modulated_deform_conv_forward,
)
from mmssod.ops.kernels.nms_roi_align import nms, roi_align_backward, roi_align_forward

__all__ = [
    'deform_conv_backward_input',
    'deform_conv_backward_parameters',
    'deform_conv_forward',
    'modulated_deform_conv_backward',
    'modulated_deform_conv_forward',
    'ms_deform_attn_backward',
    'ms_deform_attn_forward',
    'nms',
    'roi_align_backward',
    'roi_align_forward',
    'sigmoid_focal_loss_backward',
    'sigmoid_focal_loss_forward',
    'softmax_focal_loss_backward',
    'softmax_focal_loss_forward',
]
