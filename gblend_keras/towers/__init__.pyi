"""Towers: from one input to one feature vector."""

from .application import build_application as build_application
from .audio_resnet import build_audio_resnet as build_audio_resnet
from .conv import build_conv1d as build_conv1d
from .conv import build_conv2d as build_conv2d
from .conv import build_conv3d as build_conv3d
from .csn import build_csn as build_csn
from .flops import giga_multiply_adds as giga_multiply_adds
from .flops import multiply_adds as multiply_adds
from .hub import build_hub as build_hub
from .hub_media import build_hub_media as build_hub_media
from .mlp import build_mlp as build_mlp
from .pointnet import build_pointnet as build_pointnet
from .r2plus1d import build_r2plus1d as build_r2plus1d
from .resnet3d import build_mc3 as build_mc3
from .resnet3d import build_resnet3d as build_resnet3d
from .stages import split_tower as split_tower
from .stages import stage_outputs as stage_outputs
from .stages import upper_like as upper_like
from .transformer import build_transformer as build_transformer
