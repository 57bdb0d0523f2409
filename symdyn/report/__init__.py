"""Figures of what was found, on matplotlib axes of the caller or as files."""

from symdyn.report.conserved import conserved_departures, conserved_levels, save_conserved
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
    "conserved_departures",
    "conserved_levels",
    "masses",
    "noisy_orbit",
    "noisy_residuals",
    "orbits",
    "perihelion",
    "post_newtonian",
    "powers",
    "relativity_coefficients",
    "save_conserved",
    "save_figures",
]
