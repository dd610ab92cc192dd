"""Mixers: mix strong views and their targets with labeled images."""

from collections.abc import Mapping

import torch
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.utils import ConfigType
from torch import Tensor, nn

from mmssod.environment.errors import InputError
from mmssod.structures import PseudoLabels, View, Views

from .mixing import mixup, mosaic


@MODELS.register_module()
class KeepImages(nn.Module):
    """The neutral mixer: strong views stay as they are."""

    cheap_to_build = True

    def forward(self, strong: Views, labeled_inputs: Tensor, labeled_samples: SampleList) -> Views:
        """The views that the student learns from.

        Args:
            strong: Strong views of the unlabeled images, each box with its weight.
            labeled_inputs: Labeled images of the same batch, shape (B, 3, H, W).
            labeled_samples: Their samples; boxes carry ``weights``.
        """
        return strong


class PairMixer(nn.Module):
    """Base of mixers that join an unlabeled image with a random labeled one of the batch.

    A mixed view goes on under the unlabeled image's name; its sizes are its own. Random numbers come from torch's
    generator of the CPU, whatever the device.

    Args:
        prob: Probability of mixing, for each unlabeled image, in [0, 1].

    Raises:
        ValueError: For another ``prob``.
    """

    cheap_to_build = True
    mixes_images = True

    weighs_boxes = False  # whether targets are meant to count by their weights

    def __init__(self, prob: float = 1.0) -> None:
        super().__init__()
        if not 0 <= prob <= 1:
            raise InputError(f'prob must be in [0, 1], got {prob}')
        self.prob = prob

    def forward(self, strong: Views, labeled_inputs: Tensor, labeled_samples: SampleList) -> Views:
        """The views that the student learns from; arguments as :class:`KeepImages`, nothing given is changed."""
        truth = [PseudoLabels.from_ground_truth(sample.gt_instances) for sample in labeled_samples]
        partners = Views(labeled_inputs, labeled_samples, truth).single()
        images = strong.single()
        if not partners or not images:
            return strong
        mixed = [self.perhaps(image, partners[draw(len(partners))]) for image in images]
        if all(a is b for a, b in zip(mixed, images, strict=True)):
            return strong
        return Views.stack(mixed)

    def perhaps(self, image: View, other: View) -> View:
        """The mixture with probability ``prob``, else the unlabeled image itself."""
        return self.mix(image, other) if float(torch.rand(())) < self.prob else image

    def mix(self, image: View, other: View) -> View:
        """An unlabeled image with a labeled one."""
        raise NotImplementedError


@MODELS.register_module()
class MixUp(PairMixer):
    """Blends both images, ``share * unlabeled + (1 - share) * labeled``, with the boxes of both.

    Weights of unlabeled boxes are multiplied by the share, those of labeled boxes by the rest.

    Args:
        alpha: The share is drawn from Beta(alpha, alpha); 1 is uniform.
        prob: As in :class:`PairMixer`.

    Raises:
        ValueError: If ``alpha`` is not above 0.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018; for boxes Instant-Teaching, 2021.
    """

    weighs_boxes = True

    def __init__(self, alpha: float = 1.0, prob: float = 1.0) -> None:
        super().__init__(prob)
        if not alpha > 0:
            raise InputError(f'alpha must be above 0, got {alpha}')
        self.alpha = alpha

    def mix(self, image: View, other: View) -> View:
        """See :func:`mixup`."""
        return mixup(image, other, float(torch.distributions.Beta(self.alpha, self.alpha).sample()))


@MODELS.register_module()
class TwoImageMosaic(PairMixer):
    """The first part of the unlabeled image, left or upper, beside the last part of the labeled one.

    Both are cut at the same share of their width or height, which of the two is drawn, so that images of different
    sizes keep their scale and no cut ends in the padding.

    Args:
        cut_range: Minimum and maximum share of the unlabeled image, in [0, 1].
        min_part: A box of which less than this share of its width or height is left, in [0, 1], is dropped.
        prob: As in :class:`PairMixer`.

    Raises:
        ValueError: For values outside these ranges.

    Source: Instant-Teaching, 2021, with a cut at U[1/4, 3/4] and a quarter of a box.
    """

    def __init__(
        self,
        cut_range: tuple[float, float] = (0.25, 0.75),
        min_part: float = 0.25,
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob)
        if not 0 <= cut_range[0] <= cut_range[1] <= 1:
            raise InputError(
                f'cut_range must be two shares, 0 <= least <= greatest <= 1, got {cut_range}'
            )
        if not 0 <= min_part <= 1:
            raise InputError(f'min_part must be in [0, 1], got {min_part}')
        self.cut_range = (float(cut_range[0]), float(cut_range[1]))
        self.min_part = min_part

    def mix(self, image: View, other: View) -> View:
        """See :func:`mosaic`."""
        low, high = self.cut_range
        share = low + (high - low) * float(torch.rand(()))
        return mosaic(image, other, share, axis=draw(2), min_part=self.min_part)


@MODELS.register_module()
class RandomMixer(PairMixer):
    """Mixes each image by one of several mixers, all equally likely.

    Args:
        mixers: Configs of pair mixers by name; each one's own ``prob`` holds, too.
        prob: As in :class:`PairMixer`.

    Raises:
        ValueError: Without a mixer.
    """

    def __init__(self, mixers: Mapping[str, ConfigType], prob: float = 0.5) -> None:
        super().__init__(prob)
        if not mixers:
            raise InputError('RandomMixer needs at least one mixer in `mixers`, got none')
        self.mixers = nn.ModuleDict({name: MODELS.build(mixer) for name, mixer in mixers.items()})

    @property
    def weighs_boxes(self) -> bool:  # type: ignore[override]
        """Whether one of them does."""
        return any(bool(mixer.weighs_boxes) for mixer in self.mixers.values())

    def mix(self, image: View, other: View) -> View:
        """What the mixer drawn makes of them."""
        mixers: list[PairMixer] = list(self.mixers.values())  # type: ignore[arg-type]
        return mixers[draw(len(mixers))].perhaps(image, other)


def draw(number: int) -> int:
    """A random index below ``number``."""
    return int(torch.randint(number, ()))
