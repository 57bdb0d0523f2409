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
# # How sure is it?
#
# A law found in noisy data is one of several that the data allow. This page asks three questions of such a law: which
# terms are certain, how far the coefficients may be off, and how long a forecast can be trusted.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd

# %% [markdown]
# ## Noisy data, more terms than needed
#
# Ten time units of the Lorenz system, with noise of 0.3 % on every state; what comes after 12 is kept for a test. Rates
# come from a smoothing filter. The library has 20 terms for each of the three equations; seven of the 60 are true.

# %%
times = np.arange(0, 25, 0.01)
data = sd.make_dataset("lorenz", times=times, noise=3e-3, key=jax.random.key(0))
known, later = data.isel(time=slice(1000)), data.isel(time=slice(1200, None))
how = {"library": sd.Monomials(3), "differentiation": sd.SavitzkyGolay(width=11, degree=4)}

bag = sd.ensemble(known, models=1000, key=1, **how)
print(bag)

# %% [markdown]
# `ensemble` finds the ordinary law once, as `identify` does. Then it resamples blocks of neighbouring rows a thousand
# times and repeats the choice of terms and the fit on each, without another pass over the data. The inclusion
# probability of a term is the share of these models that have it.
#
# The ordinary law has false terms here: what the smoothing filter leaves is a pattern, and some cubic term fits it. But
# which one is a matter of chance. The seven true terms are in all models, every false one in half of them or fewer. A
# bootstrap sample repeats the chance patterns of the data and adds its own, so a term counts as certain well above one
# half; `law` takes the terms above a probability and fits them to all the data.

# %%
law = bag.law(inclusion=0.6)
print(law)

# %% [markdown]
# ## Intervals
#
# Two kinds. `law.interval` takes the terms as known: Student's t and standard errors from the scatter between units of
# rows that are as long as the residuals are correlated. The percentiles of the ensemble have the choice of terms in
# them, so they are wider where false terms compete with true ones.

# %%
truth = {("x", 0): -10, ("y", 0): 10, ("x", 1): 28, ("y", 1): -1, ("x z", 1): -1, ("z", 2): -8 / 3, ("x y", 2): 1}
narrow, wide = law.interval(0.95), bag.interval(0.95)
print("term    true      given the terms        with their choice")
for (term, c), value in truth.items():
    at = law.term_names.index(term), c
    spans = [f"{lower[at]:9.4f} {upper[at]:9.4f}" for lower, upper in (narrow, wide)]
    print(f"{term:4s} {value:8.3f}  {spans[0]}   {spans[1]}")

# %% [markdown]
# They hold what the noise does. A smoothing filter also flattens the curve a little, which is no scatter, and the
# first kind of interval cannot know of it: compare with the true values.
#
# The diagnostics that come with every law: the noise left in each rate, how well the data tell the kept terms apart
# (the condition number), and how much the autocorrelation of the residuals inflates the variance.

# %%
for name, noise, condition, inflation in zip(
    law.target_components, law.stats.noise, law.stats.condition, law.stats.inflation, strict=True
):
    print(f"d{name}/dt: noise {noise:.3f}, condition number {condition:.1f}, variance inflation {inflation:.2f}")

# %% [markdown]
# ## A forecast with its band
#
# Fifty of the models are integrated at once from the first state of the time that the law has not seen. The system is
# chaotic: the models part after some time, and the width of the band says when.

# %%
start = later.isel(time=0)
band = bag.band(start, later.time, level=0.9, models=50)
print(f"{band.attrs['diverged']} of 50 models diverged")

figure, axes = plt.subplots(3, 1, figsize=(8, 6), sharex=True, constrained_layout=True)
for axis, name in zip(axes, "xyz", strict=True):
    lower, middle, upper = (band[name].sel(band=b) for b in ("lower", "median", "upper"))
    axis.fill_between(later.time, lower, upper, alpha=0.35, linewidth=0, label="90 % of the models")
    axis.plot(later.time, middle, linewidth=1, label="their median")
    axis.plot(later.time, later[name], "k", linewidth=0.7, label="data, not used in the fit")
    axis.set_ylabel(name)
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
axes[-1].set_xlabel("time")
figure.savefig("ensemble.png", dpi=120)

# %% [markdown]
# The band knows how uncertain the law is, not that the start is itself a noisy sample; so the data may lie a little
# beside it.
#
# The same as a number: how long the law itself forecasts these data until its error exceeds 0.4 of their standard
# deviation.

# %%
horizon = law.horizon(later, error=0.4).horizon.item()
print(f"forecast horizon: {horizon:.2f} time units")

# %% [markdown]
# ## The bounds that this page keeps

# %%
inclusion = {(t, c): bag.inclusion[law.term_names.index(t), c] for t, c in truth}
assert all(share > 0.99 for share in inclusion.values())
assert law.stats.active == 7 < bag.solution.stats.active
for (term, c), value in truth.items():
    at = law.term_names.index(term), c
    assert abs(law.coefficients[at] - value) < 0.01 * abs(value) + 0.05
assert (wide[1] - wide[0] >= 0).all()
width = (band.sel(band="upper") - band.sel(band="lower")).x.values
assert width[:50].max() < 3 < width[-200:].max()
assert 2.0 < horizon < 15.0
