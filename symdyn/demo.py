"""The planets job: the law of gravity, the masses and general relativity from the ephemeris DE421, by the public API.

DE421 integrates the equations of Newton and of the first post-Newtonian order, fitted to observations. So this finds
the law that the best ephemeris of its time obeys. Every figure found stands beside its truth and a stated bound.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import equinox as eqx
import numpy as np

import symdyn as sd

INNER = ("mercury", "venus", "earth-moon", "mars")
POWERS = tuple(range(-6, 3))
NEWTON = "position / |position|^3"
ROTATIONS = sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)
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
    """Everything the job found. `data`: barycentric Dataset; `orbit`: true, noisy and simulated positions of Mercury."""

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


def run(progress: Callable[[str], None] | None = None) -> Planets:
    """The whole job, about half a minute. `progress` is called with the title of each stage.

    Examples
    --------
    >>> from symdyn import demo
    >>> found = demo.run()  # doctest: +SKIP
    >>> found.ok, round(found.relativity.advance, 1)  # doctest: +SKIP
    (True, 43.0)
    """
    seconds: dict[str, float] = {}

    @contextmanager
    def stage(title: str):
        if progress is not None:
            progress(title)
        start = perf_counter()
        yield
        seconds[title] = perf_counter() - start

    with stage("the ephemeris"):
        data = sd.open_dataset("planets", step_days=4.0)
    with stage("one planet at a time"):
        single = tuple(one_planet(data, name) for name in (*INNER, "jupiter"))
    with stage("all bodies at once"):
        bodies = masses(data)
    with stage("what Newton leaves: relativity"):
        relative = relativity(data, bodies)
    with stage("noisy positions only"):
        noisy, orbit = noisy_positions()
    return Planets(data, single, bodies, relative, noisy, orbit, seconds)


def heliocentric(data, name: str):
    """One planet around the Sun, over (time, body, component); "earth-moon" is the centre of mass of those two.

    The Moon pulls the Earth itself about; their centre of mass moves as one planet would.
    """
    if name == "earth-moon":
        pair = data.sel(body=["earth", "moon"])
        planet = pair.weighted(pair.gm).mean("body", keep_attrs=True).drop_vars("gm", errors="ignore")
    else:
        planet = data.drop_vars("gm").sel(body=name, drop=True)
    sun = data.drop_vars("gm").sel(body="sun", drop=True)
    relative = planet.copy(data={v: planet[v].values - sun[v].values for v in planet.data_vars})
    relative = relative.expand_dims(body=[name])
    relative["body"].attrs["cf_role"] = "trajectory_id"
    return relative


def one_planet(data, name: str) -> OnePlanet:
    """The central law of one planet from exact accelerations, rows weighted by their relative error."""
    planet = heliocentric(data, name)
    law = sd.identify(
        planet, library=sd.Radial("position", POWERS), action=ROTATIONS, solver=sd.BestSubset(), weights="relative"
    )
    fit = sd.variable_projection(lambda k: sd.Radial("position", powers=(k,)), {"k": -2.5}, planet, weights="relative")
    value, error = law.coefficient(NEWTON)
    exponent = (fit.parameters["k"] + 1.0, fit.standard_errors["k"])
    return OnePlanet(name, law, fit, (-value, error), exponent, _single_power_residuals(planet))


def _single_power_residuals(planet) -> np.ndarray:
    """What x |x|^k leaves of the acceleration for each k of `POWERS`, as a share of it; rows weighted by 1 / |a|^2."""
    r, a = (planet[v].values.reshape(-1, 3) for v in ("position", "acceleration"))
    size = np.linalg.norm(a, axis=1, keepdims=True)
    target = (a / size).ravel()
    shares = []
    for k in POWERS:
        term = (r * np.linalg.norm(r, axis=1, keepdims=True) ** float(k) / size).ravel()
        term /= np.linalg.norm(term)
        shares.append(np.linalg.norm(target - term * (term @ target)) / np.linalg.norm(target))
    return np.array(shares)


def masses(data) -> NBody:
    """The gravitational parameters of all bodies in the barycentric, inertial frame: one linear regression."""
    law = sd.identify(
        data.drop_vars("gm"), library=sd.PairForces("position"), solver=sd.LeastSquares(), weights="relative",
        trajectories=(),
    )  # fmt: skip
    bodies = tuple(str(name) for name in data.body.values)
    return NBody(bodies, law, law.coefficients, law.standard_errors, data.gm.values)


def newtonian_field(position, gm: np.ndarray):
    """Acceleration of every body by all the others, (time, body, component), for gm (bodies,)."""
    source = position.rename(body="source")
    apart = source - position
    distance = ((apart**2).sum("component")) ** 0.5
    strength = source.source.copy(data=np.asarray(gm))
    return (strength * apart / distance.where(distance > 0) ** 3).sum("source").transpose(*position.dims)


def newtonian_rest(data, gm: np.ndarray, names: tuple[str, ...]):
    """Heliocentric states of some planets and what the Newtonian field of `gm` leaves of their acceleration."""
    rest = data.acceleration - newtonian_field(data.position, gm)
    sun = {"body": "sun", "drop": True}
    out = data[["position", "velocity"]].sel(body=list(names))
    for name in ("position", "velocity"):
        out[name] = out[name].copy(data=out[name] - data[name].sel(**sun))
    out["rest"] = (rest.sel(body=list(names)) - rest.sel(**sun)).assign_attrs(rate_of="velocity", units="km s-2")
    return out, 1.0 / (data.acceleration.sel(body=list(names)) ** 2).sum("component")


def relativity(data, bodies: NBody) -> Relativity:
    """The post-Newtonian law from what the fitted Newtonian field leaves, and Mercury's perihelion by that law."""
    library = sd.Covariant((*RELATIVISTIC, NEWTON, *DISTRACTORS))
    rest, weights = newtonian_rest(data, bodies.gm, ("mercury", "venus", "mars"))
    law = sd.identify(rest, library=library, solver=sd.STLSQ(), weights=weights)
    everything = sd.identify(rest, library=library, solver=sd.LeastSquares(), weights=weights)
    mercury = ["mercury"]
    alone = sd.identify(rest.sel(body=mercury), library=library, solver=sd.STLSQ(), weights=weights.sel(body=mercury))
    gm = float(bodies.gm[bodies.bodies.index("sun")])
    unit = gm / data.attrs["speed_of_light"] ** 2 * np.array([gm, 1.0, 1.0])
    found = np.array([law.coefficient(term) for term in RELATIVISTIC]).T / unit
    start = rest.sel(body="mercury").isel(time=0)
    seconds, drift, newtonian = perihelion(law, start, gm)
    advance, wrong = (float(np.polyfit(seconds / CENTURY, angle, 1)[0]) for angle in (drift, newtonian))
    return Relativity(
        law, everything, alone, found[0], found[1], gm, seconds / 86400.0, drift, newtonian, advance, wrong
    )


