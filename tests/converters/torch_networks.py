"""Reference networks in PyTorch, with the names that public files have.

Written down after torchvision's `VideoResNet` (r3d_18, mc3_18, r2plus1d_18),
VMZ's networks on top of it (R(2+1)D-34 and -152, ip- and ir-CSN-152) and
mmaction2's `ResNet3dCSN`. The names of the modules are the names in the files.
"""

import functools
from collections import OrderedDict

import torch
from torch import nn

STAGE_SIZES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 152: (3, 8, 36, 3)}


def conv3d(inputs, outputs, kernel, stride=1, padding=0, groups=1):
    return nn.Conv3d(
        inputs, outputs, kernel, stride, padding, groups=groups, bias=False
    )


class Full(nn.Conv3d):
    """3 x 3 x 3."""

    def __init__(self, inputs, outputs, middle, stride=1):
        super().__init__(inputs, outputs, 3, stride, 1, bias=False)

    strides = staticmethod(lambda stride: (stride, stride, stride))


class Frames(nn.Conv3d):
    """1 x 3 x 3: every frame by itself, and time is never halved."""

    def __init__(self, inputs, outputs, middle, stride=1):
        super().__init__(
            inputs,
            outputs,
            (1, 3, 3),
            (1, stride, stride),
            (0, 1, 1),
            bias=False,
        )

    strides = staticmethod(lambda stride: (1, stride, stride))


class Cut(nn.Sequential):
    """(2+1)D, with `middle` channels between space and time."""

    def __init__(self, inputs, outputs, middle, stride=1):
        super().__init__(
            conv3d(inputs, middle, (1, 3, 3), (1, stride, stride), (0, 1, 1)),
            nn.BatchNorm3d(middle),
            nn.ReLU(),
            conv3d(middle, outputs, (3, 1, 1), (stride, 1, 1), (1, 0, 0)),
        )

    strides = staticmethod(lambda stride: (stride, stride, stride))


class CutEach(Cut):
    """VMZ's (2+1)D, which counts the middle for each convolution anew."""

    def __init__(self, inputs, outputs, middle, stride=1):
        middle = (inputs * outputs * 27) // (inputs * 9 + 3 * outputs)
        super().__init__(inputs, outputs, middle, stride)


class Depthwise(nn.Conv3d):
    """ir-CSN: one kernel a channel."""

    def __init__(self, inputs, outputs, middle, stride=1):
        super().__init__(
            inputs, outputs, 3, stride, 1, groups=inputs, bias=False
        )

    strides = staticmethod(lambda stride: (stride, stride, stride))


class PointThenDepthwise(nn.Sequential):
    """ip-CSN: 1 x 1 x 1, norm, no ReLU, one kernel a channel."""

    def __init__(self, inputs, outputs, middle, stride=1):
        super().__init__(
            conv3d(inputs, outputs, 1),
            nn.BatchNorm3d(outputs),
            Depthwise(outputs, outputs, None, stride),
        )

    strides = staticmethod(lambda stride: (stride, stride, stride))


class Simple(nn.Module):
    """Two convolutions and a sum."""

    expansion = 1

    def __init__(self, inputs, planes, make_conv, stride, downsample):
        super().__init__()
        middle = (inputs * planes * 27) // (inputs * 9 + 3 * planes)
        self.conv1 = nn.Sequential(
            make_conv(inputs, planes, middle, stride),
            nn.BatchNorm3d(planes),
            nn.ReLU(),
        )
        self.conv2 = nn.Sequential(
            make_conv(planes, planes, middle), nn.BatchNorm3d(planes)
        )
        self.downsample = downsample

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.conv2(self.conv1(x)) + residual)


class Bottleneck(nn.Module):
    """1, 3, 1 and a sum."""

    expansion = 4

    def __init__(self, inputs, planes, make_conv, stride, downsample):
        super().__init__()
        middle = (inputs * planes * 27) // (inputs * 9 + 3 * planes)
        self.conv1 = nn.Sequential(
            conv3d(inputs, planes, 1), nn.BatchNorm3d(planes), nn.ReLU()
        )
        self.conv2 = nn.Sequential(
            make_conv(planes, planes, middle, stride),
            nn.BatchNorm3d(planes),
            nn.ReLU(),
        )
        self.conv3 = nn.Sequential(
            conv3d(planes, planes * 4, 1), nn.BatchNorm3d(planes * 4)
        )
        self.downsample = downsample

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        x = self.conv3(self.conv2(self.conv1(x)))
        return torch.relu(x + residual)


def plain_stem():
    return [
        conv3d(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3)),
        nn.BatchNorm3d(64),
        nn.ReLU(),
    ]


def cut_stem():
    return [
        conv3d(3, 45, (1, 7, 7), (1, 2, 2), (0, 3, 3)),
        nn.BatchNorm3d(45),
        nn.ReLU(),
        conv3d(45, 64, (3, 1, 1), 1, (1, 0, 0)),
        nn.BatchNorm3d(64),
        nn.ReLU(),
    ]


