"""Answers of several heads as one: their means, and their calibrated pool."""

from . import calibration as calibration
from . import exponents as exponents
from . import pool as pool
