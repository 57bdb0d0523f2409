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
# # Promote symmetry
#
# To enforce a symmetry one has to know it. To promote symmetries it is enough to name candidates: those are kept that
# the data do not contradict. What is penalised is the rank of the map from generators to Lie derivatives, which is the
# number of symmetries that a function breaks; its convex stand-in is the nuclear norm, a sharper one the logarithm of
# the determinant.

# %%
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd
from symdyn.report import promotion_path

# %% [markdown]
# ## A function that changes along one direction
#
# Ten variables, all 66 monomials up to degree two, and 30 exact values. Candidates are the translations of R^10: a
# function that breaks only one of them depends on one linear combination, which nobody names.

# %%
rng = np.random.default_rng(1)
direction = np.linalg.qr(rng.normal(size=(10, 1)))[0][:, 0]
x = rng.uniform(-1, 1, (30, 10))


def ridge(points):
    along = points @ direction
    return 0.3 + 0.9 * along + 0.7 * along**2


found = sd.promote(
    sd.Monomials(2), sd.T(10).acting_on(x=sd.Point), x, ridge(x), values=sd.Scalar, space=sd.StateSpace.of(x=10),
    penalty=sd.LogDet(cooling=0.995), measure=sd.UniformBox(),
)  # fmt: skip
print(found)
assert found.broken == 1
kept_span = np.linalg.qr(found.kept.T)[0]  # translations that change nothing are those across the direction
assert np.abs(direction @ kept_span).max() < 1e-9

# %% [markdown]
# ## A symmetry that holds, and one that does not
#
# The normal form of a Hopf bifurcation commutes with rotations. Sixty noisy rates, and all affine motions of the plane
# as candidates: the rotation is kept, translations, stretches and shears are given up, each with its evidence.

# %%
turning = {"library": sd.Monomials(3), "rates": {"x": "dx"}, "rate_of": "x"}


def hopf(epsilon, samples=60, noise=0.07):
    """Noisy rates; the term epsilon x^2 breaks the rotation."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (samples, 2))
    rates = np.stack([-x[:, 1], x[:, 0]], -1) + x * (1 - (x**2).sum(1, keepdims=True))
    rates[:, 0] += epsilon * x[:, 0] ** 2
    return {"time": np.arange(float(samples)), "x": x, "dx": rates + noise * rng.normal(size=x.shape)}


kept = sd.promotion(hopf(0.0), sd.Aff(2), **turning)
print(kept)
assert kept.kept.texts == ("x_y d/dx_x - x_x d/dx_y",)

# %% [markdown]
# The same with a term that breaks the rotation: `identify` says by how much, and keeps nothing.

# %%
broken = sd.identify(hopf(0.5), promote=sd.Aff(2), **turning)
print(broken)
assert broken.settings.action is None

# %% [markdown]
# Along the path of the penalty's weight singular values fall to the bottom one after the other. A symmetry that costs
# nothing falls at once.

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
promotion_path(axes[0], kept)
promotion_path(axes[1], sd.promotion(hopf(0.5), sd.Aff(2), **turning))
figure.tight_layout()

# %% [markdown]
# ## Gravity breaks a ball to a top
#
# Two masses on springs, one below the other. Candidates are all rotations of space; gravity leaves those about the
# vertical, and the data say which axis that is. In the second data set a wind blows: the axis is the direction of
# gravity and wind together.


# %%
def springs_terms(state):
    x1, arm = state["x1"], state["x2"] - state["x1"]
    units = x1 / jnp.sqrt(jnp.sum(x1**2)), arm / jnp.sqrt(jnp.sum(arm**2))
    return jnp.concatenate([jnp.ones(1), x1, arm, *units])


names = ("1", *(f"({part})_{a}" for part in ("x1", "x2 - x1", "x1/|x1|", "arm/|arm|") for a in "xyz"))
ball = sd.SO(3).acting_on(x1=sd.Vector, x2=sd.Vector, p1=sd.Vector, p2=sd.Vector)


def springs(wind, samples=120, noise=0.05):
    rng = np.random.default_rng(0)
    x1, x2 = ([0, 0, -h] + 0.4 * rng.normal(size=(samples, 3)) for h in (1.5, 3.0))
    arm, outside = x2 - x1, np.array([wind, 0.0, -1.0])
    pull1 = (1 - 1 / np.linalg.norm(x1, axis=1, keepdims=True)) * x1
    pull2 = 2 * (1 - 1 / np.linalg.norm(arm, axis=1, keepdims=True)) * arm
    p1, p2 = rng.normal(size=(2, samples, 3))
    rates = {"a1": outside - pull1 + pull2, "a2": outside - pull2}
    rates = {name: value + noise * rng.normal(size=value.shape) for name, value in rates.items()}
    return {"time": np.arange(float(samples)), "x1": x1, "x2": x2, "p1": p1, "p2": p2, **rates}


chain = {"x1": "p1", "x2": "p2", "p1": "a1", "p2": "a2"}
axes_found = []
for wind in (0.0, 0.5):
    found = sd.promotion(
        springs(wind), ball, library=sd.Function(springs_terms, names), rates=chain, rate_of=("p1", "p2")
    )
    print(found.kept.texts[0])
    state = dict(zip(found.law.model.space.component_names, np.eye(12), strict=True))
    (field,) = found.kept.fields
    turned = field.moved(np.array([state["x1_x"], state["x1_y"], state["x1_z"]]))[:, :, 0]  # columns of the matrix
    matrix = turned[:, [*found.law.model.space.indices(("x1",))]].T
    axis = np.array([matrix[2, 1], matrix[0, 2], matrix[1, 0]])
    axes_found.append(axis / np.linalg.norm(axis) * np.sign(axis[2]))
    print(f"  about the axis {axes_found[-1].round(3)}")
assert np.allclose(axes_found[0], [0, 0, 1])
assert np.allclose(axes_found[1], np.array([-0.5, 0, 1]) / np.sqrt(1.25), atol=0.05)
