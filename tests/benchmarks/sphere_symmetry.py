"""Which rotations does the flow on a turning sphere keep, as noisy maps of it tell?

Barotropic flow keeps all rotations, seen from the stars: each K of so(3) with lambda + Omega t in place of longitude,
and a change of the stream function (Cardoso-Bihlo and Popovych 2013). Shallow water does not: the centrifugal force is
missing; only rotations about the axis are left. Both are simulated from random winds, their fields get white noise, and
`identify_field` finds the equations from a library of fluxes; nothing is told of symmetry or of Omega. Translations of
time and rotations about the axis are in the library: no term knows the time or the longitude.

The defect is the size of the symmetry condition of the found equation relative to the terms that it is the sum of, the
larger one of the rotations about x and y, on jets with winds of 15 m/s. "static": of rotations that stand still;
"co-moving": at the rate for which the defect is least, which is the symmetry's own word on Omega. In brackets the
lowest and the highest defect over all coefficients that the noise allows (their ellipsoid of 95 %; the lowest also over
the rates): rotations are refuted where the lowest is above the tolerance of 0.01, and supported where the highest is
below. Medians over draws, and shares of draws.

    python tests/benchmarks/sphere_symmetry.py barotropic shallow --noise 0.01 0.05 0.1 --draws 20
"""

from __future__ import annotations

import argparse
import warnings
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize_scalar

import symdyn as sd
from symdyn._types import double_precision
from symdyn.fields import Harmonics
from symdyn.groups.catalogue.planet import SphereField
from symdyn.groups.jets import ProlongedField
from symdyn.regress.evidence.bounds import NormTest, ellipsoid_radius

OMEGA = 7.292e-5  # s-1, for comparison alone
RADIUS = 6.371e6  # m
CLOCK = 1e4  # s: the unit of time in which conditions are taken; that of length is the radius
TOLERANCE = 0.01


def maps(system: str, noise: float, seed: int) -> sd.Fields:
    """Vorticity (divergence, height) and wind at all instants, with sine and cosine of the latitude."""
    data = sd.make_fields(system, noise=noise, key=jax.random.key(seed))
    fields = sd.open_fields(data, list(sd.FIELD_SYSTEMS[system].variables))
    h = Harmonics(fields.grid.sphere)
    latitude = fields.grid.sphere.latitude.array[:, None]
    with double_precision():
        zeta = np.stack([np.asarray(h.analysed(jnp.asarray(z))) for z in fields.component("vorticity")])
        delta = 0 * zeta
        if system == "shallow_water":
            delta = np.stack([np.asarray(h.analysed(jnp.asarray(z))) for z in fields.component("divergence")])
        winds = np.array([[np.asarray(x) for x in h.wind(a, b)] for a, b in zip(zeta, delta, strict=True)])
    for k, name in enumerate("uv"):
        fields = fields.with_field(name, winds[:, k] / np.cos(latitude))
    fields = fields.with_field("sine", np.sin(latitude)).with_field("cosine", np.cos(latitude))
    return fields.with_field("tangent", np.tan(latitude) / RADIUS)


def flux(text: str) -> dict[str, str]:
    return {"lon": f"{text} u", "lat": f"{text} v"}


def curl(text: str) -> dict[str, str]:
    return {"lon": f"{text} v", "lat": f"-{text} u"}


def laplacian(*texts: str) -> dict[str, str]:
    """Of a sum of products: two fluxes northward are no second derivative, their metric term is tan(lat) / a."""
    return {
        "lon lon": " + ".join(texts),
        "lat lat": " + ".join(texts),
        "lat": " + ".join(f"tangent {t}" for t in texts),
    }


COMMON = {
    "div(zeta u)": flux("vorticity"), "div(sine u)": flux("sine"), "curl(zeta u)": curl("vorticity"),
    "curl(sine u)": curl("sine"), "div(cosine u)": flux("cosine"), "curl(cosine u)": curl("cosine"), "1": {"": "1"},
    "sine": {"": "sine"}, "u": {"": "u"}, "v": {"": "v"}, "zeta": {"": "vorticity"},
    "laplacian zeta": laplacian("vorticity"), "laplacian speed2": laplacian("u^2", "v^2"),
}  # fmt: skip
WATER = COMMON | {
    "div(height u)": flux("height"), "laplacian height": laplacian("height"), "delta": {"": "divergence"},
    "laplacian delta": laplacian("divergence"), "div u": {"lon": "u", "lat": "v"},
}  # fmt: skip
ASKED = {
    "barotropic": ("barotropic_vorticity", COMMON, (("div(zeta u)", "vorticity"), ("div(sine u)", "vorticity"))),
    "shallow": (
        "shallow_water", WATER,
        (
            ("div(zeta u)", "vorticity"), ("div(sine u)", "vorticity"), ("curl(zeta u)", "divergence"),
            ("curl(sine u)", "divergence"), ("laplacian height", "divergence"), ("laplacian speed2", "divergence"),
            ("div(height u)", "height"),
        ),
    ),
}  # fmt: skip


