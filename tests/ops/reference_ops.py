"""Deformable convolution by its definition, in plain torch, to compare with."""

import torch
import torch.nn.functional as F
from torch import Tensor


def sampled_conv(
    input: Tensor, offset: Tensor, weight: Tensor, mask: Tensor, groups: int, geometry: tuple
) -> Tensor:
    """The definition: each point of the kernel weighs a bilinear sample at its own, moved, place."""
    (down, right), (above, left), (rows_apart, columns_apart) = geometry
    batch, channels, height, width = input.shape
    h, w = offset.shape[2:]
    points = weight.shape[2] * weight.shape[3]
    deform_groups = offset.shape[1] // (2 * points)
    offset = offset.reshape(batch, deform_groups, points, 2, h, w)
    mask = mask.reshape(batch, deform_groups, points, 1, h, w)
    maps = input.reshape(batch * deform_groups, -1, height, width)
    output = 0
    for point in range(points):
        row, column = divmod(point, weight.shape[3])
        y = torch.arange(h)[:, None] * down - above + row * rows_apart + offset[:, :, point, 0]
        x = torch.arange(w) * right - left + column * columns_apart + offset[:, :, point, 1]
        # grid_sample counts in shares of the map from edge to edge; its pixels are 1 wide.
        grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1).flatten(0, 1)
        samples = F.grid_sample(maps, grid, 'bilinear', 'zeros', align_corners=False)
        samples = samples.reshape(batch, deform_groups, -1, h, w) * mask[:, :, point]
        samples = samples.reshape(batch, channels, h, w)
        output = output + F.conv2d(samples, weight[:, :, row, column, None, None], groups=groups)
    return output
