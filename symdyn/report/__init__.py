"""Figures of what was found, on matplotlib axes of the caller or as files."""

from symdyn.report.calibration import calibration, detection
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
from symdyn.report.law import departures, forecast, simulated_beside_data, support_path, term_shares
from symdyn.report.page import save_report
from symdyn.report.promotion import promotion_path
from symdyn.report.symmetries import generator_arrows, symmetry_spectrum

__all__ = [
    "accelerations",
    "calibration",
    "conserved_departures",
    "conserved_levels",
    "departures",
    "detection",
    "forecast",
    "generator_arrows",
    "masses",
    "noisy_orbit",
    "noisy_residuals",
    "orbits",
    "perihelion",
    "post_newtonian",
    "powers",
    "promotion_path",
    "relativity_coefficients",
    "save_conserved",
    "save_figures",
    "save_report",
    "simulated_beside_data",
    "support_path",
    "symmetry_spectrum",
    "term_shares",
]
