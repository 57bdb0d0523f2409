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
# # Gravity, the masses of the planets and general relativity from an ephemeris
#
# The ephemeris DE421 of the Jet Propulsion Laboratory says where the Sun, the Moon and the planets were at any instant;
# it is fitted to radar, spacecraft and telescope observations. This page asks what law those motions obey, and finds in
# turn
#
# 1. the inverse-square law, planet by planet;
# 2. the masses of eleven bodies, all at once;
# 3. the first post-Newtonian terms of general relativity, and with them the advance of Mercury's perihelion;
# 4. which questions one planet alone cannot answer;
# 5. the inverse-square law again, this time from noisy positions with nothing else measured.
#
# One caution belongs at the start. DE421 is itself an integration of Newton's equations with post-Newtonian
# corrections. What is recovered here is the law that the best ephemeris of its time obeys, out of its numbers alone;
# it is not a new test of relativity.

# %%
import equinox as eqx
import numpy as np

import symdyn as sd

# %% [markdown]
# ## The data
#
# `open_dataset` gives an xarray Dataset over time, body and component. Velocity and acceleration are exact derivatives
# of the series of the ephemeris, so no difference quotient is taken. Each variable says what it is the rate of
# (`attrs["rate_of"]`), and that is all `identify` has to know.

# %%
planets = sd.open_dataset("planets", step_days=4.0)
print(planets)

# %% [markdown]
# ## One planet at a time
#
# Relative to the Sun, in a rotation-symmetric way: the law must commute with SO(3), which turns positions and
# velocities together. The candidates are $\mathbf{r}\,|\mathbf{r}|^k$ for $k = -6, \dots, 2$; Newton's law is $k = -3$.
#
# `weights="relative"` counts every row by its relative error. Without it an eccentric orbit would be judged near its
# perihelion alone.
#
# The Earth is pulled about by the Moon, so the planet to look at is the centre of mass of the two.


# %%
def around_the_sun(name):
    """One planet relative to the Sun, over (time, body, component)."""
    states = planets.drop_vars("gm")
    if name == "earth-moon":
        pair = planets.sel(body=["earth", "moon"])
        planet = pair.weighted(pair.gm).mean("body", keep_attrs=True).drop_vars("gm", errors="ignore")
    else:
        planet = states.sel(body=name, drop=True)
    sun = states.sel(body="sun", drop=True)
    relative = planet.copy(data={v: planet[v].values - sun[v].values for v in planet.data_vars})
    relative = relative.expand_dims(body=[name])
    relative["body"].attrs["cf_role"] = "trajectory_id"
    return relative


rotations = sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)
newton = "position / |position|^3"
gm_sun = float(planets.gm.sel(body="sun"))

central = {}
for name in ("mercury", "venus", "earth-moon", "mars", "jupiter"):
    central[name] = sd.identify(
        around_the_sun(name),
        library=sd.Radial("position", powers=tuple(range(-6, 3))),
        action=rotations,
        selection=sd.Tolerance(0.01),
        weights="relative",
    )
    print(f"{name:11s} {central[name]}")

# %% [markdown]
# One term out of nine is enough for each planet, and it is the same term. The coefficient is the gravitational
# parameter $GM$ of the Sun:

# %%
for name, law in central.items():
    value, error = law.coefficient(newton)
    print(f"{name:11s} GM / GM_sun - 1 = {-value / gm_sun - 1:+.1e}   (standard error {error / gm_sun:.0e})")

# %% [markdown]
# Jupiter comes out high by $9.2 \times 10^{-4}$. That is its own mass: seen from the Sun, which Jupiter pulls towards
# itself, the law has $GM + Gm$, and $Gm/GM = 9.5 \times 10^{-4}$ for Jupiter.
#
# ### An exponent that need not be an integer
#
# `variable_projection` fits the exponent together with the coefficient. The force is $|\mathbf{r}|^{k+1}$; start from
# $k = -2.5$:

# %%
exponents = {}
for name in ("mercury", "venus", "mars"):
    fit = sd.variable_projection(
        lambda k: sd.Radial("position", powers=(k,)), {"k": -2.5}, around_the_sun(name), weights="relative"
    )
    exponents[name] = fit.parameters["k"] + 1
    print(f"{name:11s} exponent of the force {exponents[name]:.7f} ± {fit.standard_errors['k']:.0e}")

# %% [markdown]
# ## All masses at once
#
# The planets also pull on one another. In the barycentric frame, which is inertial, the acceleration of every body is a
# sum over all others, linear in eleven unknown masses. `PairForces` has one term for each source. With
# `trajectories=()` the dimension "body" is part of the state instead of a label of separate trajectories.

