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
# # What departs from a law
#
# A law that is trusted turns every further sample into a question: is this what the law says, within the noise? Two
# kinds of answer are shown, with thresholds that mean what they say: of the rows that are flagged, about one in twenty
# is a false alarm. Planets first, whose noise is known; then winds, where it is not, and normal rows stand in for it.

# %%
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd

# %% [markdown]
# ## An orbit with a force that the law does not know
#
# Accelerations of the Sun, the Moon and the planets from the ephemeris DE421, every 20 days, with noise of a ten
# thousandth of each body's acceleration. The law is gravity, with a mass for each body; some masses are left out.

# %%
planets = sd.open_dataset("planets", step_days=20.0)
names = [str(name) for name in planets.body.values]
random = np.random.default_rng(1)
true = planets.acceleration.transpose("time", "body", "component").values
noise = 1e-4 * np.sqrt((true**2).sum(axis=2).mean(axis=0))  # of each component, by body
measured = true + noise[:, None] * random.normal(size=true.shape)
place = planets.position.transpose("time", "body", "component").values


def gravity(sources):
    """Acceleration of all bodies by some of them, (time, body, component)."""
    total = np.zeros_like(place)
    for name in sources:
        k = names.index(name)
        apart = place[:, [k]] - place
        distance = np.linalg.norm(apart, axis=2, keepdims=True)
        distance[:, k] = np.inf
        total += float(planets.gm.values[k]) * apart / distance**3
    return total


bodies = ("mercury", "venus", "earth", "mars", "jupiter", "saturn", "uranus", "neptune")
laws = {
    "the Sun alone": ["sun"],
    "Sun, Moon, Earth": ["sun", "moon", "earth"],
    "without Jupiter": [n for n in names if n != "jupiter"],
    "without Uranus": [n for n in names if n != "uranus"],
    "all masses": names,
}
share = np.zeros((len(laws), len(bodies)))
print(f"{'flagged rows':18s}", *(f"{name:>8s}" for name in bodies))
for row, (law, sources) in enumerate(laws.items()):
    rest = measured - gravity(sources)
    for column, name in enumerate(bodies):
        k = names.index(name)
        share[row, column] = sd.departures(rest[:, k], noise=noise[k]).flagged.mean()
    print(f"{law:18s}", *(f"{value:8.3f}" for value in share[row]))

# %% [markdown]
# With the Sun alone the Earth's orbit is anomalous (the Moon pulls it), and those of the outer planets, which pull one
# another; with all masses nothing is flagged. A law without Uranus is wrong for Neptune when it is near, as the orbit
# of Uranus was wrong before Neptune was known. The residual acceleration even says where to look: it points to the body
# that is missing.

# %%
k, missing = names.index("neptune"), names.index("uranus")
rest = (measured - gravity(laws["without Uranus"]))[:, k]
found = sd.departures(rest, noise=noise[k])
line = place[:, missing] - place[:, k]
distance = np.linalg.norm(line, axis=1)
pull = float(planets.gm.values[missing]) / distance**2
aligned = np.einsum("ti,ti->t", rest, line) / distance / np.linalg.norm(rest, axis=1)
strongest = np.argsort(found.scores)[-50:]
print(f"cosine to Uranus in the 50 strongest rows: {aligned[strongest].mean():.3f}")
assert share[4].max() < 0.01
assert share[0, bodies.index("earth")] > 0.99
assert share[0, bodies.index("saturn") :].min() > 0.9
assert 0.05 < share[3, bodies.index("neptune")] < 0.5
assert aligned[strongest].mean() > 0.9

# %%
years = 1980 + (planets.time.values - planets.time.values[0]) / np.timedelta64(1, "D") / 365.25
figure, axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
axes[0].semilogy(years, found.scores, ".", color="0.6", markersize=3, label="Neptune by a law without Uranus")
axes[0].semilogy(years[found.flagged], found.scores[found.flagged], ".", color="C3", markersize=4, label="flagged")
axes[0].set_ylabel("score")
axes[0].set_ylim(bottom=0.05)
axes[0].legend(frameon=False, loc="lower left", ncols=2)
axes[1].plot(years, pull / noise[k], color="C0")
axes[1].set(xlabel="year", ylabel="pull of Uranus / noise")
plt.show()

# %% [markdown]
# ## Winds that depart from the law of their vorticity
#
# The covariant law of {doc}`08_winds_on_the_sphere` has two terms, the same everywhere. It is fitted here to the west
# of the northern middle latitudes. Nobody knows its noise: what it leaves unexplained comes from heating, friction and
# maps that are 6 h apart. So windows of the northern east, which the fit has not seen, say what is normal, and a window
# of the southern hemisphere is judged by the rank of its residual among these. Once with the winds as they are, and
# once with a vortex of 20 m/s added to one map of the ten, as a bad observation would be.

