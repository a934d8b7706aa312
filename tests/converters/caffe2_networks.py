"""VMZ's networks: their blobs, and their forward pass in PyTorch.

Written as VMZ's builders are: a counter of blocks and a counter of
convolutions make the names. Nothing here uses the package's own names.
"""

import numpy as np
import torch
from torch.nn import functional

BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 152: (3, 8, 36, 3)}
EPSILON = 1e-3


class Blobs(dict):
    """Blobs that make themselves when they are first asked for."""

    def __init__(self, seed=0):
        super().__init__()
        self.rng = np.random.default_rng(seed)

    def weight(self, name, shape):
        if name not in self:
            fan_in = int(np.prod(shape[1:]))
            values = self.rng.normal(0, (2 / fan_in) ** 0.5, shape)
            self[name] = values.astype("float32")
        return torch.from_numpy(self[name])

    def vector(self, name, size, low, high):
        if name not in self:
            values = self.rng.uniform(low, high, size)
            self[name] = values.astype("float32")
        return torch.from_numpy(self[name])

    def dense(self, x, name, units):
        weight = self.weight(f"{name}_w", (units, x.shape[1]))
        bias = self.vector(f"{name}_b", units, -0.1, 0.1)
        return functional.linear(x, weight, bias)


class Builder:
    """VMZ's builder of residual blocks, for clips and for patches."""

    def __init__(self, blobs, prefix, block_type, rank):
        self.blobs, self.prefix, self.block_type = blobs, prefix, block_type
        self.ones, self.threes = (1,) * rank, (3,) * rank
        self.comp_count = self.comp_idx = 0

    def conv(self, x, name, outputs, kernel, stride=1, groups=1):
        shape = (outputs, x.shape[1] // groups, *kernel)
        weight = self.blobs.weight(f"{self.prefix}{name}_w", shape)
        apply = functional.conv3d if len(kernel) == 3 else functional.conv2d
        pads = tuple(size // 2 for size in kernel)
        return apply(x, weight, None, stride, pads, 1, groups)

    def bn(self, x, name):
        name, size = f"{self.prefix}{name}", x.shape[1]
        vector = self.blobs.vector
        return functional.batch_norm(
            x,
            vector(f"{name}_rm", size, -0.1, 0.1),
            vector(f"{name}_riv", size, 0.5, 1.5),
            vector(f"{name}_s", size, 0.5, 1.0),
            vector(f"{name}_b", size, -0.1, 0.1),
            eps=EPSILON,
        )

    def point_conv(self, x, filters):
        self.comp_idx += 1
        name = f"comp_{self.comp_count}_conv_{self.comp_idx}"
        return self.conv(x, name, filters, self.ones)

    def comp_bn(self, x, suffix=""):
        name = f"comp_{self.comp_count}_spatbn_{self.comp_idx}{suffix}"
        return self.bn(x, name)

    def wide_conv(self, x, filters, stride):
        """The k x k x k convolution of each block type."""
        self.comp_idx += 1
        if self.block_type == "3d-sep":
            self.comp_idx += 1  # VMZ counts this one twice
        name = f"comp_{self.comp_count}_conv_{self.comp_idx}"
        if self.block_type == "2.5d":
            inputs = x.shape[1]
            middle = int(27 * inputs * filters / (inputs * 9 + 3 * filters))
            x = self.conv(
                x, f"{name}_middle", middle, (1, 3, 3), (1, *stride[1:])
            )
            x = torch.relu(self.comp_bn(x, "_middle"))
            return self.conv(x, name, filters, (3, 1, 1), (stride[0], 1, 1))
        if self.block_type == "0.3d":
            x = self.conv(x, f"{name}_middle", filters, self.ones)
            x = self.comp_bn(x, "_middle")
        separate = self.block_type in ("0.3d", "3d-sep")
        groups = filters if separate else 1
        return self.conv(x, name, filters, self.threes, stride, groups)

    def bottleneck(self, x, outputs, base, stride):
        self.comp_idx = 0
        y = torch.relu(self.comp_bn(self.point_conv(x, base)))
        y = torch.relu(self.comp_bn(self.wide_conv(y, base, stride)))
        y = self.comp_bn(self.point_conv(y, outputs))
        return self.add_shortcut(x, y, stride)

    def simple_block(self, x, outputs, base, stride):
        self.comp_idx = 0
        y = torch.relu(self.comp_bn(self.wide_conv(x, outputs, stride)))
        y = self.comp_bn(self.wide_conv(y, outputs, self.ones))
        return self.add_shortcut(x, y, stride)

    def add_shortcut(self, x, y, stride):
        if x.shape[1] != y.shape[1] or max(stride) > 1:
            name = f"shortcut_projection_{self.comp_count}"
            x = self.conv(x, name, y.shape[1], self.ones, stride)
            x = self.bn(x, f"{name}_spatbn")
        self.comp_count += 1
        return torch.relu(x + y)

    def stages(self, x, depth, first_stride):
        deep = depth >= 50
        block = self.bottleneck if deep else self.simple_block
        twos = tuple(2 * size for size in self.ones)
        for stage, count in enumerate(BLOCKS[depth]):
            base = 64 << stage
            for index in range(count):
                stride = first_stride if stage == 0 else twos
                x = block(
                    x,
                    base * 4 if deep else base,
                    base,
                    stride if index == 0 else self.ones,
                )
        return x


def visual(blobs, x, depth, block_type, prefix="v_", *, pool1):
    """Returns the pooled features of a clip."""
    builder = Builder(blobs, prefix, block_type, rank=3)
    if block_type == "2.5d":
        x = builder.conv(x, "conv1_middle", 45, (1, 7, 7), (1, 2, 2))
        x = torch.relu(builder.bn(x, "conv1_middle_spatbn_relu"))
        x = builder.conv(x, "conv1", 64, (3, 1, 1))
    else:
        x = builder.conv(x, "conv1", 64, (3, 7, 7), (1, 2, 2))
    x = torch.relu(builder.bn(x, "conv1_spatbn_relu"))
    if pool1:
        x = functional.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    return builder.stages(x, depth, (1, 1, 1)).mean(dim=(2, 3, 4))


def acoustic(blobs, x, depth, prefix="a_"):
    """Returns the pooled features of a 100 x 40 patch."""
    weight = blobs.weight(f"{prefix}conv1_w", (16, 1, 3, 3))
    bias = blobs.vector(f"{prefix}conv1_b", 16, -0.1, 0.1)
    x = functional.conv2d(x, weight, bias, 1, 1)
    builder = Builder(blobs, prefix, "2d", rank=2)
    for stride in ((2, 2), (1, 1), (1, 1)):
        x = builder.simple_block(x, 32, 0, stride)
    x = builder.stages(x, depth, (2, 2))
    return functional.max_pool2d(x, (4, 2), 1).flatten(1)


def heads(blobs, v, a, num_classes):
    """Returns the logits of the three heads."""
    units = v.shape[1]
    x = torch.relu(blobs.dense(torch.cat([v, a], 1), "av_fc1", units))
    x = torch.relu(blobs.dense(x, "av_fc2", units))
    last = f"last_out_L{num_classes}"
    return {
        "joint": blobs.dense(x, last, num_classes),
        "audio": blobs.dense(a, f"a_{last}", num_classes),
        "rgb": blobs.dense(v, f"v_{last}", num_classes),
    }
