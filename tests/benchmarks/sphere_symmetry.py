"""Which rotations does the flow on a turning sphere keep, as noisy maps of it tell?

Barotropic flow keeps all rotations, seen from the stars: each K of so(3) with lambda + Omega t in place of longitude,
and a change of the stream function (Cardoso-Bihlo and Popovych 2013). Shallow water does not: the centrifugal force is
missing; only rotations about the axis are left. Both are simulated from random winds, their fields get white noise, and
`identify_field` finds the equations from a library of fluxes; nothing is told of symmetry or of Omega.

"defect" is the relative size of the symmetry condition of the found equation, the larger one of the rotations about x
and y: static ones, and co-moving ones at the rate that the two terms of the vorticity equation ask for (Omega is half
of the quotient of their coefficients). "level" is what noise of the coefficients makes of the defect at 1.96 standard
deviations, to first order. Rotations are refuted where the defect is above the level. Medians over draws, and the share
of draws that refute.

    python tests/benchmarks/sphere_symmetry.py barotropic shallow --noise 0.01 0.05 0.1 --draws 20
"""

from __future__ import annotations

import argparse
import warnings

import jax
import jax.numpy as jnp
import numpy as np

import symdyn as sd
from symdyn._types import double_precision
from symdyn.fields import Harmonics

OMEGA = 7.292e-5  # s-1, for comparison alone
RADIUS = 6.371e6  # m
CLOCK = 1e4  # s: the unit of time in which conditions are taken; that of length is the radius


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
    return fields.with_field("sine", np.sin(latitude)).with_field("cosine", np.cos(latitude))


def flux(text: str) -> dict[str, str]:
    return {"lon": f"{text} u", "lat": f"{text} v"}


def curl(text: str) -> dict[str, str]:
    return {"lon": f"{text} v", "lat": f"-{text} u"}


def laplacian(text: str) -> dict[str, str]:
    return {"lon lon": text, "lat lat": text}


COMMON = {
    "div(zeta u)": flux("vorticity"), "div(sine u)": flux("sine"), "curl(zeta u)": curl("vorticity"),
    "curl(sine u)": curl("sine"), "div(cosine u)": flux("cosine"), "curl(cosine u)": curl("cosine"), "1": {"": "1"},
    "sine": {"": "sine"}, "u": {"": "u"}, "v": {"": "v"}, "zeta": {"": "vorticity"},
    "laplacian zeta": laplacian("vorticity"), "laplacian speed2": {"lon lon": "u^2 + v^2", "lat lat": "u^2 + v^2"},
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

    def rotations(rate):
        return sd.sphere_rotations("lon", "lat", time="t", rate=rate, streamfunctions=["psi"])

    return law, space, rotations


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

    def rotations(rate):
        return sd.sphere_rotations("lon", "lat", time="t", rate=rate, winds=[("u", "v")], scalars=["h"])

    return law, space, rotations


LAWS = {"barotropic": barotropic, "shallow": shallow}


def points_of(space: sd.StateSpace) -> np.ndarray:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(150, space.size))
    points[:, space.indices(("lat",))] = rng.uniform(-1.2, 1.2, (150, 1))
    points[:, space.indices(("lon",))] = rng.uniform(-3.0, 3.0, (150, 1))
    return points


def defect(kind: str, c: np.ndarray, rate: float) -> float:
    """The larger relative defect of the rotations about x and y."""
    law, space, rotations = LAWS[kind](c)
    found = sd.find_symmetries(
        law, space=space, candidates=rotations(rate), points=points_of(space), discrete=False, tolerance=10.0
    )
    return float(np.max(found.spectrum))


def scaled(kind: str, values: np.ndarray, height: float) -> np.ndarray:
    """Coefficients in units of the radius, `CLOCK`, and for heights of their mean."""
    if kind == "barotropic":
        return values * np.array([1.0, CLOCK])
    return values * np.array([1.0, CLOCK, 1.0, CLOCK, height * (CLOCK / RADIUS) ** 2, 1.0, 1.0])


def rate_of(c: np.ndarray) -> float:
    """The rate of rotation for which the flux of vorticity is that of absolute vorticity."""
    return float(c[1] / (2 * c[0]))


def slopes(kind: str, c: np.ndarray) -> np.ndarray:
    """How much the co-moving defect grows with each coefficient, from a law without one: a barotropic one."""
    if kind == "barotropic":
        c = np.array([-1.0, c[1] / -c[0]])
    rate, start = rate_of(c), defect(kind, c, rate_of(c))
    steps = 1e-3 * np.abs(c)
    moved = c + np.diag(steps)
    return np.array([abs(defect(kind, each, rate) - start) for each in moved]) / steps


def row(kind: str, noise: float, draw: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The coefficients of the found equations and their errors, None where a term that is needed was not found."""
    system, terms, used = ASKED[kind]
    fields = maps(system, noise, draw)
    library = sd.Fluxes(terms, latitude="lat", radius=RADIUS)
    law = sd.identify_field(fields, library=library, rate_of=tuple(dict.fromkeys(target for _, target in used)))
    values, errors = np.array([law.coefficient(*each) for each in used]).T
    height = float(fields.component("height").mean()) if kind == "shallow" else 1.0
    c = scaled(kind, values, height)
    return (c, scaled(kind, errors, height)) if c.all() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="+", choices=list(ASKED))
    parser.add_argument("--noise", type=float, nargs="+", default=[0.01, 0.1])
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore", sd.SymdynWarning)
    for kind in options.kinds:
        for noise in options.noise:
            found = [row(kind, noise, draw) for draw in range(options.draws)]
            good = [each for each in found if each is not None]
            print(f"{kind}, noise {noise:g}: all terms found in {len(good)} of {len(found)}", flush=True)
            if not good:
                continue
            growth = slopes(kind, good[0][0])
            table = []
            for c, e in good:
                rate, level = rate_of(c), 1.96 * float(np.linalg.norm(growth * e))
                table.append((defect(kind, c, 0.0), defect(kind, c, rate), level, rate / CLOCK / OMEGA - 1))
            static, moving, level, off = np.array(table).T
            print(
                f"    static {np.median(static):.3f}, refuted {np.mean(static > level):.2f}   co-moving "
                f"{np.median(moving):.1e}, refuted {np.mean(moving > level):.2f}   level {np.median(level):.1e}   "
                f"Omega off by {np.median(np.abs(off)):.1e}, at most {np.abs(off).max():.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