# %%
many = sd.identify(
    planets.drop_vars("gm"),
    library=sd.PairForces("position"),
    solver=sd.LeastSquares(),
    weights="relative",
    trajectories=(),
)
gm = dict(zip(planets.body.values.tolist(), many.coefficients, strict=True))
print("body        GM fitted [km3 s-2]   standard error    fitted / constant - 1")
for k, (name, value) in enumerate(gm.items()):
    constant = float(planets.gm.sel(body=name))
    print(f"{name:11s} {value:18.9g}   {many.standard_errors[k]:14.2g}   {value / constant - 1:+.1e}")

# %% [markdown]
# The mass of the Sun comes out to a few parts in $10^8$, that of Jupiter to one in $10^7$. Pluto's is not determined,
# and its standard error says so.
#
# ## What Newton leaves
#
# Subtract the Newtonian field of the fitted masses. What remains is smaller by about seven orders of magnitude, and it
# is not noise. Candidates: the three terms of the first post-Newtonian order, the Newtonian term again (the fit above
# had to make up for what it did not know, which biased the mass of the Sun), and nine distractors: drags, a force along
# the angular momentum, other powers.
#
# Three planets share one set of coefficients. Rows are weighted with $1/|\mathbf{a}|^2$.


# %%
def newtonian_field(position, masses):
    """Acceleration of every body by all others."""
    source = position.rename(body="source")
    apart = source - position
    distance = (apart**2).sum("component") ** 0.5
    strength = source.source.copy(data=masses)
    return (strength * apart / distance.where(distance > 0) ** 3).sum("source").transpose(*position.dims)


rest = planets.acceleration - newtonian_field(planets.position, many.coefficients)
three = ["mercury", "venus", "mars"]
relative = planets[["position", "velocity"]].sel(body=three)
for name in ("position", "velocity"):
    relative[name] = relative[name].copy(data=relative[name] - planets[name].sel(body="sun"))
relative["rest"] = (rest.sel(body=three) - rest.sel(body="sun")).assign_attrs(rate_of="velocity", units="km s-2")
weights = 1 / (planets.acceleration.sel(body=three) ** 2).sum("component")

post_newtonian = {
    "position / |position|^4": 4,
    "|velocity|^2 position / |position|^3": -1,
    "(position . velocity) velocity / |position|^3": 4,
}
distractors = (
    "position",
    "position / |position|^2",
    "velocity",
    "velocity / |position|^2",
    "(position x velocity)",
    "(position . velocity) position / |position|^3",
    "(position . velocity)^2 position / |position|^5",
    "|velocity|^2 velocity / |position|^2",
    "|velocity|^4 position / |position|^2",
)
candidates = sd.Covariant((*post_newtonian, newton, *distractors))
law = sd.identify(relative, library=candidates, solver=sd.STLSQ(0.05), weights=weights)
print(law)

# %% [markdown]
# All nine distractors are gone. In units of $GM$ and $c$ general relativity says
#
# $$
# \mathbf{a} = \frac{1}{c^2}\left[\frac{4\,(GM)^2\,\mathbf{r}}{r^4} - \frac{GM\,v^2\,\mathbf{r}}{r^3}
# + \frac{4\,GM\,(\mathbf{r}\cdot\mathbf{v})\,\mathbf{v}}{r^3}\right]
# $$

# %%
unit = gm["sun"] / planets.attrs["speed_of_light"] ** 2 * np.array([gm["sun"], 1, 1])
found = np.array([law.coefficient(term)[0] for term in post_newtonian]) / unit
errors = np.array([law.coefficient(term)[1] for term in post_newtonian]) / unit
for term, value, error, truth in zip(post_newtonian, found, errors, post_newtonian.values(), strict=True):
    print(f"{term:46s} {value:8.4f} ± {error:.4f}   general relativity: {truth}")

# %% [markdown]
# The standard errors come from the scatter of the residuals. They know nothing of what the model lacks (asteroids, the
# flattening of the Sun), and the deviations of some parts in a thousand are larger than they are.
#
# ## The perihelion of Mercury
#
# A law can be integrated. Put the whole Newtonian term into the model found (its weights are its only array leaves),
# start from Mercury's real position and velocity, and let it run for 160 orbits. Under an exact inverse-square law the
# eccentricity vector $\mathbf{e} = \mathbf{v} \times (\mathbf{r} \times \mathbf{v})/GM - \mathbf{r}/r$ stands still;
# its turning is the advance of the perihelion. The Newtonian term alone shows how well the integration itself holds.


