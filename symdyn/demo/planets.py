"""The stages of the planets job, by the public API alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from time import perf_counter

import equinox as eqx
import numpy as np

import symdyn as sd
from symdyn.demo.results import (
    ARCSEC,
    CENTURY,
    DISTRACTORS,
    INNER,
    MERCURY_PERIOD,
    NEWTON,
    POWERS,
    RELATIVISTIC,
    NBody,
    NoisyPlanet,
    OnePlanet,
    Planets,
    Relativity,
)

ROTATIONS = sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)


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
        planet,
        library=sd.Radial("position", POWERS),
        action=ROTATIONS,
        selection=sd.Tolerance(0.01),
        weights="relative",
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
    law = sd.identify(rest, library=library, solver=sd.STLSQ(0.05), weights=weights)
    everything = sd.identify(rest, library=library, solver=sd.LeastSquares(), weights=weights)
    mercury = ["mercury"]
    alone = sd.identify(
        rest.sel(body=mercury), library=library, solver=sd.STLSQ(0.05), weights=weights.sel(body=mercury)
    )
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
    if NEWTON not in law.active_terms:
        raise sd.SymdynError(f"the law lacks the Newtonian term {NEWTON!r}: {law.equations[0]}")
    is_newton = np.array([term == NEWTON for term in law.active_terms])
    whole = np.asarray(law.model.weights) - gm * is_newton  # the law corrects the Newtonian term of gm
    times = np.linspace(0.0, orbits * MERCURY_PERIOD, orbits * per_orbit + 1)
    angles = []
    for weights in (whole, np.where(is_newton, whole, 0.0)):
        model = eqx.tree_at(lambda m: m.weights, law.model, weights)
        orbit = model.simulate(start[["position", "velocity"]], times, rtol=1e-12)
        angles.append(_eccentricity_angle(orbit.position.values, orbit.velocity.values, -whole[is_newton][0]))
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
            law = sd.identify(noisy, library=sd.Radial("position", POWERS), selection=sd.Tolerance(0.01), **options)
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
