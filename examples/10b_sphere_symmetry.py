# ---
# jupytext:
#   text_representation:
#     extension: .py
#     format_name: percent
# kernelspec:
#   display_name: Python 3
#   language: python
#   name: python3
# ---

# %% [markdown]
# # The rotations of a turning sphere
#
# A planet turns, and its air knows: weather is not the same after a rotation about an axis in the equator, if one moves
# with the ground. Seen from the stars all rotations are alike. For the vorticity of an incompressible flow,
#
# $$\zeta_t = -\nabla \cdot \bigl[(\zeta + 2 \Omega \sin\varphi) \, \mathbf{u}\bigr],$$
#
# that is an exact symmetry (Cardoso-Bihlo and Popovych 2013): rotations with $\lambda + \Omega t$ in place of the
# longitude $\lambda$, which change the stream function by $\Omega \cos\varphi$ times their northward part. Here noisy
# maps of vorticity and wind say what the equation is, and the equation says how fast the planet turns.

# %%
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd

OMEGA, CLOCK = 7.292e-5, 1e4  # s-1, for comparison alone; s, the unit of time for symmetries
NOISE = 0.05

data = sd.make_fields("barotropic_vorticity", noise=NOISE, key=jax.random.key(0), viscosity=0.0, shape=(32, 64))
maps = sd.open_fields(data, ["vorticity", "u", "v"])
sphere = maps.grid.sphere
for name, function in (("sine", np.sin), ("cosine", np.cos)):
    maps = maps.with_field(name, function(sphere.latitude.array)[:, None])
library = sd.Fluxes(
    {
        "div(vorticity u)": {"lon": "vorticity u", "lat": "vorticity v"},
        "curl(vorticity u)": {"lon": "vorticity v", "lat": "-vorticity u"},
        "div(sine u)": {"lon": "sine u", "lat": "sine v"}, "curl(sine u)": {"lon": "sine v", "lat": "-sine u"},
        "div(cosine u)": {"lon": "cosine u", "lat": "cosine v"}, "vorticity": {"": "vorticity"}, "u": {"": "u"},
        "v": {"": "v"}, "sine": {"": "sine"},
    },
    latitude="lat", radius=sphere.radius,
)  # fmt: skip
law = sd.identify_field(maps, library=library, rate_of="vorticity")
print(law)
assert set(law.active_terms) == {"div(vorticity u)", "div(sine u)"}

# %% [markdown]
# ## Which rotations does this equation keep?
#
# On the jets of the stream function, with lengths in radii and times in units of 10 000 s, the equation is one function
# of its two coefficients. `find_symmetries` takes such functions.

# %%
advection, turning = (law.coefficient(name, "vorticity")[0] for name in ("div(vorticity u)", "div(sine u)"))
space = sd.StateSpace.jets(("t", "lon", "lat"), order=3, psi=1)


@dataclass(frozen=True)
class Vorticity:
    """zeta_t - a div(zeta u) - b div(sin(lat) u) at a jet of the stream function."""

    a: float
    b: float

    def __call__(self, z):
        s = space.split(z)
        cos, tan = jnp.cos(s["lat"]), jnp.tan(s["lat"])
        rate, east = (
            s[f"psi_{k}_lat_lat"] - tan * s[f"psi_{k}_lat"] + above / cos**2
            for k, above in (("t", s["psi_t_lon_lon"]), ("lon", s["psi_lon_lon_lon"]))
        )
        north = s["psi_lat_lat_lat"] - tan * s["psi_lat_lat"] - s["psi_lat"] / cos**2
        north = north + s["psi_lon_lon_lat"] / cos**2 + 2 * tan / cos**2 * s["psi_lon_lon"]
        flux = (s["psi_lon"] * north - s["psi_lat"] * east) / cos
        return rate - self.a * flux - self.b * s["psi_lon"]


# %% [markdown]
# A symmetry that moves with the planet is, near $t = 0$, $K_x - \omega t K_y$ and a change of the stream function,
# $\omega \cos\varphi \, K_x^\varphi - \omega^2 t \cos\varphi \, K_y^\varphi$. Nobody says $\omega$: all parts are
# candidates of their own, and the condition near $t = 0$ is linear in them.


# %%
def turning_about(axis, power):
    """t^power times the rotation about an axis, without what it does to the flow."""

    def field(state):
        c, s, tan = jnp.cos(state["lon"]), jnp.sin(state["lon"]), jnp.tan(state["lat"])
        east, north = (-c * tan, s) if axis == "x" else (-s * tan, -c)
        return {"lon": state["t"] ** power * east, "lat": state["t"] ** power * north}

    return field


def shift(axis, power):
    """t^power times the change of the stream function."""

    def field(state):
        north = turning_about(axis, power)(state)["lat"]
        return {"psi": jnp.cos(state["lat"]) * north}

    return field


fields = {
    "d/dt": lambda state: {"t": jnp.ones_like(state["t"])}, "K_z": lambda state: {"lon": jnp.ones_like(state["t"])},
    "K_x": turning_about("x", 0), "t K_y": turning_about("y", 1), "psi_x": shift("x", 0), "t psi_y": shift("y", 1),
}  # fmt: skip
rng = np.random.default_rng(0)
jets = 0.1 * rng.normal(size=(80, space.size))
for name, size in (("t", 0.01), ("lon", 3.0), ("lat", 1.2)):
    jets[:, space.indices((name,))] = rng.uniform(-size, size, (80, 1))
equation = Vorticity(advection, turning * CLOCK)
asked = {"space": space, "points": jets, "discrete": False, "tolerance": 0.01}
found = sd.find_symmetries(equation, candidates=sd.Action.from_fields(fields), **asked)
print(found)
assert found.dimension == 3

# %% [markdown]
# Three of six: time, the axis, and a rotation about another axis with a number in it, which is the rate of the planet.

# %%
labels = list(fields)
table = np.array([each.field.basis[0] for each in found.generators])
moving = table[np.abs(table[:, labels.index("K_x")]).argmax()]
rate = moving[labels.index("psi_x")] / moving[labels.index("K_x")]
print(f"Omega = {rate / CLOCK:.4e} s-1, {100 * (rate / CLOCK / OMEGA - 1):+.2f} % off")
assert abs(rate / CLOCK / OMEGA - 1) < 0.01

# %% [markdown]
# At this rate the equation keeps all three rotations, at all times. They are those of a sphere.

# %%
jets[:, space.indices(("t",))] = rng.uniform(-2, 2, (80, 1))
rotations = sd.sphere_rotations("lon", "lat", time="t", rate=rate, streamfunctions=["psi"])
kept = sd.find_symmetries(equation, candidates=rotations, **asked)
print(kept)
assert kept.dimension == 3

# %%
picture, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained", width_ratios=(2, 1))
longitude, latitude = (np.degrees(axis.array) for axis in (sphere.longitude, sphere.latitude))
size = 3e-5
left.pcolormesh(
    longitude, latitude, maps.component("vorticity")[-1], vmin=-size, vmax=size, cmap="RdBu_r", rasterized=True
)
left.set_title("vorticity after five days, as it was seen", loc="left", fontsize=9)
left.set_xlabel("longitude")
left.set_ylabel("latitude")
right.semilogy(np.arange(1, len(labels) + 1), np.maximum(found.spectrum, 1e-17), "o", color="#0072b2")
right.axhline(0.01, color="0.5", lw=0.8, ls="--")
right.set_title("defects of combinations of six fields", loc="left", fontsize=9)
right.set_xlabel("number")
plt.show()