def perihelion(law: sd.Solution, start, gm: float, orbits: int = 160, per_orbit: int = 12):
    """Direction of the perihelion of an orbit by a law, and by Newton alone to show the integration's own error.

    Returns times (t,) in s and two angles (t,) in arcsec: of the eccentricity (Laplace-Runge-Lenz) vector
    e = v x (r x v) / GM - r / |r| in the plane of the orbit, from its first direction.
    """
    newton = law.active_terms.index(NEWTON) if NEWTON in law.active_terms else None
    if newton is None:
        raise sd.SymdynError(f"the law lacks the Newtonian term {NEWTON!r}: {law.equations[0]}")
    found = np.asarray(law.model.weights)
    central = np.where(np.arange(len(found)) == newton, found - gm, 0.0)
    times = np.linspace(0.0, orbits * MERCURY_PERIOD, orbits * per_orbit + 1)
    angles = []
    for weights in (np.where(central != 0.0, central, found), central):
        model = eqx.tree_at(lambda m: m.weights, law.model, weights)
        orbit = model.simulate(start[["position", "velocity"]], times, rtol=1e-12)
        angles.append(_eccentricity_angle(orbit.position.values, orbit.velocity.values, -central[newton]))
    return times, *angles


def _eccentricity_angle(r: np.ndarray, v: np.ndarray, gm: float) -> np.ndarray:
    """The angle of the eccentricity vector from its first direction, about the angular momentum, in arcsec."""
    momentum = np.cross(r, v)
    e = np.cross(v, momentum) / gm - r / np.linalg.norm(r, axis=1, keepdims=True)
    ahead = np.cross(momentum[0], e[0]) / np.linalg.norm(momentum[0])
    return np.unwrap(np.arctan2(e @ ahead, e @ e[0])) * ARCSEC


def noisy_positions(levels: tuple[float, ...] = (1e3, 1e4), names: tuple[str, ...] = ("mercury", "venus", "mars")):
    """The central law from ten years of noisy daily positions, in the weak form; and one orbit simulated by it.

    Returns the laws and a Dataset with the `true`, `noisy` and `simulated` positions of the first planet at the
    highest noise; the simulation starts from the true state of the first day.
    """
    data = sd.open_dataset("planets", center="sun", bodies=names, start="2000-01-01", stop="2010-01-01", step_days=1.0)
    random = np.random.default_rng(2000)
    found, orbit = [], None
    for noise in levels:
        for name in names:
            clean = data[["position"]].sel(body=[name])
            noisy = clean.copy(data={"position": clean.position + noise * random.standard_normal(clean.position.shape)})
            options = {"order": 2, "differentiation": sd.WeakForm()}
            law = sd.identify(noisy, library=sd.Radial("position", POWERS), solver=sd.BestSubset(), **options)
            fit = sd.variable_projection(lambda k: sd.Radial("position", powers=(k,)), {"k": -2.5}, noisy, **options)
            exponent = (fit.parameters["k"] + 1.0, fit.standard_errors["k"])
            found.append(NoisyPlanet(name, noise, law, fit, exponent))
            if name == names[0] and noise == max(levels):
                orbit = _simulated_orbit(law, data.sel(body=name), noisy.position.sel(body=name))
    return tuple(found), orbit


def _simulated_orbit(law: sd.Solution, data, noisy, days: int = 3 * 88):
    first = data.isel(time=0)
    start = {"position": first.position.values, "position_rate": first.velocity.values}
    simulated = law.simulate(start, data.time[:days])
    return data[["position"]].isel(time=slice(days)).rename(position="true").assign(
        noisy=noisy[:days], simulated=simulated.position
    )  # fmt: skip


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
