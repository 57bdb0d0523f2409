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
# # What a law lacks: hybrids, and the equation in the network
#
# A law is known in part. A network takes what is left of the rates; its symmetry is asked for, and then its equation.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd

state = sd.StateSpace.of(x=2, v=2)


def known(now):
    """A spring."""
    return {"x": now["v"], "v": -now["x"]}


def missing(x, v):
    """What nobody told us: the spring hardens, and a magnetic field turns the velocity."""
    return -0.3 * jnp.sum(x**2) * x + 0.5 * jnp.stack([-v[1], v[0]])


rng = np.random.default_rng(0)
truth = sd.NeuralLaw(lambda s: -s[:2] + missing(s[:2], s[2:]), state, ("v",), kinematics=(("x", "v"),))
times = np.linspace(0, 8, 161)
run = truth.simulate(rng.normal(size=(16, 4)), times)
noisy = {name: run[name].values + 0.01 * rng.normal(size=run[name].shape) for name in ("x", "v")}
data = sd.dataset(times, **noisy)

# %% [markdown]
# ## The remainder
#
# The known part is not trained. Rates come from local quartics, as the states are noisy; four runs are held out.

# %%
match = sd.RateMatching(differentiation=sd.SavitzkyGolay(15, 4))
network = sd.NeuralLaw.of(state, None, (32, 32), targets="v", key=jax.random.key(0))
reading = {"trajectories": ("trajectory",)}
done = sd.train(
    sd.hybrid(known, network), data, match=match, steps=1500, batch=None, every=500, learning_rate=1e-2,
    validation=0.25, **reading,
)  # fmt: skip
turns = sd.GL(2).acting_on(x=sd.Vector, v=sd.Vector)
found = sd.distil(done, data, library=sd.Monomials(3), action="auto", candidates=turns, reading=reading)
print(found.symmetries)
print(found)
assert found.symmetries.acting == "rotations of x and v"
assert set(found.active_terms) == {"v_x", "v_y", "x_x^3", "x_x^2 x_y", "x_x x_y^2", "x_y^3"}

# %% [markdown]
# `found.model` is the known part with the terms, their coefficients fitted to the data. It runs far from the data,
# where the network was never asked.

# %%
start, later = np.array([2.5, 0.0, 0.0, 0.5]), np.linspace(0, 10, 101)
true = truth.simulate(start, later)
errors = {}
for name, law in (("network", done.law), ("equation", found.model)):
    errors[name] = float(abs(law.simulate(start, later, rtol=1e-6).x - true.x).max())
    print(f"{name:10s} off by at most {errors[name]:.3f} beyond the data")
assert errors["equation"] < 0.1 < errors["network"]

# %% [markdown]
# ## A closure
#
# Lorenz's model of 1996 with two levels: eight slow sites, each with eight fast ones, which a model of the slow ones
# cannot see. What they do to the slow ones is the remainder of the law with one level; it is the same at each site, so
# the network is equivariant under shifts.

# %%
K, J = 8, 8
slow = sd.StateSpace.of(x=K)


def one_level(x):
    return (jnp.roll(x, -1) - jnp.roll(x, 2)) * jnp.roll(x, 1) - x + 10.0


def two_levels(s):
    x, y = s[:K], s[K:]
    fast = 100.0 * jnp.roll(y, -1) * (jnp.roll(y, 1) - jnp.roll(y, -2)) - 10.0 * y + jnp.repeat(x, J)
    return jnp.concatenate([one_level(x) - y.reshape(K, J).sum(axis=1), fast])


sites, fast = tuple(map(str, range(K))), tuple(map(str, range(J)))
both = sd.StateSpace((sd.Variable("x", ("site",), (sites,)), sd.Variable("y", ("site", "fast"), (sites, fast))))
both = sd.NeuralLaw(two_levels, both, ("x", "y"))
clock = np.linspace(0, 12, 241)
first = np.concatenate([3 * rng.normal(size=(2, K)), 0.1 * rng.normal(size=(2, K * J))], axis=1)
seen = both.simulate(first, clock, rtol=1e-5).isel(time=slice(40, None))
x = seen.x.values
rates = jax.vmap(jax.vmap(two_levels))(
    jnp.asarray(np.concatenate([x, seen.y.values.reshape(*x.shape[:2], -1)], axis=2))
)[..., :K]
coarse = sd.dataset(clock[40:], x=x, dx=rates)
shifts = sd.CyclicShifts(K).acting_on(x=sd.Vector)
closure = sd.NeuralLaw.of(slow, shifts, (4,), key=jax.random.key(1))
told = {"rates": {"x": "dx"}, "rate_of": "x"} | reading
closed = sd.train(
    sd.hybrid(lambda now: {"x": one_level(now["x"])}, closure), coarse, steps=500, batch=None, every=500,
    learning_rate=1e-2, **told,
).law  # fmt: skip
left = rates - np.asarray(jax.vmap(jax.vmap(one_level))(x))
share = 1 - np.mean((np.asarray(jax.vmap(jax.vmap(closed.remainder.rate))(x)) - left) ** 2) / np.var(left)
alone = sd.NeuralLaw(one_level, slow, ("x",))
span = np.linspace(0, 20, 201)
climate = {"two levels": x.ravel()}
for name, law in (("one level", alone), ("one level and closure", closed)):
    climate[name] = law.simulate(x[:, 0], span, rtol=1e-5).x.values[:, 50:].ravel()
print(f"the closure explains {share:.2f} of what the fast sites do")
print({name: (round(float(v.mean()), 2), round(float(v.std()), 2)) for name, v in climate.items()})
assert abs(climate["one level and closure"].mean() - x.mean()) < 0.3 * abs(climate["one level"].mean() - x.mean())

# %%
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
radius = np.linspace(0, 2.5, 50)
line = np.stack([radius, 0 * radius, 0 * radius, 0 * radius], axis=1)
axes[0].plot(radius, -0.3 * radius**3, "k", label="truth")
axes[0].plot(radius, jax.vmap(done.law.remainder.rate)(jnp.asarray(line, jnp.float32))[:, 2], "C0--", label="network")
axes[0].plot(
    radius, jax.vmap(found.model.remainder.rate)(jnp.asarray(line, jnp.float32))[:, 2], "C1:", lw=3, label="equation"
)
farthest = float(np.sqrt((data.x**2).sum("component")).max())
axes[0].axvspan(0, farthest, color="0.92", label="data")
axes[0].set(xlabel="distance", ylabel="force that the spring lacks", title="a missing term")
axes[0].legend(frameon=False)
for name, style in zip(climate, ("k", "C3", "C0--"), strict=True):
    density, edges = np.histogram(climate[name], bins=30, range=(-8, 14), density=True)
    axes[1].plot(0.5 * (edges[1:] + edges[:-1]), density, style, label=name)
axes[1].set(xlabel="slow variable", ylabel="density", title="Lorenz 1996: a closure")
axes[1].legend(frameon=False)
