"""A DINO that runs its encoder once and its decoder for any number of additional query sets.

``B`` images, ``Q`` queries of one's own an image, ``N`` places of all feature maps, ``L`` layers of the decoder, ``E``
channels; boxes ``cx cy w h`` in [0, 1] of the image without its padding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from mmdet.models.detectors import DINO
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from torch import Tensor


class Encoded(NamedTuple):
    """Encoder outputs of a batch, which the decoder reads.

    Args:
        features: Maps of the neck, each of shape (B, E, h, w).
        memory: Arguments of ``pre_decoder``, among them ``memory`` (B, N, E).
        decoder: Further arguments of ``forward_decoder``.
    """

    features: tuple[Tensor, ...]
    memory: dict[str, Any]
    decoder: dict[str, Any]


@MODELS.register_module()
class QueryDINO(DINO):
    """mmdet's DINO with separate encoder and decoder calls; weights, losses and predictions stay the same."""

    def encode(self, inputs: Tensor, samples: SampleList) -> Encoded:
        """Backbone, neck and encoder; images (B, 3, H, W), samples without annotations are enough."""
        features = self.extract_feat(inputs)
        encoder, decoder = self.pre_transformer(features, samples)
        return Encoded(features, self.forward_encoder(**encoder), decoder)

    def decode(
        self,
        encoded: Encoded,
        samples: SampleList,
        content: Tensor | None = None,
        boxes: Tensor | None = None,
    ) -> tuple[dict[str, Any], Tensor]:
        """The decoder on DINO's own queries and on those of a caller, which DINO's do not see.

        Args:
            encoded: Result of :meth:`encode`.
            samples: With true boxes in training, of which the denoising queries are made.
            content: What the caller's queries begin with, shape (B, Q, E); None asks nothing.
            boxes: Where they begin, shape (B, Q, 4).

        Returns:
            Arguments of the head's ``loss`` or ``predict``, and what became of the caller's queries in each layer,
            shape (L, B, Q, E).
        """
        queries, answers = self.pre_decoder(**encoded.memory, batch_data_samples=samples)
        asked = 0
        if content is not None and boxes is not None:
            asked = content.size(1)
            mask = hidden_from_others(asked, queries['query'], queries['dn_mask'], self.num_queries)
            queries.update(
                query=torch.cat([content, queries['query']], dim=1),
                reference_points=torch.cat([boxes, queries['reference_points']], dim=1),
                dn_mask=mask,
            )
        found = self.forward_decoder(**encoded.decoder, **queries)
        states, references = found['hidden_states'], found['references']
        answers['hidden_states'] = states[:, :, asked:]
        answers['references'] = [each[:, asked:] for each in references]
        return answers, states[:, :, :asked]


def hidden_from_others(asked: int, query: Tensor, mask: Tensor | None, matching: int) -> Tensor:
    """Which query may not look at which: True hides; shape (T, T) of ``T = asked + t``.

    The queries that are asked come first. They see each other and the matching queries, as denoising queries do, and
    nobody sees them.

    Args:
        asked: How many.
        query: DINO's own, denoising ones first, shape (B, t, E).
        mask: Among DINO's own, shape (t, t); None hides nothing.
        matching: How many of DINO's own are no denoising queries.
    """
    total = asked + query.size(1)
    hidden = query.new_zeros(total, total, dtype=torch.bool)
    if mask is not None:
        hidden[asked:, asked:] = mask
    hidden[asked:, :asked] = True
    hidden[:asked, asked : total - matching] = True
    return hidden
