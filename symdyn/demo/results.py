"""What the planets job finds, and every figure of it beside its truth and a stated bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import symdyn as sd

INNER = ("mercury", "venus", "earth-moon", "mars")
POWERS = tuple(range(-6, 3))
NEWTON = "position / |position|^3"
# the first post-Newtonian acceleration around a mass GM, in units of GM and c, and what general relativity says
RELATIVISTIC = {
    "position / |position|^4": 4.0,
    "|velocity|^2 position / |position|^3": -1.0,
    "(position . velocity) velocity / |position|^3": 4.0,
}
DISTRACTORS = (
    "position",
    "position / |position|^2",
    "velocity",
    "velocity / |position|^2",
    "(position x velocity)",
    "(position . velocity) position / |position|^3",
    "(position . velocity)^2 position / |position|^5",
    "|velocity|^2 velocity / |position|^2",
    "|velocity|^4 position / |position|^2",
)
ARCSEC = 180.0 * 3600.0 / np.pi
CENTURY = 36525.0 * 86400.0  # s
MERCURY_PERIOD = 87.9691 * 86400.0  # s
MERCURY_ADVANCE = 42.98  # arcsec a century, by general relativity


@dataclass(frozen=True)
class Check:
    """A figure of the job beside its truth.

    `deviation` is relative to the truth, or absolute where `relative` is False; `error` is a standard error.
    """

    stage: str
    what: str
    value: float
    truth: float
    bound: float
    error: float | None = None
    unit: str = ""
    relative: bool = True

    @property
    def deviation(self) -> float:
        """How far the value lies from the truth."""
        return abs(self.value - self.truth) / (abs(self.truth) if self.relative else 1.0)

    @property
    def ok(self) -> bool:
        """Whether the deviation is within the bound."""
        return bool(self.deviation <= self.bound)


@dataclass(frozen=True, eq=False)
class OnePlanet:
    """The central law of one planet: `law` out of integer powers, and the exponent `fit` when it is free.

    `gm` (value, standard error) in km3 s-2; `exponent` (value, standard error) is that of the force, -2 for Newton;
    `residuals` (powers,) is what each power alone leaves of the acceleration, as a share of it.
    """

    name: str
    law: sd.Solution
    fit: sd.Projection
    gm: tuple[float, float]
    exponent: tuple[float, float]
    residuals: np.ndarray


@dataclass(frozen=True, eq=False)
class NBody:
    """The masses of all bodies at once: `gm`, `error` and the constants `truth` of DE421, each (bodies,), km3 s-2."""

    bodies: tuple[str, ...]
    law: sd.Solution
    gm: np.ndarray
    error: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True, eq=False)
class Relativity:
    """What the Newtonian law leaves: post-Newtonian terms.

    `law`: of Mercury, Venus and Mars together; `everything`: plain least squares on all candidates, for comparison;
    `alone`: of Mercury alone, with its collinear groups. `ratios` and `errors` (3,): the coefficients of
    `RELATIVISTIC` in units of GM and c. `days` (t,), `drift` and `newtonian` (t,): direction of Mercury's perihelion
    in arcsec, with and without the terms found; `advance` and `integration_error`: their slopes, arcsec a century.
    """

    law: sd.Solution
    everything: sd.Solution
    alone: sd.Solution
    ratios: np.ndarray
    errors: np.ndarray
    gm: float
    days: np.ndarray
    drift: np.ndarray
    newtonian: np.ndarray
    advance: float
    integration_error: float


@dataclass(frozen=True, eq=False)
class NoisyPlanet:
    """The central law of one planet from its noisy daily positions alone; `noise` in km per coordinate."""

    name: str
    noise: float
    law: sd.Solution
    fit: sd.Projection
    exponent: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Planets:
    """Everything the job found. `data`: barycentric; `orbit`: true, noisy and simulated positions of Mercury."""

    data: Any
    single: tuple[OnePlanet, ...]
    bodies: NBody
    relativity: Relativity
    noisy: tuple[NoisyPlanet, ...]
    orbit: Any
    seconds: dict[str, float]

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every figure beside its truth and its bound."""
        return (
            *_single_checks(self.single, self.bodies),
            *_mass_checks(self.bodies),
            *_relativity_checks(self.relativity),
            *_noisy_checks(self.noisy),
        )

    @property
    def ok(self) -> bool:
        """Whether every bound is kept."""
        return all(check.ok for check in self.checks)

    @property
    def laws(self) -> dict[str, sd.Solution]:
        """The laws by a short name, in the order of the job."""
        return {
            **{f"{one.name}-central": one.law for one in self.single},
            "n-body": self.bodies.law,
            "post-newtonian": self.relativity.law,
            "post-newtonian-mercury-alone": self.relativity.alone,
            **{f"{n.name}-noise-{n.noise:.0f}km": n.law for n in self.noisy},
        }


