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
# # Few coordinates for many: modes and their laws
#
# Maps of the weather have thousands of points, but they move together. The patterns that explain the most of the
# variance, weighted by area, are the modes (empirical orthogonal functions, proper orthogonal decomposition). The law
# is then sought among their amplitudes. First the year of the wind at 200 hPa, from the long-term means of its months.

# %%
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import symdyn as sd

winds = sd.open_dataset("winds_200hPa")[["u", "v"]]
year = sd.modes(winds, 4)
print("explained", year.explained.round(3), "+-", year.uncertain.round(3))
amplitudes = year.amplitudes(winds)
print(amplitudes.amplitude.sel(mode=1).values.round(1), amplitudes.amplitude.units)
three = year.field(amplitudes.sel(mode=[1, 2, 3]))
left = float(np.sqrt((((three.u - winds.u) ** 2).mean("time") * year.weights).sum()))
print(f"left by three modes: {left:.1f} m/s of the eastward wind")
assert year.explained[0] > 0.8  # summer and winter
assert left < 1.5

# %% [markdown]
# ## A wave that grows and saturates
#
# One wave travels around the world, grows at 0.06 a day and saturates; something else oscillates in its place; there
# are errors of measurement, and nothing is known over land. In the coordinates of the wave,
#
# $$\dot z = (0.06 + 0.5 i) z - 0.02 |z|^2 z.$$

# %%
GROWTH, SPEED, SATURATION = 0.06, 0.5, 0.02
times = np.arange(0.0, 160.0, 0.25)  # days
size = np.sqrt(GROWTH / SATURATION)
radius = size / np.sqrt(1 + ((size / 0.05) ** 2 - 1) * np.exp(-2 * GROWTH * times))
lat, lon = np.linspace(-87.5, 87.5, 36), np.arange(0, 360, 5.0)
north, east = np.radians(lat)[:, None], np.radians(lon)
turned = 3 * east - SPEED * times[:, None, None]
values = (
    20 * radius[:, None, None] * np.cos(turned) * np.cos(north) ** 2 * np.sin(2 * north) ** 2
    + 5 * np.cos(0.21 * times)[:, None, None] * np.sin(north) ** 3
    + np.random.default_rng(0).normal(size=turned.shape)
)
land = (lat[:, None] > 10) & (lat[:, None] < 70) & (lon > 30) & (lon < 120)
maps = xr.Dataset(
    {"height": (("time", "lat", "lon"), np.where(land, np.nan, values), {"units": "m"})},
    {"time": ("time", times, {"axis": "T", "units": "day"}), "lat": lat, "lon": lon},
)
maps["lat"].attrs["units"], maps["lon"].attrs["units"] = "degrees_north", "degrees_east"

found = sd.modes(maps, 6)
print("explained", found.explained.round(3))
pairs = sd.travelling_pairs(found.amplitudes(maps))
print("modes that rotate together:", {pair: round(coherence, 3) for pair, coherence in pairs.items()})
wave_modes = next(iter(pairs))
assert len(pairs) == 1

# %% [markdown]
# A wave that goes around has two modes, and the law cannot know where on the circle it started: rotations of the pair
# are a symmetry. The hole over land makes the two a little unequal; divided by their standard deviations they are alike
# again. With the symmetry 4 coefficients of 20 are left to find.

# %%
wave = found.amplitudes(maps, pairs={"wave": wave_modes})["wave"]
wave = (wave / wave.std("time")).assign_attrs(units="1").to_dataset(name="wave")
rotations = sd.SO(2).acting_on(wave=sd.Vector)
law = sd.identify(wave, library=sd.Monomials(3), action=rotations)
print(law)
loose = sd.identify(wave, library=sd.Monomials(3))
print(f"without the symmetry {loose.stats.active} terms of {loose.stats.free}")


def linear(solution):
    """Growth and speed of a small wave."""
    return tuple(abs(solution.coefficient(term, "wave_x")[0]) for term in ("wave_x", "wave_y"))


print("growth and speed", np.round(linear(law), 4), "truth", (GROWTH, SPEED))
assert law.stats.active in (3, 4)
assert np.allclose(linear(law), (GROWTH, SPEED), rtol=0.05)

# %%
later = times - times[0]
run = law.model.simulate({"wave": wave.wave.values[40]}, later[40:] - later[40])
picture, axes = plt.subplots(2, 1, figsize=(8, 5), layout="constrained")
axes[0].pcolormesh(lon, lat, found.patterns.height.sel(mode=wave_modes[0]), cmap="RdBu_r", shading="nearest")
axes[0].set_title("a mode of the wave; land is left out", loc="left", fontsize=10)
axes[1].plot(times, np.hypot(*wave.wave.values.T), color="0.7", label="maps")
axes[1].plot(times[40:], np.hypot(*run.wave.values.T), color="C3", label="law")
axes[1].set_xlabel("days")
axes[1].set_title("size of the wave", loc="left", fontsize=10)
axes[1].legend()
plt.show()

# %% [markdown]
# ## Two that are real, where their files are at hand
#
# The wake of a cylinder begins as a wave of this kind: of eight modes each two rotate together, and the first pair
# obeys the law of Landau and Stuart with its limit cycle. The Madden-Julian Oscillation is a pair of modes by
# definition, and its map from day to day commutes with rotations.

# %%
at_hand = {info.name for info in sd.list_datasets() if info.available}
if "cylinder_wake" in at_hand:
    wake = sd.open_dataset("cylinder_wake").amplitude
    first = xr.Dataset(
        {"wave": (("time", "component"), wake.values[:, :2])}, {"time": wake.time, "component": ["x", "y"]}
    )
    law = sd.identify(first, library=sd.Monomials(3), action=rotations)
    print(law)
    begin = 300
    run = law.model.simulate({"wave": wake.values[begin, :2]}, wake.time.values[begin:] - wake.time.values[begin])
    sizes = [np.hypot(*a.T)[-500:].mean() for a in (run.wave.values, wake.values[:, :2])]
    print("limit cycle: size {:.3f} by the law, {:.3f} in the wake".format(*sizes))
    assert abs(sizes[0] / sizes[1] - 1) < 5e-3
if "mjo_index" in at_hand:
    index = sd.open_dataset("mjo_index")[["rmm1", "rmm2"]]
    law = sd.identify(
        index, library=sd.Monomials(1, bias=False), discrete=True, missing="skip", solver=sd.LeastSquares()
    )
    print(law)
    print(sd.find_symmetries(law, candidates=sd.GL(2), tolerance=3e-3))
    step = np.array([[law.coefficient(f"rmm{j}", f"rmm{i}")[0] for j in (1, 2)] for i in (1, 2)])
    period = 2 * np.pi / np.abs(np.angle(np.linalg.eigvals(step)[0]))
    print(f"period {period:.1f} days")
    assert 50 < period < 57
