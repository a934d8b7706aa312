"""Distribution: one training on many replicas and many workers."""

from .strategies import make_strategy as make_strategy
from .workers import end_process as end_process
from .workers import folder_to_write as folder_to_write
from .workers import is_chief as is_chief
from .workers import num_workers as num_workers
