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
# # Regression without a threshold
#
# A sparse regression usually starts with a threshold, and the law that comes out depends on it. Here none is given: the
# solver proposes the best set of terms of each size, and an information criterion decides how many the data support.
# Two chaotic systems show it, with noise and with hundreds of candidates.

# %%
import numpy as np

import symdyn as sd

# %% [markdown]
# ## Lorenz, 56 candidates for each equation
#
# All monomials up to degree five. On the attractor they resemble each other: the condition number of the candidates is
# near a million. The rates carry white noise of five per cent.

# %%
times = np.arange(0, 40, 0.01)
lorenz = sd.make_dataset("lorenz", times=times, rates=True)
rng = np.random.default_rng(0)
for name in "xyz":
    rate = lorenz[f"{name}_rate"]
    lorenz[f"{name}_rate"] = (
        rate.dims,
        rate.values + 0.05 * float(rate.std()) * rng.normal(size=rate.shape),
        rate.attrs,
    )

law = sd.identify(lorenz, library=sd.Monomials(5))
print(law)

# %% [markdown]
# The sets that came into question stay with the law: what each leaves of the rate, and how far its score is from the
# lowest one. Larger sets hardly explain more; smaller ones much less.

# %%
print("\n".join(str(law.choices[1]).splitlines()[:10]))

# %%
assert law.active_terms == ("x", "y", "z", "x y", "x z")
lower, upper = law.interval(0.999)
row, column = law.term_names.index("x z"), 1
assert lower[row, column] < -1 < upper[row, column]

# %% [markdown]
# Other ways to decide see the same path. Cross-validation leaves out blocks of neighbouring samples; stability
# selection repeats the choice on random halves of the data and keeps what comes up in most of them.

# %%
for selection in (sd.EBIC(), sd.BIC(), sd.AICc(), sd.CrossValidation(), sd.StabilitySelection(20), sd.Knee()):
    found = sd.identify(lorenz, library=sd.Monomials(3), selection=selection)
    print(f"{selection!r:75s} {found.stats.active} terms")

# %% [markdown]
# Solvers differ in what they propose. The thresholding ones start from the fit on all terms, where collinear
# candidates share the effect; the greedy forward one never takes a wrong first step back.

# %%
counts = {}
for solver in (sd.BestSubset(), sd.SSR("loss"), sd.STLSQ(), sd.SR3(), sd.FROLS(), sd.Lasso()):
    found = sd.identify(lorenz, library=sd.Monomials(5), solver=solver)
    counts[type(solver).__name__] = found.stats.active
print(counts)

# %%
assert counts["BestSubset"] == 7

# %% [markdown]
# ## What is known already
#
# Knowledge enters as constraints by name. Say that the heat transport is known to be symmetric in the first two
# equations (the coefficient of y in x' is minus that of x), and that the damping of z has a sign. Equations hold to
# rounding, whatever the solver.

# %%
known = [
    sd.coefficient("y", "x") == -sd.coefficient("x", "x"),
    sd.coefficient("z", "z") <= 0,
]
constrained = sd.identify(lorenz, library=sd.Monomials(2), constraints=known)
print(constrained)

# %%
assert constrained.coefficient("y", "x")[0] == -constrained.coefficient("x", "x")[0]

# %% [markdown]
# ## Lorenz-96, forty sites, 861 candidates for each
#
# The rows are summed once into a matrix of moments; from then on everything is small. Forty equations with four terms
# each come out of 34 440 candidate coefficients.


# %%
def lorenz96(x):
    return (np.roll(x, -1, -1) - np.roll(x, 2, -1)) * np.roll(x, 1, -1) - x + 8


states, step, rows = 8 + rng.normal(size=(20, 40)), 0.01, []
for k in range(2000):
    k1 = lorenz96(states)
    k2 = lorenz96(states + step / 2 * k1)
    k3 = lorenz96(states + step / 2 * k2)
    k4 = lorenz96(states + step * k3)
    states = states + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    if k >= 1000 and k % 2 == 0:
        rows.append(states)
runs = np.stack(rows, axis=1)  # (run, time, site)
sites = {"time": 2 * step * np.arange(500), "x": runs, "dx": lorenz96(runs) + 0.1 * rng.normal(size=runs.shape)}

ring = sd.identify(sites, rates={"x": "dx"}, library=sd.Monomials(2))
print("\n".join(ring.equations[:3]), "\n...")

# %%
assert ring.stats.active == 160
assert ring.stats.candidates == 34440
assert all(len(choice.candidates[choice.chosen].terms) == 4 for choice in ring.choices)