def _won(stage: str, name: str, law: sd.Solution) -> Check:
    """Whether the inverse-square term alone makes the law."""
    return Check(stage, f"{name}: powers kept besides -2", len(set(law.active_terms) ^ {NEWTON}), 0, 0, relative=False)


def _single_checks(single: tuple[OnePlanet, ...], bodies: NBody) -> list[Check]:
    stage, sun = "one planet at a time", float(bodies.truth[bodies.bodies.index("sun")])
    out = []
    for one in single:
        out.append(_won(stage, one.name, one.law))
        if one.name == "jupiter":
            # around a planet's own mass m the Sun moves too: relative to it the law has GM + Gm
            own = float(bodies.truth[bodies.bodies.index("jupiter")])
            out.append(
                Check(stage, "jupiter: excess of GM (its own mass)", one.gm[0] - sun, own, 0.05, one.gm[1], "km3 s-2")
            )
        else:
            out.append(Check(stage, f"{one.name}: GM of the Sun", one.gm[0], sun, 1e-5, one.gm[1], "km3 s-2"))
        bound = 5e-4 if one.name == "jupiter" else 1e-4  # Saturn disturbs Jupiter
        out.append(
            Check(
                stage, f"{one.name}: exponent of the force", one.exponent[0], -2, bound, one.exponent[1], relative=False
            )
        )
    return out


def _mass_checks(found: NBody) -> list[Check]:
    bounds = {"sun": 1e-7, "earth": 1e-4, "jupiter": 1e-4}
    rows = zip(found.bodies, found.gm, found.truth, found.error, strict=True)
    return [
        Check("all bodies at once", f"GM of {name}", float(gm), float(truth), bounds[name], float(error), "km3 s-2")
        for name, gm, truth, error in rows
        if name in bounds
    ]


def _relativity_checks(found: Relativity) -> list[Check]:
    stage = "relativity"
    kept = len(set(found.law.active_terms) & set(DISTRACTORS))
    rows = zip(RELATIVISTIC.items(), found.ratios, found.errors, strict=True)
    undetermined = [g for g in found.alone.collinear if g.reason == "undetermined"]
    return [
        Check(stage, f"distractors kept, of {len(DISTRACTORS)}", kept, 0, 0, relative=False),
        *(Check(stage, f"coefficient of {t}", float(r), gr, 0.02, float(e), "(GM = c = 1)") for (t, gr), r, e in rows),
        Check(stage, "perihelion advance of Mercury", found.advance, MERCURY_ADVANCE, 5e-3, unit="arcsec/century"),
        Check(stage, "the same by Newton's law alone", found.integration_error, 0, 0.01, None, "arcsec/century", False),
        Check(stage, "Mercury alone: collinear terms reported", float(bool(undetermined)), 1, 0, relative=False),
    ]


def _noisy_checks(noisy: tuple[NoisyPlanet, ...]) -> list[Check]:
    out = []
    for one in noisy:
        title = f"{one.name}, {one.noise:.0f} km"
        out.append(_won("noisy positions", title, one.law))
        out.append(
            Check("noisy positions", f"{title}: exponent of the force", one.exponent[0], -2, 5e-3, one.exponent[1])
        )
    return out
