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
# # A pendulum in the laboratory
#
# Encoder data of a real pendulum, every millisecond, in four runs: only the angle is used. The file is fetched on
# request from its public repository, or read from the folder that `SYMDYN_DATA_DIR` names; without it this page is
# skipped.

# %%
# needs the data set lab_pendulum
import os
import sys

import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd

(info,) = (info for info in sd.list_datasets() if info.name == "lab_pendulum")
if not info.available and not os.environ.get("SYMDYN_FETCH"):
    print(f"skipped: {info.name} is not in the cache folder; set SYMDYN_FETCH=1 to fetch it, or SYMDYN_DATA_DIR")
    sys.exit(0)
data = sd.open_dataset("lab_pendulum")
print(data.attrs["title"], "from", data.attrs["source"])

# %% [markdown]
# ## The law of the angle
#
# A law of second order, in the weak form, from the angle alone (zero is upright). The candidates: a constant, the
# angle, and the sines and cosines of the angle and of its double. The encoder's steps are noise, which integration
# averages.

# %%
how = {"variables": "theta", "order": 2, "differentiation": sd.WeakForm()}
library = sd.Monomials(1) + sd.Waves(2, ("theta",), bias=False)
law = sd.identify(data, library=library, **how)
print(law)
print(law.choices[0])

# %% [markdown]
# One term of six: $\ddot\theta = \omega^2 \sin\theta$. Each run alone gives the same number:

# %%
runs = [sd.identify(data.isel(trajectory=[k]), library=library, **how) for k in range(data.sizes["trajectory"])]
for k, run in enumerate(runs):
    print(f"run {k}: {run}")
strengths = np.array([run.coefficient("sin(theta)", "theta_rate")[0] for run in runs])
print(f"strength {strengths.mean():.3f} ± {strengths.std(ddof=1) / np.sqrt(len(runs)):.3f} per s^2")

# %% [markdown]
# ## How much of the motion it explains
#
# R² of the window means of the second derivative, and what is left of them when they are drawn against the sine.

# %%
r2 = 1 - law.stats.residual[0] ** 2
print(f"R^2 {r2:.5f}")

# %% [markdown]
# ## Damping
#
# The weak form of second order integrates the rate away, so a law with friction is sought pointwise: sliding
# polynomials over 51 ms give the rate, a candidate now, and the second derivative. Friction is most of what the sine
# alone leaves: with narrow polynomials the steps of the encoder hide that, with polynomials over 151 ms R² is 0.9999
# without friction and 0.99999 with it. (Wider ones bend the motion itself, and the strength falls.)

# %%
damped = sd.identify(
    data, library=library, variables="theta", order=2, differentiation=sd.SavitzkyGolay(width=51, degree=4)
)
print(damped)
wide = {"library": library, "variables": "theta", "order": 2, "differentiation": sd.SavitzkyGolay(width=151, degree=4)}
alone = 1 - sd.identify(data, solver=sd.BestSubset(1), **wide).stats.residual[0] ** 2
both = 1 - sd.identify(data, **wide).stats.residual[0] ** 2
print(f"R^2 of second derivatives over 151 ms: {alone:.6f} by the sine, {both:.6f} with friction")

# %% [markdown]
# ## A forecast of data that were not used
#
# The validation part of the recording: the law is integrated from its first angle and rate.

# %%
later = sd.open_dataset("lab_pendulum", part="validation").isel(trajectory=[0], time=slice(4000))
start = {"theta": later.theta.values[0, 0], "theta_rate": later.omega.values[0, 0]}
forecast = damped.simulate(start, later.time.values)
error = float(np.sqrt(np.mean((forecast.theta.values - later.theta.values[0]) ** 2)))
print(
    f"root mean square error of the angle over 4 s: {error:.3f} rad, of a swing of {np.ptp(later.theta.values):.1f} rad"
)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), constrained_layout=True)
slope = sd.SavitzkyGolay(51, 4)(data.time.values, data.theta.values[0][:, None], 2)[:, 0]
left.plot(np.sin(data.theta.values[0])[::10], slope[::10], ".", markersize=2, color="0.6", label="data, smoothed")
line = np.array([-1.0, 1.0])
left.plot(line, law.coefficient("sin(theta)", "theta_rate")[0] * line, "C1", label="law found")
left.set(xlabel="sin(theta)", ylabel="second derivative of the angle [rad s$^{-2}$]")
left.legend()
right.plot(later.time, later.theta[0], "k", linewidth=1.5, label="data, not used")
right.plot(later.time, forecast.theta, "C1--", label="law found")
right.set(xlabel="time [s]", ylabel="angle [rad]")
right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
figure.savefig("pendulum.png", dpi=120)

# %% [markdown]
# ## The bounds that this page keeps

# %%
assert law.active_terms == ("sin(theta)",)
assert all(run.active_terms == ("sin(theta)",) for run in runs)
assert abs(law.coefficient("sin(theta)", "theta_rate")[0] - 64.05) < 0.02
assert np.ptp(strengths) < 0.1
assert r2 > 0.9999
assert alone < 0.99995 < 0.99998 < both
assert damped.active_terms == ("theta_rate", "sin(theta)")
assert -0.1 < damped.coefficient("theta_rate", "theta_rate")[0] < -0.02
assert error < 0.05
