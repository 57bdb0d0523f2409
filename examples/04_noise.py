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
# # Ten per cent of noise
#
# Every sample of a trajectory is off by a tenth of its usual size. A derivative by differences is then mostly noise.
# The weak form never differentiates the data: it moves the derivative to smooth test functions, by parts.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd

# %% [markdown]
# ## The data
#
# Twenty time units of the Lorenz system, two thousand samples, white noise of 10 % of the root mean square of each
# variable. The law is not told; the library holds the ten monomials up to degree two for each of the three equations.

# %%
times = np.arange(0, 20, 0.01)
clean = sd.make_dataset("lorenz", times=times)
data = sd.make_dataset("lorenz", times=times, noise=0.1, key=jax.random.key(0))
library = sd.Monomials(2)

# %% [markdown]
# ## Differences fail
#
# The noise of a difference quotient is that of the state over the step: here many times the rate itself.

# %%
differences = sd.identify(data, library=library, differentiation=sd.FiniteDifference())
print(differences)
print("share of the rate that is left:", *(f"{share:.2f}" for share in differences.stats.residual))

# %% [markdown]
# Smoothing by sliding polynomials helps, as far as one knows how much to smooth.

# %%
smoothed = sd.identify(data, library=library, differentiation=sd.SavitzkyGolay(width=31, degree=4))
print(smoothed)

# %% [markdown]
# ## The weak form
#
# With a bump $\phi$ that vanishes at both ends of a window, $-\int \dot\phi\, x\, dt = \int \phi\, \Theta(x)\, dt\;
# \Xi$: linear equations for the same coefficients, one a window, in which the noise is averaged.

# %%
law = sd.identify(data, library=library, differentiation=sd.WeakForm())
print(law)

# %% [markdown]
# The noise was estimated from the data. The terms are evaluated without the bias that it gives to products such as
# $x z$, and the windows are weighted by the covariance that it gives them.

# %%
truth = {("x", 0): -10, ("y", 0): 10, ("x", 1): 28, ("y", 1): -1, ("x z", 1): -1, ("x y", 2): 1, ("z", 2): -8 / 3}
print("term   equation     found       true")
for (term, c), value in truth.items():
    name = law.target_components[c]
    found, error = law.coefficient(term, name)
    print(f"{term:5s}  d{name}/dt    {found:8.3f} ± {error:.3f}   {value:7.3f}")

# %% [markdown]
# ## The trajectory and the law together
#
# Left to itself, `identify` sees the noise, takes the weak form first, and then estimates the states at all samples
# together with the coefficients: the most likely trajectory of the law. It says so below the equations.

# %%
joint = sd.identify(data, library=library)
print(joint)

# %% [markdown]
# Trajectory matching does the same for a law whose terms are settled, by integrating it through segments of the data.

# %%
refined = sd.refine(law, data)
print(refined)

# %% [markdown]
# ## What it predicts
#
# The law is integrated from the true first state, and compared with the trajectory that no one has seen.

# %%
start = clean.isel(time=0)
span = clean.isel(time=slice(800))
forecast = refined.simulate(start, span.time)
horizon = refined.horizon(clean, error=0.4).horizon.item()
print(f"the error stays below 0.4 standard deviations for {horizon:.1f} time units")

figure, axes = plt.subplots(3, 1, figsize=(8, 6), sharex=True, constrained_layout=True)
for axis, name in zip(axes, "xyz", strict=True):
    axis.plot(span.time, data[name][:800], ".", color="0.7", markersize=2, label="data")
    axis.plot(span.time, span[name], "k", linewidth=1.5, label="truth")
    axis.plot(span.time, forecast[name], "C1--", linewidth=1.2, label="law found")
    axis.set_ylabel(name)
axes[-1].set_xlabel("time")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
figure.savefig("noise.png", dpi=120)

# %% [markdown]
# ## The bounds that this page keeps

# %%
right = {(law.term_names.index(term), c) for term, c in truth}
assert max(differences.stats.residual) > 0.9
assert set(zip(*np.nonzero(differences.coefficients), strict=True)) != right
assert set(zip(*np.nonzero(law.coefficients), strict=True)) == right
for (term, c), value in truth.items():
    assert abs(law.coefficients[law.term_names.index(term), c] - value) < 0.1 * abs(value) + 0.2
assert set(zip(*np.nonzero(joint.coefficients), strict=True)) == right


def worst(found: sd.Solution) -> float:
    """The largest relative error of a coefficient."""
    pairs = [(found.coefficients[found.term_names.index(term), c], value) for (term, c), value in truth.items()]
    return max(abs(got / value - 1) for got, value in pairs)


print(f"largest relative error: weak {worst(law):.3f}, joint {worst(joint):.3f}, refined {worst(refined):.3f}")
assert worst(joint) < 0.05
assert worst(refined) < 0.05
assert horizon > 0.5