# %%
data = sd.open_dataset("winds_340K")
sphere = sd.open_fields(data, ["u", "v"]).grid.sphere
metric = {"latitude": "lat", "radius": sphere.radius}
vorticity = sd.Fluxes({"vorticity": {"lon": "v", "lat": "-u"}}, **metric)
terms = sd.Fluxes(
    {
        "div(zeta u)": {"lon": "zeta u", "lat": "zeta v"},
        "div(sine u)": {"lon": "sine u", "lat": "sine v"},
    },
    **metric,
)


def fields(source, lat, lon=(-180, 179)):
    """The winds with their vorticity and the sine of the latitude in a part of the world."""
    wind = sd.open_fields(source, ["u", "v"])
    zeta = sd.SphereOperators(sphere).vorticity(wind.component("u"), wind.component("v"))
    some = source.assign(zeta=(source.u.dims, zeta))[["u", "v", "zeta"]].sel(lat=slice(*lat), lon=slice(*lon))
    part = sd.open_fields(some, ["u", "v", "zeta"])
    return part.with_field("sine", np.sin(part.grid.sphere.latitude.array)[:, None])


def with_vortex(lat, lon, speed=20.0, size=8.0, instant=6):
    """The same data with a vortex in one map: strongest at a distance of `size` degrees."""
    away = {"lat": data.lat - lat, "lon": (data.lon - lon) * np.cos(np.radians(lat))}
    bell = 2 * speed / size / (1 + (away["lat"] ** 2 + away["lon"] ** 2) / size**2)
    here = (np.arange(data.sizes["time"]) == instant).astype(float)
    added = data.u.copy(data=np.ones(data.u.shape)).isel(time=0, drop=True)
    at = data.time.copy(data=here)
    changed = data.copy()
    changed["u"] = (data.u - at * bell * away["lat"] * added).transpose(*data.u.dims)
    changed["v"] = (data.v + at * bell * away["lon"] * added).transpose(*data.v.dims)
    return changed


def windows(part, stride):
    """Residuals of the law and centres of the windows in degrees."""
    form = sd.FieldWeakForm(half_width={"time": 4, "lat": 10, "lon": 16}, stride=stride)
    rows = sd.field_rows(part, terms, rate_of=vorticity, form=form)
    return rows.targets[:, 0] - rows.design @ law.coefficients[:, 0], np.degrees(rows.centres[:, 1:])


form = sd.FieldWeakForm(half_width={"time": 4, "lat": 10, "lon": 16}, stride={"time": 1, "lat": 2, "lon": 4})
law = sd.identify_field(fields(data, (20, 70), (-180, -1)), library=terms, rate_of=vorticity, form=form)
print(law)
normal, _ = windows(fields(data, (20, 70), (0, 179)), {"time": 1, "lat": 1, "lon": 2})
spot = (-45.0, -100.0)
results = {}
for title, source in (("the winds", data), ("with a vortex in one map", with_vortex(*spot))):
    rest, centres = windows(fields(source, (-75, -15)), {"time": 2, "lat": 5, "lon": 8})
    found = sd.departures(rest, reference=normal)
    near = np.hypot(centres[:, 0] - spot[0], (centres[:, 1] - spot[1]) * np.cos(np.radians(spot[0]))) < 12
    results[title] = found, centres, near
    print(f"{title}: {found}; {int((found.flagged & near).sum())} of them within 12 degrees of the spot")

# %%
figure, axes = plt.subplots(2, 1, figsize=(8, 4.6), sharex=True, layout="constrained")
for axis, (title, (found, centres, _)) in zip(axes, results.items(), strict=True):
    shown = axis.scatter(
        centres[:, 1], centres[:, 0], c=np.log10(found.p_values), s=26, marker="s", cmap="magma", vmin=-3
    )
    axis.plot(*centres[found.flagged][:, ::-1].T, "o", color="C2", fillstyle="none", markersize=9, label="flagged")
    axis.set_title(title, loc="left", fontsize=10)
    axis.set_ylabel("latitude")
axes[-1].set_xlabel("longitude")
figure.colorbar(shown, ax=axes, label="log10 of p")
plt.show()

# %% [markdown]
# The vortex is found. Two more windows are flagged, which already stand out in the winds as they are but were too few
# there to be told from chance: what is flagged depends on how much else is. Ranks are never below one in the number
# of reference rows, so that many normal rows are needed to judge many others. Overlapping windows are not independent,
# which leaves each p value true but makes the share of false alarms among the flagged vary more.

# %%
assert results["the winds"][0].count <= 4
found, _, near = results["with a vortex in one map"]
assert (found.flagged & near).sum() >= 2
