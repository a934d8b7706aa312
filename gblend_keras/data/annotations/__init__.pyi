"""Annotations: files of known data sets as one list of segments."""

from .manifest import read_manifest as read_manifest
from .mini_sets import mini_audioset as mini_audioset
from .mini_sets import mini_sports as mini_sports
from .segments import Manifest as Manifest
from .segments import Segment as Segment
