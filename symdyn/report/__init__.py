"""Figures of what was found, on matplotlib axes of the caller or as files."""

from symdyn.report.calibration import calibration, detection
from symdyn.report.figures import (
    accelerations,
    masses,
    noisy_orbit,
    noisy_residuals,
    orbits,
    perihelion,
    post_newtonian,
    powers,
    relativity_coefficients,
    save_figures,
)

__all__ = [
    "accelerations",
    "calibration",
    "detection",
    "masses",
    "noisy_orbit",
    "noisy_residuals",
    "orbits",
    "perihelion",
    "post_newtonian",
    "powers",
    "relativity_coefficients",
    "save_figures",
]
