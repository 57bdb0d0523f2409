"""The planets job: the law of gravity, the masses and general relativity from the ephemeris DE421, by the public API.

DE421 integrates the equations of Newton and of the first post-Newtonian order, fitted to observations. So this finds
the law that the best ephemeris of its time obeys. Every figure found stands beside its truth and a stated bound.
"""

from symdyn.demo.planets import (
    ROTATIONS,
    heliocentric,
    masses,
    newtonian_field,
    newtonian_rest,
    noisy_positions,
    one_planet,
    perihelion,
    relativity,
    run,
)
from symdyn.demo.results import (
    ARCSEC,
    CENTURY,
    DISTRACTORS,
    INNER,
    MERCURY_ADVANCE,
    MERCURY_PERIOD,
    NEWTON,
    POWERS,
    RELATIVISTIC,
    Check,
    NBody,
    NoisyPlanet,
    OnePlanet,
    Planets,
    Relativity,
)

__all__ = [
    "ARCSEC",
    "CENTURY",
    "DISTRACTORS",
    "INNER",
    "MERCURY_ADVANCE",
    "MERCURY_PERIOD",
    "NEWTON",
    "POWERS",
    "RELATIVISTIC",
    "ROTATIONS",
    "Check",
    "NBody",
    "NoisyPlanet",
    "OnePlanet",
    "Planets",
    "Relativity",
    "heliocentric",
    "masses",
    "newtonian_field",
    "newtonian_rest",
    "noisy_positions",
    "one_planet",
    "perihelion",
    "relativity",
    "run",
]
