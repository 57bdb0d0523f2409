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
# # A group of millions, kept exactly
#
# A function of ten alike parts does not change when they are exchanged. There are 3.6 million permutations; nobody can
# average over them, or train on that many copies of the data. But a function in the span of spherical harmonics has
# finitely many coefficients, and invariance is a linear condition on them, to be asked of two permutations alone: all
# others follow.

# %%
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd

space, group = sd.SphereHarmonics(10, 4), sd.Permutations(10)
fixed = sd.fixed_space(space, group)
print(f"{space.size} functions, {fixed.dimension} of them invariant; gap {fixed.gap:.2g}, closure {fixed.closure:.0e}")
assert fixed.dimension == 8


def truth(x):
    return np.sin(1.5 * x.sum(axis=1)) + 4 * (x**3).sum(axis=1) + np.cos(6 * (x**4).sum(axis=1))


# %% [markdown]
# ## Error against data
#
# The target is no polynomial, so degree 4 leaves a rest of 0.026. Symmetric polynomials up to degree 10 are 72; they
# are made as products of power sums, without a way over the 140 998 harmonics.

# %%
sums, test = sd.PowerSums(10, 10), space.draw(5000, 999)
counts, errors = (25, 50, 100, 200, 400), {"degree 4, all": [], "degree 4, invariant": [], "degree 10, power sums": []}
for n in counts:
    found = {name: [] for name in errors}
    for seed in range(5):
        x = space.draw(n, seed)
        y = truth(x) + 0.1 * np.random.default_rng(seed).normal(size=n)
        models = (
            sd.fit_invariant(x, y, space=space, group=None),
            sd.fit_invariant(x, y, space=space, group=group, fixed=fixed),
            sd.fit_invariant(x, y, space=sums, group=None),
        )
        for name, model in zip(errors, models, strict=True):
            found[name].append(np.mean((model.predict(test) - truth(test)) ** 2))
    for name, values in found.items():
        errors[name].append(np.median(values))
exchange = np.random.default_rng(0).permutation(10)
changes = [model.discrepancy(lambda x: x[:, exchange], test) for model in models]
for (name, values), change in zip(errors.items(), changes, strict=True):
    print(f"{name:22s}", *(f"{v:7.4f}" for v in values), f"  changes under a permutation by {change:.0e}")
assert max(changes[1:]) < 1e-12 < 1e-2 < changes[0]
assert errors["degree 4, invariant"][1] < 0.2 * errors["degree 4, all"][1]

# %%
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for (name, values), style in zip(errors.items(), ("o--", "s-", "^-"), strict=True):
    ax.loglog(counts, values, style, label=name)
ax.axhline(0.026, color="0.5", linewidth=0.8, label="best of degree 4")
ax.set(xlabel="data", ylabel="mean squared error")
ax.set_xticks(counts, [str(n) for n in counts])
ax.minorticks_off()
fig.legend(loc="outside lower center", ncols=2, frameon=False)

# %% [markdown]
# ## Which symmetry do data have?
#
# A function of the directions in the plane, from 300 noisy values. Of the sixteen turns and mirrors of an octagon, it
# keeps the four quarter turns, and no mirror.

# %%
plane = sd.HermiteFunctions(2, 6)
x = plane.draw(300, 1)
z = x[:, 0] + 1j * x[:, 1]
y = np.abs(z) ** 2 + (z**4).real - 0.7 * (z**4).imag + 0.3 * np.random.default_rng(0).normal(size=300)
subgroup = sd.find_subgroup(x, y, space=plane, group=sd.Dihedral(8))
print(subgroup)
assert subgroup.order == 4
