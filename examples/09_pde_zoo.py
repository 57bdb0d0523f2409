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
# # A zoo of partial differential equations
#
# Three systems are simulated and 10 % of noise is added to all that is seen of them. `identify_field` finds their laws
# from the first part of the time with its automatic settings. Then each law goes on alone, from the last noisy field
# that it was shown (without the waves that are noise alone), and is compared with what really happens, and with the
# forecast that nothing changes (persistence).

# %%
import json

import jax
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd

NOISE = 0.1
ZOO = {  # library, share of the time that the law is learned from, samples along each axis
    "kdv": (sd.DivergenceForm(3, order=4), 0.5, 256),
    "kuramoto_sivashinsky": (sd.DivergenceForm(3, order=4), 0.8, 256),
    "lambda_omega": (sd.DivergenceForm(3, order=2), 0.7, 40),
}


def opened(data, name):
    """The fields of a system as `identify_field` takes them."""
    return sd.open_fields(data, list(sd.FIELD_SYSTEMS[name].variables), periodic=data.attrs["periodic"].split())


runs = {}
for name, (library, share, shape) in ZOO.items():
    noisy = sd.make_fields(name, noise=NOISE, key=jax.random.key(0), shape=shape)
    clean = sd.make_fields(name, key=jax.random.key(0), shape=shape)  # the same start
    split = round(share * noisy.sizes["time"])
    learned, later = (opened(noisy.isel(time=part), name) for part in (slice(split), slice(split - 1, None)))
    law = sd.identify_field(learned, library=library)
    score = law.score(later)
    print(f"\n{noisy.title}: {noisy.equations}\n  {json.loads(noisy.parameters)}")
    print("  " + "\n  ".join(law.equations))
    truth = opened(clean.isel(time=slice(split - 1, None)), name)
    runs[name] = law, score, truth, sd.simulate_field(law, later, smooth=True)
    half = score.sizes["time"] // 2
    print(
        f"  half way through the rest: error {float(score.error[half].mean()):.2f}, persistence "
        f"{float(score.persistence[half].mean()):.2f}; skill {float(score.skill.mean()):.3f}"
    )

# %% [markdown]
# Errors are measured against noisy fields here: about 0.1 of them is the noise of the fields themselves. All terms are
# the true ones, and each law beats persistence. For the chaotic Kuramoto-Sivashinsky equation that holds only as long
# as its own errors have not grown: nobody forecasts it far from a noisy start.

# %%
true_terms = {
    "kdv": {"(u^2)_x", "u_xxx"},
    "kuramoto_sivashinsky": {"(u^2)_x", "u_xx", "u_xxxx"},
}
for name, (law, score, _, _) in runs.items():
    if name in true_terms:
        assert set(law.active_terms) == true_terms[name], name
    assert float(score.skill.min()) > 0.4, name
assert runs["lambda_omega"][0].stats.active == 14

# %% [markdown]
# ## A rotating sphere
#
# The vorticity of the air moves by its own wind. The law needs the wind, and gives only the vorticity: `RotationalWind`
# finds the one from the other at each instant. Fluxes are integrated against spherical harmonics, so that the poles are
# places like all others.

# %%
data = sd.make_fields("barotropic_vorticity", noise=0.02, key=jax.random.key(1), viscosity=0.0, shape=(32, 64))
wind = sd.open_fields(data, ["vorticity", "u", "v"])
sphere = wind.grid.sphere
wind = wind.with_field("sine", np.sin(sphere.latitude.array)[:, None])
metric = {"latitude": "lat", "radius": sphere.radius}
library = sd.Fluxes(
    {
        "div(vorticity u)": {"lon": "u vorticity", "lat": "v vorticity"},
        "div(sine u)": {"lon": "sine u", "lat": "sine v"},
        "vorticity": {"": "vorticity"}, "u": {"": "u"}, "v": {"": "v"}, "div u": {"lon": "u", "lat": "v"},
    }, **metric,
)  # fmt: skip
law = sd.identify_field(wind, library=library, rate_of="vorticity")
score = law.score(wind, given=sd.RotationalWind())
print(law)
print(f"after {float(score.time[-1]) / 86400:.0f} days: error {float(score.error[-1, 0]):.2f}, persistence "
      f"{float(score.persistence[-1, 0]):.2f}")  # fmt: skip
assert set(law.active_terms) == {"div(vorticity u)", "div(sine u)"}
assert float(score.error[-1, 0]) < 0.5 * float(score.persistence[-1, 0])

# %% [markdown]
# Truth, forecast and errors (shares of the standard deviation, against the noisy fields).

# %%
shown = [name for name in runs if name != "lambda_omega"]
picture, axes = plt.subplots(len(shown), 3, figsize=(9, 2.1 * len(shown)), layout="constrained")
for row, name in zip(axes, shown, strict=True):
    law, score, truth, run = runs[name]
    time, x = (axis.points for axis in truth.grid.axes)
    size = np.abs(truth.component("u")).max()
    for axis, fields, title in zip(row, (truth, run), ("truth", "forecast"), strict=False):
        axis.pcolormesh(x, time, fields.component("u"), vmin=-size, vmax=size, cmap="RdBu_r", rasterized=True)
        axis.set_title(f"{sd.FIELD_SYSTEMS[name].title}: {title}", loc="left", fontsize=8)
    row[0].set_ylabel("time")
    row[2].plot(time, score.error[:, 0], label="law")
    row[2].plot(time, score.persistence[:, 0], label="persistence")
    row[2].set_ylim(bottom=0)
    row[2].set_title("error", loc="left", fontsize=8)
for axis in axes[-1, :2]:
    axis.set_xlabel("x")
axes[-1, 2].set_xlabel("time")
axes[0, 2].legend(frameon=False, fontsize=8)
plt.show()
