"""Random states at which to test conditions that shall hold everywhere."""

from __future__ import annotations

import numpy as np


def random_states(rng: np.random.Generator, count: int, n: int, *, positive: bool = False) -> np.ndarray:
    """States of shape (count, n) whose components have size 0.5 to 1.5: of order one and away from zero."""
    states = rng.uniform(0.5, 1.5, (count, n))
    return states if positive else states * rng.choice([-1.0, 1.0], (count, n))
