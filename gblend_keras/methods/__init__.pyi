"""Methods of training: one module each, with a function `method`.

Add a method by adding a file; docs/methods.md has an example. Listing them
loads no TensorFlow.
"""

from .base import Method as Method
from .base import ReadyRun as ReadyRun
from .base import TrainingData as TrainingData
from .registry import check_name as check_name
from .registry import check_options as check_options
from .registry import get as get
from .registry import names as names
