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
# # Find the symmetries
#
# `find_symmetries` asks which vector fields and which maps leave a law as it is. The law may be what `identify` found,
# a function, or text.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd
from symdyn.report import generator_arrows, symmetry_spectrum

# %% [markdown]
# ## A planet
#
# The law of an orbit is found from its positions and velocities; then its symmetries among all linear motions of
# position, velocity and time: rotations, and the scaling of Kepler's third law, with length^3 ~ time^2.

# %%
data = sd.open_dataset("kepler", times=np.linspace(0, 20, 800))
law = sd.identify(data, library=sd.Radial("position", powers=(-3, 0)))
print(law)
kepler = sd.find_symmetries(law, candidates=[sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector), sd.Scalings()])
print(kepler)
assert str(kepler.name) == "so(3) + R"
assert kepler.weights == ({"position": 2, "velocity": -1, "t": 3},)

# %% [markdown]
# The same from ten years of Mars in the solar system (JPL DE421), from positions alone. The law is in km and s, so the
# condition is asked at points of that size.

# %%
planets = sd.open_dataset("planets", center="sun", start="2000-01-01", stop="2010-01-01")
mars = sd.identify(
    planets[["position"]].sel(body=["mars"]), order=2, library=sd.Radial("position", powers=range(-5, 1)),
    differentiation=sd.WeakForm(), solver=sd.BestSubset(1),
)  # fmt: skip
print(mars)
sizes = [2e8] * 3 + [24.0] * 3  # km, km / s
found = sd.find_symmetries(mars, points=sizes * np.random.default_rng(0).normal(size=(200, 6)), discrete=False)
print(found)
assert str(found.name) == "so(3) + R"

# %% [markdown]
# ## The hidden symmetry of the orbit
#
# Angular momentum L and the vector of Runge and Lenz A stay constant too. Their flows are no motions of space; they mix
# positions and momenta. The Poisson brackets of L and of A / sqrt(-2 H), sampled on bound orbits, close, and the
# structure constants name the algebra: so(4), which is why the ellipses stay closed.


# %%
def conserved(z):
    """L and A / sqrt(-2 H) of a unit mass in the potential -1 / r."""
    q, p = z[:3], z[3:]
    momentum = jnp.cross(q, p)
    energy = p @ p / 2 - 1 / jnp.linalg.norm(q)
    lenz = jnp.cross(p, momentum) - q / jnp.linalg.norm(q)
    return jnp.concatenate([momentum, lenz / jnp.sqrt(-2 * energy)])


def brackets(z):
    """The Poisson brackets {C_i, C_j} at a point, (6, 6)."""
    slope = jax.jacobian(conserved)(z)
    return slope[:, :3] @ slope[:, 3:].T - slope[:, 3:] @ slope[:, :3].T


with jax.enable_x64(True):
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(60, 3)), 0.4 * rng.normal(size=(60, 3))], axis=1)
    points = points[np.sum(points[:, 3:] ** 2, axis=1) / 2 < 0.8 / np.linalg.norm(points[:, :3], axis=1)]
    values, tables = jax.vmap(conserved)(points), jax.vmap(brackets)(points)
constants, *_ = np.linalg.lstsq(np.asarray(values), np.asarray(tables).reshape(len(points), 36), rcond=None)
left = np.abs(np.asarray(values) @ constants - np.asarray(tables).reshape(len(points), 36)).max()
hidden = sd.name_of(constants.T.reshape(6, 6, 6))
print(f"the brackets close to {left:.0e}; the algebra of L and A is {hidden}")
assert str(hidden) == "so(4)"

# %% [markdown]
# ## The isotropic oscillator
#
# Among the rotations of all six coordinates those that leave the law as it is are u(3): the flow itself, and su(3).

# %%
oscillator = {"x": "u", "y": "v", "z": "w", "u": "-x", "v": "-y", "w": "-z"}
found = sd.find_symmetries(oscillator, candidates=sd.SO(6), discrete=False)
print(found)
assert str(found.name) == "su(3) + R"

# %% [markdown]
# ## A limit cycle, with its figures

# %%
hopf = sd.find_symmetries({"x": "x - y - x^3 - x y^2", "y": "x + y - x^2 y - y^3"}, candidates=2)
figure, (one, two) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
symmetry_spectrum(one, hopf)
generator_arrows(two, hopf.generators[0], ("x", "y"))
two.set_aspect("equal")
plt.show()

# %% [markdown]
# ## The Madden-Julian oscillation
#
# The two numbers that say where the tropical clouds are turn around each other in 30 to 60 days. The best linear map
# from one day to the next commutes with rotations of the plane almost exactly: no phase of the oscillation is special.
# The file is fetched on request; without it this part is skipped.

# %%
(info,) = (info for info in sd.list_datasets() if info.name == "mjo_index")
if info.available:
    index = sd.open_dataset("mjo_index")[["rmm1", "rmm2"]]
    daily = sd.identify(
        index, library=sd.Monomials(1), discrete=True, missing="skip", solver=sd.LeastSquares(), inputs=()
    )
    step = np.array([[daily.coefficient(name, target)[0] for name in ("rmm1", "rmm2")] for target in ("rmm1", "rmm2")])
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    defect = np.linalg.norm(step @ turn - turn @ step) / np.linalg.norm(step) / np.sqrt(2)
    angle = np.angle(np.linalg.eigvals(step)).max()
    print(f"the map of a day commutes with rotations to {100 * defect:.2f} %; period {2 * np.pi / angle:.1f} days")
    assert defect < 0.01
else:
    print("skipped: the index is not in the cache folder")