def barotropic(c):
    """zeta_t = c_0 div(zeta u) + c_1 div(sine u) for u = k x grad psi, on the jets of psi of order three."""
    space = sd.StateSpace.jets(("t", "lon", "lat"), order=3, psi=1)

    def law(z):
        s = space.split(z)
        cos, tan = jnp.cos(s["lat"]), jnp.tan(s["lat"])
        rate, east = (
            s[f"psi_{k}_lat_lat"] - tan * s[f"psi_{k}_lat"] + above / cos**2
            for k, above in (("t", s["psi_t_lon_lon"]), ("lon", s["psi_lon_lon_lon"]))
        )
        north = s["psi_lat_lat_lat"] - tan * s["psi_lat_lat"] - s["psi_lat"] / cos**2
        north = north + s["psi_lon_lon_lat"] / cos**2 + 2 * tan / cos**2 * s["psi_lon_lon"]
        flux = (s["psi_lon"] * north - s["psi_lat"] * east) / cos
        return rate - c[0] * flux - c[1] * s["psi_lon"]

    return law, space


def shallow(c):
    """Equations of vorticity, divergence and height with seven coefficients, on the jets of u, v, h of order two."""
    space = sd.StateSpace.jets(("t", "lon", "lat"), order=2, u=1, v=1, h=1)

    def law(z):
        s = space.split(z)
        lat = s["lat"]
        cos, sin = jnp.cos(lat), jnp.sin(lat)
        place = {(): "", (0,): "_lon", (1,): "_lat", (0, 0): "_lon_lon", (0, 1): "_lon_lat", (1, 1): "_lat_lat"}

        def local(name):
            """The field near the point, to second order."""
            d = {key: s[name + suffix] for key, suffix in place.items()}
            return lambda x, y: (
                d[()] + d[(0,)] * x + d[(1,)] * y + d[(0, 0)] * x**2 / 2 + d[(0, 1)] * x * y + d[(1, 1)] * y**2 / 2
            )

        u, v, h = local("u"), local("v"), local("h")

        def cosine(x, y):
            return jnp.cos(lat + y)

        def east(f):
            return lambda x, y: jax.grad(lambda a: f(a, y))(x) / cosine(x, y)

        def north(f):
            return lambda x, y: jax.grad(lambda b: f(x, b) * cosine(x, b))(y) / cosine(x, y)

        def slope(f):
            return lambda x, y: jax.grad(lambda b: f(x, b))(y)

        def div(f, g):
            return lambda x, y: east(f)(x, y) + north(g)(x, y)

        def times(f, g):
            return lambda x, y: f(x, y) * g(x, y)

        def minus(f):
            return lambda x, y: -f(x, y)

        zeta = div(v, minus(u))
        sine = lambda x, y: jnp.sin(lat + y)  # noqa: E731
        speed2 = lambda x, y: u(x, y) ** 2 + v(x, y) ** 2  # noqa: E731

        def lap(f):
            return div(east(f), slope(f))

        at = lambda f: f(jnp.zeros(()), jnp.zeros(()))  # noqa: E731
        # rates of vorticity and divergence from those of the wind
        zeta_t = s["v_t_lon"] / cos - s["u_t_lat"] + s["u_t"] * sin / cos
        delta_t = s["u_t_lon"] / cos + s["v_t_lat"] - s["v_t"] * sin / cos
        return jnp.stack([
            zeta_t - c[0] * at(div(times(zeta, u), times(zeta, v))) - c[1] * at(div(times(sine, u), times(sine, v))),
            delta_t
            - c[2] * at(div(times(zeta, v), minus(times(zeta, u))))
            - c[3] * at(div(times(sine, v), minus(times(sine, u))))
            - c[4] * at(lap(h))
            - c[5] * at(lap(speed2)),
            s["h_t"] - c[6] * at(div(times(h, u), times(h, v))),
        ])  # fmt: skip

    return law, space


