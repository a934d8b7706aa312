"""Annotations: files of known data sets as one list of segments."""

from .manifest import read_manifest as read_manifest
from .segments import Manifest as Manifest
from .segments import Segment as Segment
from .subsets import mini_audioset as mini_audioset
from .subsets import mini_sports as mini_sports
