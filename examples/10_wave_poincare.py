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
# # A relativistic wave: Poincare invariance enforced, found, and used
#
# The field obeys $u_{tt} = u_{xx} - u - u^3$. A boost mixes time and space: it turns $u_{tt}$ into $u_{tx}$, so that
# the symmetry is one of the equation as a whole, not of its right-hand side.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import symdyn as sd

boosts = sd.Poincare(1).acting_on(u=sd.Scalar)
asked = {"library": sd.DivergenceForm(3, order=4), "time_order": 2}


def opened(data):
    return sd.open_fields(data, ["u"], periodic=["x"])


# %% [markdown]
# ## Found
#
# Half as much noise as signal, and a library of fifteen terms. The law comes out, and with it the algebra of its
# symmetries, among all vector fields that are linear in time, place and field.

# %%
noisy = opened(sd.make_fields("klein_gordon", noise=0.5, key=jax.random.key(0)))
law = sd.identify_field(noisy, **asked)
print(law)
found = sd.find_symmetries(law, candidates=1, discrete=False)
print(found)
assert set(law.active_terms) == {"u", "u^3", "u_xx"}
assert str(found.name) == "poincare(1)"

# %% [markdown]
# ## Enforced
#
# Waves that hardly move: a swinging field with a long, small ripple. In such data the term $u_{xx}$ is next to nothing,
# and its coefficient is a guess, if it is found at all. Under the symmetry it is 1, for nothing else is invariant.

# %%
length, speed = 30.0, 0.6


def ripple(x):
    return 0.9 + 0.02 * np.cos(2 * np.pi * x / length)


slow = sd.make_fields(
    "klein_gordon", noise=0.1, key=jax.random.key(1), length=length, times=np.linspace(0, 10, 201),
    start={"u": ripple, "v": lambda x: 0.0 * x},
)  # fmt: skip
free = sd.identify_field(opened(slow), **asked)
bound = sd.identify_field(opened(slow), action=boosts, **asked)
print("free:    ", free.equations[0])
print("enforced:", bound.equations[0])
assert bound.stats.free == 3
assert bound.coefficient("u_xx", "u_rate")[0] == 1.0
assert abs(free.coefficient("u_xx", "u_rate")[0] - 1) > 0.3

# %% [markdown]
# ## Used
#
# Seen from a frame that moves with 0.6 of the speed of light, a swinging field is a fast wave,
# $u(t, x) = U(\gamma (t - v x))$. No such wave was in the data. Both laws are run from its first instant.

# %%
gamma = 1 / np.sqrt(1 - speed**2)
swing = solve_ivp(
    lambda _, y: [y[1], -y[0] - y[0] ** 3], (0, 60), [0.9, 0.0], rtol=1e-10, atol=1e-12, dense_output=True
)
crossings = swing.t[1:][(swing.y[1, :-1] > 0) & (swing.y[1, 1:] <= 0)]
period = brentq(lambda t: swing.sol(t)[1], crossings[0] - 1, crossings[0] + 1)
axis, times = sd.Periodic("x", 0.0, period / (gamma * speed), 64), np.linspace(0, 12, 121)
phase = gamma * (times[:, None] - speed * np.asarray(axis.points)) + 5 * period
wave = swing.sol(phase.ravel())[0].reshape(phase.shape)
fast = sd.Fields.of(sd.Grid((axis,), time=sd.Box("time", times)), u=wave)

# %%
picture, panels = plt.subplots(1, 3, figsize=(9, 2.8), sharex=True, sharey=True, layout="constrained")
runs = {"truth": fast, "enforced": bound.simulate(fast, times), "free": free.simulate(fast, times)}
errors = {}
for panel, (name, run) in zip(panels, runs.items(), strict=True):
    values = run.component("u")
    errors[name] = float(np.sqrt(np.mean((values - wave) ** 2)) / wave.std())
    panel.pcolormesh(axis.points, times, values, vmin=-0.9, vmax=0.9, cmap="RdBu_r", rasterized=True)
    panel.set_title(f"{name}: error {errors[name]:.2f}", loc="left", fontsize=9)
    panel.set_xlabel("x")
panels[0].set_ylabel("time")
print(errors)
assert errors["enforced"] < 0.1
assert errors["free"] > 0.5
plt.show()