LAWS = {"barotropic": barotropic, "shallow": shallow}
SOLVED = {"barotropic": ("psi_t_lat_lat",), "shallow": ("v_t_lon", "u_t_lon", "h_t")}  # in the order of the equations
SPEED = 15.0 * CLOCK / RADIUS  # of winds, root mean square


def points_of(kind: str, space: sd.StateSpace, count: int = 150) -> np.ndarray:
    """Jets of sums of random waves with winds of 15 m/s, eight of them around the sphere at most: (count, n)."""
    rng = np.random.default_rng(0)
    out = np.zeros((count, space.size))
    names = space.component_names
    place = rng.uniform([0.0, -3.0, -1.2], [1.0, 3.0, 1.2], (count, 3))  # time, longitude, latitude
    out[:, [names.index(each) for each in ("t", "lon", "lat")]] = place
    for name in space.fields:
        k = rng.uniform(-1, 1, (60, 3)) * np.array([CLOCK * 2 * np.pi / 86400, 8.0, 8.0])
        phase = place @ k.T + rng.uniform(0, 2 * np.pi, 60)
        size = {"psi": SPEED / 8.0, "h": 0.05}.get(name, SPEED)  # a stream function falls with the wave number
        size = size / np.sqrt(len(k) / 2) * (1.0 if name != "psi" else 8.0 / np.linalg.norm(k[:, 1:], axis=1))
        jet = {d.name: d.orders for d in space.derivatives if d.field == name} | {name: (0, 0, 0)}
        for each, orders in jet.items():
            factor = np.prod(k ** np.array(orders), axis=1)
            out[:, names.index(each)] = np.cos(phase + np.pi / 2 * sum(orders)) @ (size * factor)
        if name == "h":
            out[:, names.index("h")] += 1.0
    return out


@cache
def condition(kind: str):
    """A compiled function of the coefficients and the rate: the conditions of the rotations about x and y.

    It gives (2, points, d), and the sizes (2,) of the terms that each is the sum of.
    """
    space = LAWS[kind](np.ones(7))[1]
    solved = np.array([space.component_names.index(name) for name in SOLVED[kind]])
    base = space.zeroth

    def delta(c, z):
        return jnp.atleast_1d(LAWS[kind](c)[0](z))

    def on_shell(c, z):
        """The derivatives that the equations are solved for: they stand alone in them, each in its own."""
        rest = delta(c, z)
        slope = jnp.diagonal(jax.jacfwd(lambda x: delta(c, z.at[solved].set(x)))(z[solved]))
        return z.at[solved].add(-rest / slope)

    def motion(axis, rate, z):
        def field(x):
            moved = {**SphereField(axis, "lon", "lat", "t", rate, 1.0, pairs(kind), streams(kind))(base.split(x))}
            return jnp.concatenate([jnp.atleast_1d(moved.get(name, jnp.zeros(()))) for name in base.names])

        return ProlongedField(field, space)(z)

    def one(axis, c, rate, z):
        z = on_shell(c, z)
        parts = jax.jacfwd(lambda x: delta(c, x))(z) * motion(axis, rate, z)
        return parts.sum(axis=-1), (parts**2).sum()

    @jax.jit
    def both(c, rate, points):
        found = [jax.vmap(lambda z: one(axis, c, rate, z))(points) for axis in "xy"]  # noqa: B023
        return jnp.stack([each[0] for each in found]), jnp.sqrt(jnp.stack([each[1].sum() for each in found]))

    points = jnp.asarray(points_of(kind, space))
    slopes = jax.jit(jax.jacfwd(lambda c, rate: both(c, rate, points)[0]))
    return lambda c, rate: both(c, rate, points), slopes


def pairs(kind: str) -> tuple[tuple[str, str], ...]:
    return (("u", "v"),) if kind == "shallow" else ()


def streams(kind: str) -> tuple[str, ...]:
    return () if kind == "shallow" else ("psi",)


def defect(kind: str, c: np.ndarray, rate: float) -> float:
    """The larger relative defect of the rotations about x and y."""
    value, size = condition(kind)[0](c, rate)
    return float(np.max(np.linalg.norm(np.asarray(value).reshape(2, -1), axis=1) / np.asarray(size)))


