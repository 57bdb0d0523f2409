"""Laws of fields in time: read as sums of derivatives of products, and integrated on the grid of a start."""

from symdyn.model.fields.diagnosed import RotationalWind
from symdyn.model.fields.simulate import simulate_field
from symdyn.model.fields.smoothing import smoothed_start

__all__ = ["RotationalWind", "simulate_field", "smoothed_start"]