class VideoResNet(nn.Module):
    """torchvision's video networks, and VMZ's."""

    def __init__(self, block, make_convs, depth, stem, pool1, num_classes):
        super().__init__()
        self.inputs = 64
        pool = [nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))]
        self.stem = nn.Sequential(*stem(), *(pool if pool1 else []))
        for index, (blocks, make_conv) in enumerate(
            zip(STAGE_SIZES[depth], make_convs, strict=True)
        ):
            stage = self.stage(block, make_conv, 64 << index, blocks, index)
            setattr(self, f"layer{index + 1}", stage)
        self.fc = nn.Linear(512 * block.expansion, num_classes)

    def stage(self, block, make_conv, planes, blocks, index):
        stride = 1 if index == 0 else 2
        downsample = None
        if stride != 1 or self.inputs != planes * block.expansion:
            downsample = nn.Sequential(
                conv3d(
                    self.inputs,
                    planes * block.expansion,
                    1,
                    make_conv.strides(stride),
                ),
                nn.BatchNorm3d(planes * block.expansion),
            )
        members = [block(self.inputs, planes, make_conv, stride, downsample)]
        self.inputs = planes * block.expansion
        for _ in range(1, blocks):
            members.append(block(self.inputs, planes, make_conv, 1, None))
        return nn.Sequential(*members)

    def features(self, x):
        x = self.stem(x)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x.mean(dim=(2, 3, 4))

    def forward(self, x):
        return self.fc(self.features(x))


def unit(inputs, outputs, kernel, stride=1, padding=0, groups=1, relu=True):
    """mmaction2's ConvModule: `conv`, `bn` and perhaps a ReLU."""
    members = [
        ("conv", conv3d(inputs, outputs, kernel, stride, padding, groups)),
        ("bn", nn.BatchNorm3d(outputs)),
    ]
    if relu:
        members.append(("activate", nn.ReLU()))
    return nn.Sequential(OrderedDict(members))


class MMBlock(nn.Module):
    """mmaction2's CSN bottleneck."""

    def __init__(self, inputs, planes, stride, mode):
        super().__init__()
        self.conv1 = unit(inputs, planes, 1)
        depthwise = unit(planes, planes, 3, stride, 1, groups=planes)
        point = [unit(planes, planes, 1, relu=False)] if mode == "ip" else []
        self.conv2 = nn.Sequential(*point, depthwise)
        self.conv3 = unit(planes, planes * 4, 1, relu=False)
        if stride != 1 or inputs != planes * 4:
            self.downsample = unit(inputs, planes * 4, 1, stride, relu=False)
        else:
            self.downsample = nn.Identity()

    def forward(self, x):
        y = self.conv3(self.conv2(self.conv1(x)))
        return torch.relu(y + self.downsample(x))


class MMRecognizer(nn.Module):
    """mmaction2's recogniser with a ResNet3dCSN."""

    def __init__(self, mode, depth, num_classes):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.conv1 = unit(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3))
        inputs = 64
        for index, blocks in enumerate(STAGE_SIZES[depth]):
            planes, members = 64 << index, []
            for block in range(blocks):
                stride = 2 if block == 0 and index > 0 else 1
                members.append(MMBlock(inputs, planes, stride, mode))
                inputs = planes * 4
            setattr(self.backbone, f"layer{index + 1}", nn.Sequential(*members))
        self.cls_head = nn.Module()
        self.cls_head.fc_cls = nn.Linear(2048, num_classes)

    def features(self, x):
        x = self.backbone.conv1(x)
        x = nn.functional.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        for index in range(4):
            x = getattr(self.backbone, f"layer{index + 1}")(x)
        return x.mean(dim=(2, 3, 4))

    def forward(self, x):
        return self.cls_head.fc_cls(self.features(x))


def vmz(make_conv, block, depth, stem, *, pool1, num_classes=400):
    """Returns a network of VMZ in PyTorch: epsilon 1e-3."""
    network = VideoResNet(
        block, [make_conv] * 4, depth, stem, pool1, num_classes
    )
    return with_epsilon(network, 1e-3)


def torchvision(make_convs, stem):
    """Returns a network of torchvision: depth 18, epsilon 1e-5."""
    return VideoResNet(Simple, make_convs, 18, stem, False, 400)


def with_epsilon(network, epsilon):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eps = epsilon
    return network


def randomize(network, seed=0):
    """Gives every weight and every running statistic a random value."""
    generator = torch.Generator().manual_seed(seed)
    normal = functools.partial(torch.normal, generator=generator)
    uniform = functools.partial(torch.empty)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            count = module.num_features
            with torch.no_grad():
                module.weight.copy_(
                    uniform(count).uniform_(0.5, 1.0, generator=generator)
                )
                module.bias.copy_(normal(0.0, 0.1, (count,)))
                module.running_mean.copy_(normal(0.0, 0.1, (count,)))
                module.running_var.copy_(
                    uniform(count).uniform_(0.5, 1.5, generator=generator)
                )
        elif isinstance(module, nn.Conv3d):
            fan_in = module.weight[0].numel()
            with torch.no_grad():
                module.weight.copy_(
                    normal(0.0, (2.0 / fan_in) ** 0.5, module.weight.shape)
                )
    return network.eval()
