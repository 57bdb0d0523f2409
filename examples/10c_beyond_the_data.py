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
# # Beyond the data: boosted, turned and rescaled fields
#
# A law is found in fields that are slow, that vary along one axis, or that have one size. Then it is run from starts
# which are none of that. What the data did not show the symmetry knows: that physics is the same on a moving train, in
# all directions, and in other units. Each law is found twice in the same noisy data, without and with the symmetry, by
# the automatic settings.

# %%
import warnings

import jax
import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd

NOISE = 0.05
times = np.linspace(0, 2, 101)


def opened(data):
    """The fields of a simulation as `identify_field` takes them."""
    names = list(sd.FIELD_SYSTEMS[data.attrs["system"]].variables)
    return sd.open_fields(data.rename(time="t"), names, periodic=data.attrs["periodic"].split())


def found(data, library, symmetry):
    """The laws without and with a symmetry."""
    fields = opened(data)
    laws = {
        name: sd.identify_field(fields, library=library, action=a)
        for name, a in (("free", None), ("symmetric", symmetry))
    }
    for name, law in laws.items():
        print(f"{name}:", *law.equations, sep="\n    ")
    return laws


def errors(laws, truth):
    """Root mean square error of each law from the first instant of a clean run, as a share of how far it moves."""
    fields = opened(truth)
    moved = np.sqrt(sum(((truth[n] - truth[n][0]) ** 2).mean() for n in fields.component_names))
    out = []
    for law in laws.values():
        try:
            with warnings.catch_warnings():  # a free law may lack the diffusion that damps short waves
                warnings.simplefilter("ignore", sd.SymdynWarning)
                run = sd.simulate_field(law, fields)
            wrong = sum(np.mean((run.component(n) - fields.component(n)) ** 2) for n in fields.component_names)
            out.append(min(float(np.sqrt(wrong) / moved), 2.0))
        except sd.SymdynError:  # it grew without bound
            out.append(2.0)
    return out


# %% [markdown]
# ## Boosted
#
# Burgers' equation for small waves: what moves is next to nothing beside what diffuses. Under Galilei boosts
# $x \to x + c t$, $u \to u + c$ the coefficient of $u u_x$ is $-1$ whatever the data say.

# %%
slow = sd.make_fields(
    "burgers", noise=NOISE, key=jax.random.key(0), times=times, viscosity=0.1, shape=128,
    start={"u": lambda x: 0.006 * np.sin(x) + 0.004 * np.cos(2 * x)},
)  # fmt: skip
boost = sd.Action.polynomial({"boost": {"x": "t", "u": "1"}}, time="t")
burgers = found(slow, sd.DivergenceForm(3, order=3), boost)
speeds = [0.0, 0.1, 0.3, 1.0, 3.0]
boosted = [
    errors(burgers, sd.make_fields("burgers", times=times, viscosity=0.1, shape=128,
                                   start={"u": lambda x, c=c: c + 0.3 * np.sin(x)}))
    for c in speeds
]  # fmt: skip

# %% [markdown]
# ## Turned
#
# Diffusion in the plane, seen in stripes along y: how fast things spread along y is not in the data. Isotropy says that
# it is as fast as along x. The test: an elongated patch at several angles.

# %%
still = {"wind_x": 0.0, "wind_y": 0.0, "diffusivity": 0.1}
stripes = sd.make_fields(
    "advection_diffusion", noise=NOISE, key=jax.random.key(1), shape=48, **still,
    start={"u": lambda y, x: np.cos(2 * x) + 0.5 * np.sin(3 * x) + 0 * y},
)  # fmt: skip
turn = sd.SO(2).acting_on({("x", "y"): sd.Point}, u=sd.Scalar)
plane = found(stripes, sd.DivergenceForm(2, order=2), turn)
angles = [0, 30, 60, 90]


def patch(angle):
    """A patch that is thin along the angle and long across it."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))

    def start(y, x):
        a, b = x - np.pi, y - np.pi
        return np.exp(-0.5 * ((c * a + s * b) / 0.3) ** 2 - 0.5 * (c * b - s * a) ** 2)

    return start


turned = [
    errors(plane, sd.make_fields("advection_diffusion", shape=48, times=times, **still, start={"u": patch(angle)}))
    for angle in angles
]

# %% [markdown]
# ## Rescaled
#
# A gas in a porous medium, $u_t = 0.2 (u^2)_{xx}$, near a density of one: there linear diffusion, and that of the cube,
# look alike. What is sought holds in all units of density, if the time is measured with them: $u \to s u$,
# $t \to t / s$. Here the free law takes linear diffusion; with other noise it may take the right one, by luck.

# %%
near = sd.make_fields(
    "porous_medium", noise=0.01, key=jax.random.key(2), shape=128, times=times / 2,
    start={"u": lambda x: 1 + 0.04 * np.cos(x) + 0.03 * np.sin(3 * x)},
)  # fmt: skip
units = sd.Action.polynomial({"units": {"t": "-t", "u": "u"}}, time="t")
porous = found(near, sd.DivergenceForm(3, order=3), units)
scales = [0.2, 1.0, 5.0]
rescaled = [
    errors(porous, sd.make_fields("porous_medium", shape=128, times=times / 2,
                                  start={"u": lambda x, s=s: s * (1 + 0.3 * np.cos(x))}))
    for s in scales
]  # fmt: skip

# %%
picture, panels = plt.subplots(1, 3, figsize=(9, 2.7), sharey=True, layout="constrained")
for panel, x, table, title, label in (
    (panels[0], speeds, boosted, "Burgers, boosted", "speed of the frame"),
    (panels[1], angles, turned, "diffusion, turned", "angle (degrees)"),
    (panels[2], scales, rescaled, "porous medium, rescaled", "density"),
):
    for k, (name, color) in enumerate((("free", "#0072b2"), ("symmetric", "#d55e00"))):
        panel.plot(x, [row[k] for row in table], "o-", color=color, label=name, ms=4)
    panel.set_yscale("log")
    panel.set_title(title, loc="left", fontsize=9)
    panel.set_xlabel(label)
panels[0].set_xscale("symlog", linthresh=0.1)
panels[0].set_xlim(-0.02, 4)
panels[2].set_xscale("log")
panels[2].set_xticks(scales, [str(s) for s in scales])
panels[2].minorticks_off()
panels[0].set_ylabel("error of the forecast")
panels[0].legend(frameon=False, fontsize=8)
plt.show()

# %%
for name, table in (("boosted", boosted), ("turned", turned), ("rescaled", rescaled)):
    print(f"{name:9s} free {[f'{a:.3f}' for a, _ in table]}  symmetric {[f'{b:.3f}' for _, b in table]}")
    assert max(b for _, b in table) < 0.1, name
    assert max(a for a, _ in table) > 5 * max(b for _, b in table), name
