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
# # Operators on fields that know a symmetry, or find out which one holds
#
# A flow in the plane is watched in snapshots of its vorticity. An operator learns what happens in a quarter of a unit
# of time. All watched flows have waves along x. A flow with waves along y behaves as these do, turned by a quarter: an
# operator whose kernels commute with rotations knows it, and one that is a convolution and no more does not.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd


def flow(seed, turned=False, n=24, steps=8):
    """Vorticity from random waves with |kx| <= 3 and |ky| <= 1, the same start at any resolution; turned or not."""
    rng = np.random.default_rng(seed)
    draws = rng.normal(size=(2, 4, 3))

    def start(y, x):
        a, b = (y, -x) if turned else (x, y)
        waves = [
            draws[0, k, m] * np.cos(k * a + (m - 1) * b) + draws[1, k, m] * np.sin(k * a + (m - 1) * b)
            for k in range(1, 4)
            for m in range(3)
        ]
        return 0.7 * np.sum(waves, axis=0)

    times = 0.25 * np.arange(steps + 1)
    data = sd.make_fields("navier_stokes", start={"vorticity": start}, shape=n, times=times, rtol=1e-6)
    return sd.open_fields(data, ["vorticity"], periodic=["y", "x"])


watched = [flow(seed) for seed in range(6)]
tests = {"as watched": [flow(100 + s) for s in range(3)], "turned": [flow(100 + s, turned=True) for s in range(3)]}

# %% [markdown]
# ## Two operators
#
# Each layer is an integral kernel, a product in Fourier space, and a nonlinearity at each place. With `sd.SO(2)` the
# hidden layers carry scalars and vectors, and the kernels between them are the null space of $L_\xi K = 0$. The other
# operator has more weights.

# %%
key, options = jax.random.key(0), {"steps": 300, "every": 300, "batch": 8, "learning_rate": 2e-2}
laws = {
    "knows rotations": sd.OperatorLaw.of(watched[0], sd.SO(2), (6 * sd.Scalar + 3 * sd.Vector,), key=key),
    "shifts alone": sd.OperatorLaw.of(watched[0], None, (8,), key=key),
}
scores = {}
for name, law in laws.items():
    laws[name] = sd.train(law, watched, **options).law
    for kind, runs in tests.items():
        scores[name, kind] = laws[name].score(runs).relative_error.mean(["run", "variable"])
    print(f"{name}: {law.parameters} weights, error of a step", {k: round(float(scores[name, k][0]), 3) for k in tests})
known, plain = ([float(scores[name, kind][0]) for kind in tests] for name in laws)
assert max(known) < 0.15
assert known[1] < 1.5 * known[0]
assert plain[1] > 2 * max(known)

# %% [markdown]
# ## On a finer grid
#
# Kernels are known as functions, so the operator that was trained on 24 x 24 samples runs on 48 x 48 as it is.

# %%
fine = flow(100, n=48)
run = laws["knows rotations"].simulate(fine, 8)
error = {n: float(laws["knows rotations"].score(flow(100, n=n)).relative_error[0, 0, 0]) for n in (24, 48)}
print("error of a step by resolution", {n: round(e, 3) for n, e in error.items()})
assert error[48] < 1.3 * error[24]

figure, axes = plt.subplots(1, 3, figsize=(11, 3.3))
for ax, values, title in zip(axes, (fine, run), ("true, t = 1", "operator, t = 1"), strict=False):
    ax.imshow(values.component("vorticity")[4], origin="lower", cmap="RdBu_r", vmin=-4, vmax=4)
    ax.set(title=title, xticks=[], yticks=[])
for number, name in enumerate(laws):
    for kind, style in zip(tests, ("-", ":"), strict=True):
        axes[2].semilogy(
            scores[name, kind].lead, scores[name, kind], style, color=f"C{number}", label=f"{name}, {kind}"
        )
axes[2].set(xlabel="time", ylabel="relative error")
axes[2].legend(fontsize=7)
figure.tight_layout()

# %% [markdown]
# ## Which symmetry does a medium have?
#
# In a layered medium heat spreads faster along the layers. A linear operator with kernels that may break rotations,
# and coefficients that may depend on the place, is trained under a penalty on what it breaks. It gives up the rotation,
# which the data contradict, and keeps both shifts.

# %%
k = np.fft.fftfreq(16) * 16
kx, ky = np.meshgrid(k, k)
decay = np.exp(-0.5 * (0.2 * kx**2 + 0.1 * kx * ky + 0.05 * ky**2))
rng, heat = np.random.default_rng(0), []
grid = sd.Grid(tuple(sd.Periodic(n, 0.0, 2 * np.pi, 16) for n in "yx"), time=sd.Box("time", 0.5 * np.arange(5.0)))
for _ in range(8):
    waves = np.fft.fft2(rng.normal(size=(16, 16))) * (np.hypot(kx, ky) <= 4)
    heat.append(sd.Fields.of(grid, temperature=np.stack([np.fft.ifft2(waves * decay**j).real for j in range(5)])))
law = sd.OperatorLaw.of(
    heat[0], sd.SE(2), (), kind="promotable", places=1, kernels=sd.Shells((0, 1, 2, 3, 4, 6), 2), key=key
)
law = sd.train(law, heat, penalty=sd.LayerPenalty(3e-3), **options).law
found = sd.broken_directions(law)
print(found.strength.values.round(4), found.direction.values.round(2).tolist(), found.generator.values.tolist())
assert found.strength[1] < 0.05 * found.strength[2]
assert abs(found.direction.sel(generator="rotation")[2]) > 0.99
