"""Balances of real fields: the hydrostatic one along the pressure, on shipped columns."""

import numpy as np
import pytest

import symdyn as sd

GAS_CONSTANT, VAPOUR = 287.05, 0.608  # J kg-1 K-1, and how much lighter vapour makes the air


def _columns(top, bottom, change=lambda data: data):
    data = change(sd.open_dataset("era5_columns")).swap_dims(level="log_pressure")
    some = data.where((data.level >= top) & (data.level <= bottom), drop=True)
    return sd.open_fields(some, ["phi", "T", "q", "u", "v"], time="log_pressure")


def _law(fields, variables=("phi", "T", "q", "u", "v"), **options):
    library = sd.Monomials(2, variables=variables)
    return sd.identify_field(fields, library=library, rate_of="phi", order=0, form=sd.JetDerivatives(), **options)


def test_dry_air_gives_the_gas_constant_and_nothing_else():
    law = _law(_columns(1, 300))
    assert law.active_terms == ("T",)
    np.testing.assert_allclose(-law.coefficients.min(), GAS_CONSTANT, rtol=1e-3)


def test_moist_air_needs_the_vapour():
    low = _columns(300, 850)
    law = _law(low, ("T", "q", "u", "v"), selection=sd.EBIC(resolution=0.0))
    assert law.active_terms == ("T", "T q")
    constant, vapour = -law.coefficients[law.coefficients != 0]
    np.testing.assert_allclose(constant, GAS_CONSTANT, rtol=1e-3)
    np.testing.assert_allclose(vapour / constant, VAPOUR, rtol=0.1)
    assert _law(low).coefficients.min() < -1.001 * GAS_CONSTANT  # temperature alone: moist air is thicker


def test_columns_of_other_places_obey_no_such_law():
    def turned(data):
        return data.assign(T=data["T"].roll(lon=32).roll(lat=11))

    law = _law(_columns(1, 300, turned))
    assert law.stats.residual[0] > 5 * _law(_columns(1, 300)).stats.residual[0]


def test_packing_is_finer_than_the_balance():
    data = sd.open_dataset("era5_columns")
    layer = np.diff(data.phi.values, axis=0) / np.diff(data.log_pressure.values)[:, None, None]
    air = data["T"] * (1 + VAPOUR * data.q)
    mean = (air.values[1:] + air.values[:-1]) / 2
    weight = np.cos(np.radians(data.lat.values))[:, None]
    free = (data.level.values[:-1] >= 200) & (data.level.values[1:] <= 900)
    constants = -np.sum(layer * mean * weight, axis=(1, 2)) / np.sum(mean**2 * weight, axis=(1, 2))
    assert constants[free] == pytest.approx(GAS_CONSTANT, rel=1e-3)
