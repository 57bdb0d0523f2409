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
# # Networks that know a symmetry, find it, or ignore it
#
# Two masses hang on springs, one below the other. Without gravity all rotations of space would be symmetries; gravity
# leaves those about the vertical. The pendulum is watched while it swings near one vertical plane, and the law is asked
# for swings in other planes.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd

NAMES = ("x1", "x2", "p1", "p2")
space = sd.StateSpace.of(x1=3, x2=3, p1=3, p2=3)
turn = sd.SO(3).acting_on(dict.fromkeys(NAMES, sd.Vector))


def watched(count):
    """States (count, 12) and their rates, of swings near the plane of x and z."""
    rng = np.random.default_rng(0)
    spread = np.array([0.4, 0.04, 0.2] * 2 + [0.4, 0.04, 0.4] * 2)
    start = np.array([0, 0, -1.5, 0, 0, -3.0, *6 * [0.0]]) + spread * rng.normal(size=(count // 5, 12))
    data = sd.open_dataset("double_spring_pendulum", start=start, times=np.linspace(0, 20, 5), rates=True)
    return [np.concatenate([data[name + end].values for name in NAMES], -1).reshape(-1, 12) for end in ("", "_rate")]


def named(states, rates):
    parts = {name: slice(3 * i, 3 * i + 3) for i, name in enumerate(NAMES)}
    table = {name: states[:, at] for name, at in parts.items()} | {
        f"d{name}": rates[:, at] for name, at in parts.items()
    }
    return {"time": np.arange(float(len(states))), **table}


(states, new_states), (rates, new_rates) = (np.split(each, [300]) for each in watched(700))

# %% [markdown]
# ## Three networks
#
# - `plain`: a multilayer perceptron.
# - `promoted`: gated layers between representations of all rotations of space, with free weights. What the weights of
#   all layers change under each rotation stands in one matrix with a column for each generator; its nuclear norm is
#   added to the loss, so that the layers agree on the directions that they give up.
# - `enforced`: the same layers with weights that commute with rotations about the vertical.

# %%
hidden = 4 * sd.Scalar + 4 * sd.Vector
key = jax.random.key(0)
laws = {
    "plain": sd.NeuralLaw.of(space, None, (42, 42, 42), key=key),
    "promoted": sd.NeuralLaw.of(space, turn, (hidden,), kind="promotable", key=key),
    "enforced": sd.NeuralLaw.of(space, turn, (hidden,), kind="promotable", kept=(0, 0, 1), key=key),
}
reading = {"rates": {name: f"d{name}" for name in NAMES}, "rate_of": NAMES}
for name, law in laws.items():
    penalty = sd.LayerPenalty(weight=1e-2) if name == "promoted" else None
    pace = 3e-2 if name == "enforced" else 1e-2
    done = sd.train(
        law, named(states, rates), steps=600, batch=None, every=600, learning_rate=pace, penalty=penalty, **reading
    )
    laws[name] = done.law
    print(f"{name:10s}{law.parameters:5d} weights")

# %% [markdown]
# ## What was kept
#
# The singular values of that matrix say how many directions the network breaks, and its null space which one it keeps.

# %%
_, sizes, directions = np.linalg.svd(np.asarray(laws["promoted"].network.broken()), full_matrices=False)
print("singular values", sizes.round(3), "- kept about the axis", directions[-1].round(3))
print(sd.find_symmetries(laws["promoted"], candidates=turn, points=states[:100], tolerance=0.05, discrete=False))
assert sizes[2] < 0.2 * sizes[1]
assert abs(directions[-1][2]) > 0.99

# %% [markdown]
# ## Swings in other planes
#
# The plain network is at its best where it was trained. The others are as good in every plane as in the one watched.


# %%
def turned(vectors, angle):
    c, s = np.cos(angle), np.sin(angle)
    return (vectors.reshape(-1, 4, 3) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T).reshape(vectors.shape)


degrees = np.arange(0, 181, 20)
errors = {}
for name, law in laws.items():
    evaluate = jax.jit(jax.vmap(law.rate))
    off = [np.asarray(evaluate(turned(new_states, a))) - turned(new_rates, a) for a in np.deg2rad(degrees)]
    errors[name] = [np.sqrt(np.mean(each**2)) / np.sqrt(np.mean(new_rates**2)) for each in off]
    print(f"{name:10s}relative error {errors[name][0]:.3f} in the plane, {max(errors[name]):.3f} at worst")

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4))
axes[0].bar(range(1, 4), sizes)
axes[0].set(xticks=range(1, 4), xlabel="number", ylabel="singular value", title="directions that the layers break")
for name, values in errors.items():
    axes[1].semilogy(degrees, values, "o-", label=name)
axes[1].set(xlabel="plane of the swing, degrees from the one watched", ylabel="relative error of rates")
axes[1].legend()
figure.tight_layout()
assert max(errors["enforced"]) < 1.01 * min(errors["enforced"])
assert max(errors["promoted"]) < 1.2 * errors["promoted"][0]
assert max(errors["plain"]) > 1.5 * errors["plain"][0]
