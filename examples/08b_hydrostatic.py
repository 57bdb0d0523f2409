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
# # The gas constant in 2048 columns of air
#
# A law of fields need not be a law in time. In a column of air at rest the weight of each layer is carried by the
# pressure,
#
# $$\frac{\partial \Phi}{\partial \ln p} = -R T \, (1 + 0.608 \, q), \quad R = 287.05 \, \mathrm{J \, kg^{-1} K^{-1}},$$
#
# with the geopotential, the temperature and the specific humidity. One instant of ERA5 on 37 pressure levels is enough:
# the logarithm of the pressure takes the place of the time.

# %%
import symdyn as sd

TRUTH = 287.05, 0.608  # used for comparison alone
data = sd.open_dataset("era5_columns").swap_dims(level="log_pressure")


def columns(top, bottom):
    """The air between two pressures in hPa."""
    some = data.where((data.level >= top) & (data.level <= bottom), drop=True)
    return sd.open_fields(some, ["phi", "T", "q", "u", "v"], time="log_pressure")


# %% [markdown]
# ## Dry air
#
# Above 300 hPa there is next to no water. Of 21 candidates, all products up to degree 2 of the geopotential, the
# temperature, the humidity and the wind, one is left.

# %%
high = columns(1, 300)
quadratic = {"library": sd.Monomials(2, variables=("phi", "T", "q", "u", "v")), "rate_of": "phi", "order": 0}
dry = sd.identify_field(high, form=sd.JetDerivatives(), **quadratic)
print(dry)
gas_constant = -dry.coefficients.min()
print(f"R = {gas_constant:.2f}: {100 * (gas_constant / TRUTH[0] - 1):+.3f} %")
assert dry.active_terms == ("T",)
assert abs(gas_constant / TRUTH[0] - 1) < 1e-3

# %% [markdown]
# ## Moist air
#
# Further down the same library gives one term too, but a constant that is too large: water vapour is lighter than air,
# and moist air is thicker than its temperature says. That is a matter of some thousandths, as small as the errors of
# differences on few levels, and by default no terms are chosen below three thousandths of the rate. Where the steps
# between the levels are small and even, 300 to 850 hPa, the limit may be lifted.

# %%
low = columns(300, 850)
moist_library = sd.Monomials(2, variables=("T", "q", "u", "v"))
blind = sd.identify_field(low, library=moist_library, rate_of="phi", order=0, form=sd.JetDerivatives())
moist = sd.identify_field(
    low, library=moist_library, rate_of="phi", order=0, form=sd.JetDerivatives(), selection=sd.EBIC(resolution=0.0)
)
print(blind)
print(moist)
assert blind.active_terms == ("T",)
assert blind.coefficients.min() < -287.4
assert moist.active_terms == ("T", "T q")

# %% [markdown]
# With both terms the constant is the dry one again. How much lighter vapour is depends on how the vertical derivative
# is taken: differences, or means over windows of 5, 7, 9 or 11 levels, which need none. Quote the spread.

# %%
both = sd.Fluxes({"T": {"": "T"}, "T q": {"": "T q"}})
forms = {f"differences of order {n}": sd.JetDerivatives(accuracy=n) for n in (2, 4, 6)}
for half in (2, 3, 4, 5):
    width = {"log_pressure": half, "lat": 2, "lon": 2}
    forms[f"windows of {2 * half + 1} levels"] = sd.FieldWeakForm(half_width=width, stride=1, unbiased=False)
for name, form in forms.items():
    law = sd.identify_field(low, library=both, rate_of="phi", order=0, form=form, solver=sd.LeastSquares())
    constant, vapour = -law.coefficients[0, 0], law.coefficients[1, 0] / law.coefficients[0, 0]
    print(f"{name:24s} R = {constant:.2f}, vapour {vapour:.3f}, residual {law.stats.residual[0]:.1e}")
    assert abs(constant / TRUTH[0] - 1) < 1e-3
    assert abs(vapour / TRUTH[1] - 1) < 0.35

# %% [markdown]
# Above 300 hPa the geopotential was among the candidates and fell out. Below, the air gets warmer downwards everywhere,
# and geopotential and temperature tell nearly the same. With the limit lifted a library that has both ends in a law of
# eight terms that is hardly better, and differences of order 4 let in two terms of truncation error: that is what the
# limit is for.