def bounds(kind: str, c: np.ndarray, covariance: np.ndarray, freedom: float, rate: float) -> tuple[float, float]:
    """Lowest and highest defect over the ellipsoid that holds the coefficients in 95 % of draws, to first order.

    The lower one is of the worse of both rotations: if that is too large for all such coefficients, one is broken.
    """
    value, size = condition(kind)[0](c, rate)
    slope = np.asarray(condition(kind)[1](c, rate))
    radius = ellipsoid_radius(len(c), freedom, 0.05)
    root = np.linalg.cholesky(covariance + 1e-14 * np.diag(c**2))
    out = []
    for v, g, n in zip(np.asarray(value), slope, np.asarray(size), strict=True):
        rows = np.column_stack([g.reshape(-1, len(c)) @ root, v.ravel()]) / n
        rows = np.linalg.qr(rows, mode="r")
        # of the mean what no coefficient moves is known: it has (almost) no variance
        test = NormTest.of(rows[:, -1], rows[:, :-1] @ rows[:, :-1].T, freedom, floor=1e-12)
        out.append(test.over_ellipsoid(radius))
    return max(low for low, _ in out), max(high for _, high in out)


def best_rate(kind: str, c: np.ndarray) -> float:
    """The rate of rotation at which the defect is least: what the symmetry alone says of the planet."""
    rates = np.linspace(-2.0, 2.0, 41)  # radians a CLOCK
    start = rates[np.argmin([defect(kind, c, rate) for rate in rates])]
    found = minimize_scalar(lambda rate: defect(kind, c, rate), bounds=(start - 0.1, start + 0.1), method="bounded",
                            options={"xatol": 1e-8})  # fmt: skip
    return float(found.x)


def scales(kind: str, height: float) -> np.ndarray:
    """Of the coefficients in units of the radius, `CLOCK`, and for heights of their mean."""
    if kind == "barotropic":
        return np.array([1.0, CLOCK])
    return np.array([1.0, CLOCK, 1.0, CLOCK, height * (CLOCK / RADIUS) ** 2, 1.0, 1.0])


def found_in(kind: str, noise: float, draw: int):
    """The coefficients of the found equations with covariance and freedom, None where a term was not found."""
    system, terms, used = ASKED[kind]
    fields = maps(system, noise, draw)
    library = sd.Fluxes(terms, latitude="lat", radius=RADIUS)
    targets = tuple(dict.fromkeys(target for _, target in used))
    law = sd.identify_field(fields, library=library, rate_of=targets)
    own = [law.term_names.index(term) * len(targets) + law.target_components.index(name) for term, name in used]
    height = float(fields.component("height").mean()) if kind == "shallow" else 1.0
    c = law.coefficients.ravel()[own] * scales(kind, height)
    basis = np.asarray(law.model.subspace.basis).reshape(len(law.covariance), -1)[:, own] * scales(kind, height)
    freedom = float(min((f for each in law.stats.freedom for f in each), default=np.inf))
    extra = int((law.coefficients != 0).sum()) - len(own)
    return (c, basis.T @ law.covariance @ basis, freedom, extra) if c.all() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="+", choices=list(ASKED))
    parser.add_argument("--noise", type=float, nargs="+", default=[0.01, 0.1])
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore", sd.SymdynWarning)
    for kind in options.kinds:
        for noise in options.noise:
            table, extra = [], []
            for draw in range(options.draws):
                found = found_in(kind, noise, draw)
                if found is None:
                    continue
                c, covariance, freedom, more = found
                rate = best_rate(kind, c)
                still, moving = (bounds(kind, c, covariance, freedom, each) for each in (0.0, rate))
                lowest = min(
                    bounds(kind, c, covariance, freedom, rate + step)[0] for step in np.linspace(-0.2, 0.2, 21)
                )
                off = rate / CLOCK / OMEGA - 1
                table.append((defect(kind, c, 0.0), still[0], defect(kind, c, rate), lowest, moving[1], off))
                extra.append(more)
            print(f"{kind}, noise {noise:g}: all terms found in {len(table)} of {options.draws}, others in "
                  f"{sum(n > 0 for n in extra)}", flush=True)  # fmt: skip
            if not table:
                continue
            static, low, moving, lowest, upper, off = np.array(table).T
            print(
                f"    static {np.median(static):.3f}, refuted {np.mean(low > TOLERANCE):.2f}   co-moving "
                f"{np.median(moving):.1e} [{np.median(lowest):.1e}, {np.median(upper):.1e}], refuted "
                f"{np.mean(lowest > TOLERANCE):.2f}, supported {np.mean(upper < TOLERANCE):.2f}   Omega off by "
                f"{np.median(np.abs(off)):.1e}, at most {np.abs(off).max():.1e}",
                flush=True,
            )


if __name__ == "__main__":
    with double_precision():
        main()
