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
# # The exponent of gravity from noisy positions
#
# Daily positions of Mercury and Mars over ten years, with 10 000 km of noise on each coordinate. No velocity and no
# acceleration is given. The exponent of the distance is a nonlinear parameter of the library, fitted with the strength.

# %%
import numpy as np

import symdyn as sd

data = sd.open_dataset("planets", center="sun", start="2000-01-01", stop="2010-01-01")
rng = np.random.default_rng(0)
fits = {}
for planet in ("mercury", "mars"):
    positions = data[["position"]].sel(body=[planet])
    noisy = positions.copy(data={"position": positions.position + 1e4 * rng.normal(size=positions.position.shape)})
    fits[planet] = sd.variable_projection(
        lambda k: sd.Radial("position", powers=(k,)), {"k": -2.5}, noisy, order=2, differentiation=sd.WeakForm()
    )
    k, error = fits[planet].parameters["k"] + 1, fits[planet].standard_errors["k"]  # x |x|^k has the size |x|^(k + 1)
    print(f"{planet}: force ~ distance^({k:.5f} ± {error:.5f})")

# %% [markdown]
# `sd.refine(fits["mercury"], noisy)` then matches trajectories, with the exponent among the unknowns. Its errors are so
# small that the pull of the other planets shows.
#
# ## The bounds that this page keeps

# %%
assert all(abs(fit.parameters["k"] + 3) < 0.004 for fit in fits.values())  # 0.2 % of the exponent -2
