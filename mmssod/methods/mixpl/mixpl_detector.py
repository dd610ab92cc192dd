"""MixPL (Chen et al., "Mixed Pseudo Labels for Semi-Supervised Object Detection", arXiv 2312.07006, 2023).

``B`` strong views of a batch, without their padding ``h`` high and ``w`` wide.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmengine.runner import Runner
from torch import Tensor

from mmssod.environment.errors import InputError
from mmssod.methods.mixpl.collage import collage, erased, mirrored_to_fit, mosaic_of_four
from mmssod.methods.mixpl.view_memory_hook import ViewMemoryHook
from mmssod.models.detectors.losses import Loss, prefix_losses, scale_losses
from mmssod.models.detectors.pseudo_label_detector import PseudoLabelDetector
from mmssod.models.pseudo.mixers import draw
from mmssod.structures import Problem, PseudoLabels, View, Views


@MODELS.register_module()
class MixPLDetector(PseudoLabelDetector):
    """Mixes strong views with remembered ones (pseudo-mixup), and tiles four remembered ones (pseudo-mosaic).

    The memory holds the last strong views of this process, not of others, as they came, with their labels. It is full
    before anything is mixed. Then each strong view is averaged with one of the oldest, the boxes of both count in full;
    the newest four, made small, are a batch of their own, in which large objects are small ones. A remembered view
    comes back as its mirror image. Patches are erased from all, each time anew. Labels keep p, v and weight all along.

    Where no image of a batch has a box the batch counts 0. Losses of the mosaic are ``unsup_mosaic_*``.

    Args:
        memory_size: How many views, at least 4. With 4 more than a batch has unlabeled images both mixtures share none.
        mosaic_weight: What the mosaic's losses are multiplied by, besides ``unsup_weight``, at least 0.
        mosaic_sizes: Minimum and maximum height, and width, that a view of a mosaic is made to fit, in pixels.
        patches: Minimum and maximum number of patches.
        patch_size: Minimum and maximum share of a view's height that a patch has, and of its width, below 1.
        max_erased: Boxes of which patches cover at least this share are dropped, above 0.
        fill: What is erased, and what is blank: 0 is the mean color, where a data preprocessor subtracts it.
        kwargs: As :class:`PseudoLabelDetector`.

    Raises:
        ValueError: For values outside these ranges, and for ``joint_features``: what is mixed needs a pass of its own.

    Source: values and the order of the steps are those of the public code, Czm369/MixPL.
    """

    def __init__(
        self,
        memory_size: int = 8,
        mosaic_weight: float = 0.5,
        mosaic_sizes: tuple[int, int] = (400, 800),
        patches: tuple[int, int] = (1, 19),
        patch_size: tuple[float, float] = (0.0, 0.1),
        max_erased: float = 0.7,
        fill: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.require_values(
            memory_size=memory_size,
            mosaic_weight=mosaic_weight,
            mosaic_sizes=mosaic_sizes,
            patches=patches,
            patch_size=patch_size,
            max_erased=max_erased,
            joint_features=kwargs.get('joint_features', False),
        )
        super().__init__(**kwargs)
        self.memory: deque[tuple[Tensor, PseudoLabels]] = deque(maxlen=memory_size)
        self.mosaic_weight = mosaic_weight
        self.mosaic_sizes = mosaic_sizes
        self.patches = patches
        self.patch_size = patch_size
        self.max_erased = max_erased
        self.fill = fill

    @staticmethod
    def require_values(
        *args: Any,
        memory_size: int = 8,
        mosaic_weight: float = 0.5,
        mosaic_sizes: Sequence[int] = (400, 800),
        patches: Sequence[int] = (1, 19),
        patch_size: Sequence[float] = (0.0, 0.1),
        max_erased: float = 0.7,
        joint_features: bool = False,
        **kwargs: Any,
    ) -> None:
        """Raise an error for invalid values, before anything is built; each as the class has it."""
        PseudoLabelDetector.require_values(*args, **kwargs)
        rules = {
            'memory_size >= 4': memory_size >= 4,
            'mosaic_weight >= 0': mosaic_weight >= 0,
            '1 <= mosaic_sizes[0] <= mosaic_sizes[1]': 1 <= mosaic_sizes[0] <= mosaic_sizes[1],
            '0 <= patches[0] <= patches[1]': 0 <= patches[0] <= patches[1],
            '0 <= patch_size[0] <= patch_size[1] < 1': 0 <= patch_size[0] <= patch_size[1] < 1,
            'max_erased > 0': max_erased > 0,
            'joint_features=False': not joint_features,
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise InputError(
                f'MixPLDetector expects {", ".join(broken)}; got memory_size={memory_size}, '
                f'mosaic_weight={mosaic_weight}, mosaic_sizes={tuple(mosaic_sizes)}, patches={tuple(patches)}, '
                f'patch_size={tuple(patch_size)}, max_erased={max_erased}, joint_features={joint_features}'
            )

    def runtime_problems(self, runner: Runner) -> list[Problem]:
        """Parts that do not fit the student, and a memory that would be lost at a resume."""
        lost = Problem(
            'the remembered views would be in no checkpoint',
            'a ViewMemoryHook',
            'none among the hooks',
            "default_hooks.view_memory=dict(type='ViewMemoryHook')",
        )
        saved = any(isinstance(hook, ViewMemoryHook) for hook in runner.hooks)
        return [*super().runtime_problems(runner), *([] if saved else [lost])]

    def unsupervised_loss(
        self, inputs: Tensor, samples: SampleList, targets: list[PseudoLabels]
    ) -> tuple[dict[str, Loss], list[Tensor]]:
        """Losses on mixed views, those of the mosaic by names of their own, and the sums of Eq. 6 over both.

        Args:
            inputs: Strong views, shape (B, 3, H, W).
            samples: Their samples.
            targets: Pseudo labels in pixels of the strong views.
        """
        views = Views(inputs, samples, targets).single()
        is_full = len(self.memory) == self.memory.maxlen
        losses, foreground = self.loss_of(self.mixed(views) if is_full else self.pierced(views))
        if is_full:
            more, sums = self.loss_of([self.mosaic(samples[0])], self.mosaic_weight)
            losses.update(prefix_losses('mosaic_', more))
            foreground = [ours + theirs for ours, theirs in zip(foreground, sums, strict=True)]
        # In half precision, which an 8-bit image loses nothing to speak of in: a checkpoint holds all of them.
        self.memory.extend((view.image.to(torch.half), view.labels) for view in views)
        return losses, foreground

    def loss_of(
        self, views: Sequence[View], weight: float = 1.0
    ) -> tuple[dict[str, Loss], list[Tensor]]:
        """The core's losses on views, times a weight; times 0 where there is no box at all."""
        losses, foreground = super().unsupervised_loss(*Views.stack(views))
        weight *= any(len(view.labels) for view in views)
        return scale_losses(losses, weight, {}), foreground

    def mixed(self, views: Sequence[View]) -> list[View]:
        """Each view, and one of the oldest made to fit the batch, at random places of a canvas that holds both."""
        size = views[0].sample.batch_input_shape
        oldest = torch.randperm(len(views)).tolist()
        pairs = []
        for view, place in zip(self.pierced(views), oldest, strict=True):
            other = self.recalled(place % len(self.memory), view.sample, size)
            sizes = [part.image.shape[1:] for part in (view, other)]
            whole = (max(h for h, _ in sizes), max(w for _, w in sizes))
            corners = [(draw(whole[0] - h + 1), draw(whole[1] - w + 1)) for h, w in sizes]
            pairs.append(collage((view, other), corners, whole, 0.5, self.fill))
        return pairs

    def mosaic(self, sample: DetDataSample) -> View:
        """The newest four, in random order; ``sample`` names the result."""
        low, high = self.mosaic_sizes
        size = (low + draw(high - low + 1), low + draw(high - low + 1))
        newest = [len(self.memory) - 1 - place for place in torch.randperm(4).tolist()]
        return mosaic_of_four([self.recalled(n, sample, size) for n in newest], self.fill)

    def recalled(self, place: int, sample: DetDataSample, size: tuple[int, int]) -> View:
        """A remembered view's mirror image, made to fit, with new patches."""
        image, labels = self.memory[place]
        view = mirrored_to_fit(View(image.float(), sample, labels), size)
        return self.pierced([view])[0]

    def pierced(self, views: Sequence[View]) -> list[View]:
        """Views with patches drawn for each by itself."""
        return [
            erased(view, self.draw_patches(*view.image.shape[1:]), self.max_erased, self.fill)
            for view in views
        ]

    def draw_patches(self, height: int, width: int) -> list[tuple[int, int, int, int]]:
        """Patches ``x1 y1 x2 y2`` of an image's shape, somewhere inside of it."""
        fewest, most = self.patches
        least, greatest = self.patch_size
        found = []
        for part, x, y in torch.rand(fewest + draw(most - fewest + 1), 3).tolist():
            share = least + (greatest - least) * part
            high, wide = int(share * height), int(share * width)
            left, top = int(x * (width - wide + 1)), int(y * (height - high + 1))
            found.append((left, top, left + wide, top + high))
        return found
