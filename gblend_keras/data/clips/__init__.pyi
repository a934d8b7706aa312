"""Clips: examples that are cut out of footage when they are read."""

from .clip_set import ClipExamples as ClipExamples
from .clip_set import by_video as by_video
from .loader import load_records as load_records
from .loader import load_videos as load_videos
from .record_library import ShardLibrary as ShardLibrary
from .video_library import VideoLibrary as VideoLibrary
