"""Media: files of video and sound as frames and waveforms, exactly."""

from .containers import MediaError as MediaError
from .flow import decode_flow as decode_flow
from .flow import encode_flow as encode_flow
from .flow import optical_flow as optical_flow
from .reader import Frames as Frames
from .reader import MediaInfo as MediaInfo
from .reader import probe as probe
from .reader import read_clip as read_clip
from .reader import read_frames as read_frames
from .waveform import read_audio as read_audio
