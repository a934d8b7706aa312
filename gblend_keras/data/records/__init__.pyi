"""Records: videos cut into TFRecord shards, written and read."""

from .media_sequence import SequenceExampleBuilder as SequenceExampleBuilder
from .parser import parse_example as parse_example
from .preparation import prepare as prepare
from .record_format import RecordSet as RecordSet
from .record_format import RecordSettings as RecordSettings
from .record_index import check_shards as check_shards
from .record_index import read_index as read_index