# %%
def perihelion_advance(weights):
    """Mean turning of the eccentricity vector, in arcsec a century."""
    model = eqx.tree_at(lambda m: m.weights, law.model, weights)
    start = relative[["position", "velocity"]].sel(body="mercury").isel(time=0)
    seconds = np.linspace(0, 160 * 87.9691 * 86400, 160 * 12 + 1)
    orbit = model.simulate(start, seconds, rtol=1e-12)
    r, v = orbit.position.values, orbit.velocity.values
    momentum = np.cross(r, v)
    total = -weights[law.active_terms.index(newton)]
    e = np.cross(v, momentum) / total - r / np.linalg.norm(r, axis=1, keepdims=True)
    ahead = np.cross(momentum[0], e[0]) / np.linalg.norm(momentum[0])
    angle = np.arctan2(e @ ahead, e @ e[0])
    return np.polyfit(seconds / (36525 * 86400), np.rad2deg(angle) * 3600, 1)[0]


is_newton = np.array([term == newton for term in law.active_terms])
whole = np.asarray(law.model.weights) - gm["sun"] * is_newton
advance = perihelion_advance(whole)
numerical = perihelion_advance(np.where(is_newton, whole, 0.0))
print(f"law found: {advance:.2f} arcsec a century (general relativity: 42.98)")
print(f"its Newtonian term alone: {numerical:.4f}")

# %% [markdown]
# ## What one planet cannot tell
#
# On a single Kepler orbit $v^2/2 - GM/r$ is constant. So $v^2\,\mathbf{r}/r^3$, $\mathbf{r}/r^4$ and
# $\mathbf{r}/r^3$ are linearly dependent there, and the same candidates fitted to Mercury alone have no separate
# values. The law says so instead of splitting them by chance:

# %%
alone = sd.identify(
    relative.sel(body=["mercury"]), library=candidates, solver=sd.STLSQ(0.05), weights=weights.sel(body=["mercury"])
)
for group in alone.collinear:
    print(group)

# %% [markdown]
# ## Noisy positions and nothing else
#
# Ten years of daily positions of Mercury with 1000 and with 10 000 km of noise on each coordinate; neither velocity nor
# acceleration is measured. The second difference of Mercury's positions over one day is some 300 000 km, so noise of
# 10 000 km puts an error of 8 % on each (on Mars, which is accelerated less, more than 100 %). The weak form
# integrates by parts against bumps and never differentiates the data.

# %%
day_by_day = sd.open_dataset("planets", center="sun", bodies="mercury", start="2000-01-01", stop="2010-01-01")
random = np.random.default_rng(0)
noisy_exponents = {}
for noise in (1e3, 1e4):
    clean = day_by_day[["position"]]
    noisy = clean.copy(data={"position": clean.position + noise * random.standard_normal(clean.position.shape)})
    how = {"order": 2, "differentiation": sd.WeakForm()}
    noisy_law = sd.identify(
        noisy, library=sd.Radial("position", powers=tuple(range(-6, 3))), selection=sd.Tolerance(0.01), **how
    )
    fit = sd.variable_projection(lambda k: sd.Radial("position", powers=(k,)), {"k": -2.5}, noisy, **how)
    noisy_exponents[noise] = fit.parameters["k"] + 1
    print(f"{noise:6.0f} km: {noisy_law}")
    print(f"           exponent of the force {noisy_exponents[noise]:.5f} ± {fit.standard_errors['k']:.0e}")
    assert noisy_law.active_terms == (newton,)

# %% [markdown]
# ## The bounds that this page keeps

# %%
assert all(law.active_terms == (newton,) for law in central.values())
assert all(
    abs(-central[n].coefficient(newton)[0] / gm_sun - 1) < 1e-5 for n in ("mercury", "venus", "earth-moon", "mars")
)
own_mass = -central["jupiter"].coefficient(newton)[0] / gm_sun - 1
assert abs(own_mass / (float(planets.gm.sel(body="jupiter")) / gm_sun) - 1) < 0.05
assert all(abs(exponent + 2) < 1e-4 for exponent in exponents.values())
for name, bound in {"sun": 1e-7, "earth": 1e-4, "jupiter": 1e-4}.items():
    assert abs(gm[name] / float(planets.gm.sel(body=name)) - 1) < bound
assert set(law.active_terms) == {*post_newtonian, newton}
assert np.allclose(found, list(post_newtonian.values()), rtol=0.02, atol=0)
assert abs(advance / 42.98 - 1) < 5e-3
assert abs(numerical) < 0.01
assert any(group.reason == "undetermined" for group in alone.collinear)
assert all(abs(exponent + 2) < 5e-3 * 2 for exponent in noisy_exponents.values())
