"""A stand-in for the YOLOX of its authors: the same layers and names, written from the architecture.

Width is the number of channels of the stem, depth that of the bottlenecks in the first stage; activations are SiLU,
batch norms have eps 0.001.
"""

import torch
from torch import nn
from torch.nn import functional as F


class BaseConv(nn.Module):
    def __init__(self, in_channels, out_channels, kernel, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.03)

    def forward(self, x):
        return F.silu(self.bn(self.conv(x)))


class DWConv(nn.Module):
    def __init__(self, in_channels, out_channels, kernel, stride=1):
        super().__init__()
        self.dconv = BaseConv(in_channels, in_channels, kernel, stride, groups=in_channels)
        self.pconv = BaseConv(in_channels, out_channels, 1)

    def forward(self, x):
        return self.pconv(self.dconv(x))


class Bottleneck(nn.Module):
    def __init__(self, channels, shortcut, conv):
        super().__init__()
        self.conv1 = BaseConv(channels, channels, 1)
        self.conv2 = conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        return y + x if self.shortcut else y


class CSPLayer(nn.Module):
    def __init__(self, in_channels, out_channels, blocks, shortcut, conv):
        super().__init__()
        hidden = out_channels // 2
        self.conv1 = BaseConv(in_channels, hidden, 1)
        self.conv2 = BaseConv(in_channels, hidden, 1)
        self.conv3 = BaseConv(2 * hidden, out_channels, 1)
        self.m = nn.Sequential(*(Bottleneck(hidden, shortcut, conv) for _ in range(blocks)))

    def forward(self, x):
        through, past = self.conv1(x), self.conv2(x)
        return self.conv3(torch.cat([self.m(through), past], 1))


class SPPBottleneck(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = BaseConv(channels, channels // 2, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(k, 1, k // 2) for k in (5, 9, 13))
        self.conv2 = BaseConv(2 * channels, channels, 1)

    def forward(self, x):
        x = self.conv1(x)
        return self.conv2(torch.cat([x, *(pool(x) for pool in self.m)], 1))


class Focus(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = BaseConv(12, width, 3)

    def forward(self, x):
        corners = [x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)]
        return self.conv(torch.cat(corners, 1))


class CSPDarknet(nn.Module):
    def __init__(self, depth, width, conv):
        super().__init__()
        self.stem = Focus(width)
        for number, blocks in ((2, depth), (3, 3 * depth), (4, 3 * depth)):
            channels = width * 2 ** (number - 2)
            csp = CSPLayer(2 * channels, 2 * channels, blocks, True, conv)
            stage = nn.Sequential(conv(channels, 2 * channels, 3, 2), csp)
            setattr(self, f'dark{number}', stage)
        channels = 16 * width
        self.dark5 = nn.Sequential(
            conv(8 * width, channels, 3, 2),
            SPPBottleneck(channels),
            CSPLayer(channels, channels, depth, False, conv),
        )

    def forward(self, x):
        third = self.dark3(self.dark2(self.stem(x)))
        fourth = self.dark4(third)
        return third, fourth, self.dark5(fourth)


class YOLOPAFPN(nn.Module):
    def __init__(self, depth, width, conv):
        super().__init__()
        small, middle, large = 4 * width, 8 * width, 16 * width
        self.backbone = CSPDarknet(depth, width, conv)
        self.lateral_conv0 = BaseConv(large, middle, 1)
        self.C3_p4 = CSPLayer(2 * middle, middle, depth, False, conv)
        self.reduce_conv1 = BaseConv(middle, small, 1)
        self.C3_p3 = CSPLayer(2 * small, small, depth, False, conv)
        self.bu_conv2 = conv(small, small, 3, 2)
        self.C3_n3 = CSPLayer(2 * small, middle, depth, False, conv)
        self.bu_conv1 = conv(middle, middle, 3, 2)
        self.C3_n4 = CSPLayer(2 * middle, large, depth, False, conv)

    def forward(self, x):
        third, fourth, fifth = self.backbone(x)
        top = self.lateral_conv0(fifth)
        middle = self.C3_p4(torch.cat([F.interpolate(top, scale_factor=2.0), fourth], 1))
        middle = self.reduce_conv1(middle)
        bottom = self.C3_p3(torch.cat([F.interpolate(middle, scale_factor=2.0), third], 1))
        middle = self.C3_n3(torch.cat([self.bu_conv2(bottom), middle], 1))
        top = self.C3_n4(torch.cat([self.bu_conv1(middle), top], 1))
        return bottom, middle, top


class YOLOXHead(nn.Module):
    def __init__(self, width, num_classes, conv):
        super().__init__()
        hidden = 4 * width
        levels = [4 * width, 8 * width, 16 * width]

        def towers():
            return nn.ModuleList(
                nn.Sequential(conv(hidden, hidden, 3), conv(hidden, hidden, 3)) for _ in levels
            )

        def predictors(channels):
            return nn.ModuleList(nn.Conv2d(hidden, channels, 1) for _ in levels)

        self.cls_convs, self.reg_convs = towers(), towers()
        self.cls_preds, self.reg_preds = predictors(num_classes), predictors(4)
        self.obj_preds = predictors(1)
        self.stems = nn.ModuleList(BaseConv(channels, hidden, 1) for channels in levels)

    def forward(self, features):
        rows = []
        for i, x in enumerate(features):
            x = self.stems[i](x)
            scores = self.cls_preds[i](self.cls_convs[i](x))
            tower = self.reg_convs[i](x)
            boxes, objectness = self.reg_preds[i](tower), self.obj_preds[i](tower)
            rows.append(torch.cat([boxes, objectness.sigmoid(), scores.sigmoid()], 1).flatten(2))
        return torch.cat(rows, 2).permute(0, 2, 1)


class YOLOX(nn.Module):
    """Answers (N, points, 5 + classes) as the published exports do, boxes not decoded."""

    def __init__(self, depth=1, width=8, depthwise=False, num_classes=3):
        super().__init__()
        conv = DWConv if depthwise else BaseConv
        self.backbone = YOLOPAFPN(depth, width, conv)
        self.head = YOLOXHead(width, num_classes, conv)

    def forward(self, x):
        return self.head(self.backbone(x))


def noise(count, shape=(64, 96), seed=1):
    """Images of colored blocks, BGR, 0 to 255, shape (count, 3, *shape)."""
    random = torch.Generator().manual_seed(seed)
    blocks = torch.rand(count, 3, shape[0] // 8, shape[1] // 8, generator=random) * 255
    return F.interpolate(blocks, scale_factor=8.0)


def trained(seed=0, **size):
    """A detector in eval mode whose batch norms are uneven, as after a training, so that all layers count.

    A part of their first statistics is left in, so that none divides by next to nothing and enlarges rounding.
    """
    torch.manual_seed(seed)
    model = YOLOX(**size).train()
    for module in model.modules():
        if isinstance(module, BaseConv):
            nn.init.kaiming_normal_(module.conv.weight)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.7, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
        norm.momentum = 0.5
    with torch.no_grad():
        model(noise(4))
    return model.eval()
