"""Relations between the laws of related data: what a change of units, of axes, of clock or of order must do to a law.

No truth is needed: a law from data in other units is the old law in those units, whether or not it is right. Each
relation is held against every system of the catalogue, with noise on the rates so that the selection has to decide
(the default run takes four systems, `-m "slow or not slow"` all of them). Where the data do not tell terms apart, or
no set of terms holds, rounding may decide which set is found: such libraries are left to the tests of collinear terms.
"""

import functools
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
import scipy.stats
import xarray as xr

import symdyn as sd
from symdyn.data.systems import SYSTEMS
from symdyn.model.model import rates_at

NOISE = 0.01  # of the root mean square of each rate
SIZES = (1.496e8, 1e-3, 77.0, 3e5)  # kilometres in an astronomical unit, metres, two that mean nothing
EVERY = [
    name if name in ("lorenz", "kepler", "pendulum", "glycolysis") else pytest.param(name, marks=pytest.mark.slow)
    for name in SYSTEMS
]
PLAIN = ("lorenz", "rossler", "hopf", "van_der_pol", "lotka_volterra", "selkov")  # scalars, each with its rate


@functools.cache
def recorded(system: str) -> xr.Dataset:
    """Three noisy runs of a system, with measured rates."""
    times = np.linspace(0, min(SYSTEMS[system].span[0], 5.0), 64)  # blocks of rows divide a run evenly
    start, key = None, jax.random.key(0)
    if system == "lorenz96":
        start = 8 + np.random.default_rng(1).normal(size=(3, 6))
    data = sd.make_dataset(
        system, times=times, start=start, trajectories=None if start is not None else 3, rates=True, key=key
    )
    rng = np.random.default_rng(2)
    for name, values in data.data_vars.items():
        if "measured_rate_of" in values.attrs:
            level = NOISE * float(np.sqrt((values**2).mean()))
            data[name] = (values.dims, np.asarray(values) + level * rng.normal(size=values.shape), values.attrs)
    return data


def in_units(data: xr.Dataset, size: dict[str, float], clock: float) -> xr.Dataset:
    """The data with each variable multiplied by its size (rates of it too), and the time by `clock`."""
    out = data.assign_coords(time=data.time * clock)
    for name in data.data_vars:
        values = data[name]
        out[name] = (values.dims, np.asarray(values) * factor(data, str(name), size, clock), values.attrs)
    return out


def factor(data: xr.Dataset, name: str, size: dict[str, float], clock: float) -> float:
    """What a variable is multiplied by: a rate as what it is the rate of, over the clock."""
    attrs = data[name].attrs
    parent = attrs.get("rate_of", attrs.get("measured_rate_of"))
    return size.get(name, 1.0) if parent is None else factor(data, parent, size, clock) / clock


def identified(data: xr.Dataset, **options) -> sd.Solution:
    """The law by polynomials, or by terms that these data tell apart where they do not tell polynomials apart."""
    library = sd.Monomials(2)
    if "position" in data:  # on a few closed orbits most quadratic polynomials depend on each other
        library = sd.Radial("position", powers=(-3, -2, -1, 0, 2))
    elif "p1" in data:  # twelve numbers
        library = sd.Monomials(1)
    return sd.identify(data, **{"library": library, **options})


def states(law: sd.Solution, data: xr.Dataset) -> np.ndarray:
    """Every seventh state of the data, (sample, n)."""
    runs = data.sizes["trajectory"] * data.sizes["time"]
    return np.concatenate([np.asarray(data[n]).reshape(runs, -1) for n in law.model.space.names], axis=1)[::7]


def rates(law: sd.Solution, at: np.ndarray) -> np.ndarray:
    """The rates (sample, d) that a law gives at states (sample, n), in float64."""
    with jax.enable_x64(True):
        return np.asarray(rates_at(law.model, at))


def assert_same(found: np.ndarray, wanted: np.ndarray, rtol: float = 1e-7) -> None:
    """Each target's rates agree relative to their largest."""
    assert np.isfinite(found).all()
    np.testing.assert_array_less(np.abs(found - wanted).max(0), rtol * np.abs(wanted).max(0) + 1e-300)


def active(law: sd.Solution) -> set[tuple[str, str]]:
    """Pairs of a term and a component of the targets whose coefficient is not zero; vector terms have one for all."""
    w = law.coefficients
    if w.ndim == 1:
        return {(t, "all") for t, c in zip(law.term_names, w, strict=True) if c}
    return {(t, c) for i, t in enumerate(law.term_names) for j, c in enumerate(law.target_components) if w[i, j]}


def per_target(law: sd.Solution, of) -> np.ndarray:
    """A number for each variable among the targets, repeated over its components: (d,)."""
    return np.concatenate([np.full(law.model.space[n].size, of(n)) for n in law.model.targets])


@pytest.mark.parametrize("system", EVERY)
def test_units_of_length_and_time_do_not_decide_which_law_is_found(system):
    data, clock = recorded(system), 86_400.0
    size = dict(zip(SYSTEMS[system].variables, SIZES * 2, strict=False))
    other = in_units(data, size, clock)
    here, there = identified(data), identified(other)
    assert active(there) == active(here)
    by = per_target(here, lambda n: factor(data, n, size, clock) / clock)
    assert_same(rates(there, states(there, other)) / by, rates(here, states(here, data)))
    errors = there.standard_errors[there.coefficients != 0] / np.abs(there.coefficients[there.coefficients != 0])
    old = here.standard_errors[here.coefficients != 0] / np.abs(here.coefficients[here.coefficients != 0])
    np.testing.assert_allclose(errors, old, rtol=1e-5)


@pytest.mark.parametrize("system", EVERY)
def test_the_order_of_variables_and_runs_does_not_matter(system):
    data = recorded(system)
    other = data[list(data.data_vars)[::-1]].isel(trajectory=[2, 0, 1])
    here, there = identified(data), identified(other)
    assert there.model.space.names != here.model.space.names or len(here.model.space.names) == 1
    names = lambda law: {(frozenset(t.split()), c) for t, c in active(law)}  # noqa: E731  (x y is y x)
    assert names(there) == names(here)
    places = [there.target_components.index(c) for c in here.target_components]
    at = states(here, data)
    moved = np.concatenate([at[:, here.model.space.slice(n)] for n in there.model.space.names], axis=1)
    assert_same(rates(there, moved)[:, places], rates(here, at))


@pytest.mark.parametrize("system", EVERY)
def test_the_origin_of_time_does_not_matter_and_its_direction_turns_the_rates(system):
    data = recorded(system)
    here = identified(data)
    later = identified(data.assign_coords(time=data.time + 2451545.0))
    np.testing.assert_array_equal(later.coefficients, here.coefficients)
    film = in_units(data, {}, -1.0).isel(time=slice(None, None, -1))
    back = identified(film)
    assert active(back) == active(here)
    sign = per_target(here, lambda n: factor(data, n, {}, -1.0) / -1.0)
    assert_same(rates(back, states(back, in_units(data, {}, -1.0))) / sign, rates(here, states(here, data)))


def moved(data: xr.Dataset, law: sd.Solution, matrix: np.ndarray, shift: np.ndarray) -> xr.Dataset:
    """The data under x -> matrix x + shift, for systems of scalars whose measured rates are named after them."""
    names, out = law.model.space.names, data.copy()
    for i, name in enumerate(names):
        out[name] = sum(matrix[i, j] * data[other] for j, other in enumerate(names)) + shift[i]
        out[f"{name}_rate"] = sum(matrix[i, j] * data[f"{other}_rate"] for j, other in enumerate(names))
        out[name].attrs, out[f"{name}_rate"].attrs = data[name].attrs, data[f"{name}_rate"].attrs
    return out


@pytest.mark.parametrize("system", [s if s == "lorenz" else pytest.param(s, marks=pytest.mark.slow) for s in PLAIN])
def test_a_fit_of_all_polynomials_moves_with_any_affine_change_of_coordinates(system):
    data = recorded(system)
    here = identified(data, solver=sd.LeastSquares())
    n = here.model.space.size
    rng = np.random.default_rng(3)
    matrix, shift = (
        scipy.stats.ortho_group.rvs(n, random_state=rng) @ np.diag(rng.uniform(0.5, 2, n)),
        rng.normal(size=n),
    )
    there = identified(moved(data, here, matrix, shift), solver=sd.LeastSquares())
    at = states(here, data)
    assert_same(rates(there, at @ matrix.T + shift), rates(here, at) @ matrix.T, rtol=1e-6)


@pytest.mark.parametrize(
    ("system", "n"), [pytest.param("kepler", 3, marks=pytest.mark.slow), ("harmonic_oscillator", 2)]
)
@pytest.mark.parametrize("reflected", [False, True])
def test_a_law_with_enforced_symmetry_does_not_see_the_axes(system, n, reflected):
    data = recorded(system)
    turn = scipy.stats.special_ortho_group.rvs(n, random_state=4)
    turn = turn @ np.diag([-1.0] + [1.0] * (n - 1)) if reflected else turn
    other = data.map(lambda v: xr.DataArray(np.asarray(v) @ turn.T, v.coords, v.dims, v.name, v.attrs), keep_attrs=True)
    action = sd.O(n).acting_on(position=sd.Vector, velocity=sd.Vector)
    polynomials = {"library": sd.Monomials(2), "action": action}
    for options in ({}, {"action": action, "solver": sd.LeastSquares()}, polynomials):
        here, there = identified(data, **options), identified(other, **options)
        assert there.active_terms == here.active_terms
        np.testing.assert_allclose(there.coefficients, here.coefficients, atol=1e-9 * np.abs(here.coefficients).max())
        at = states(here, data)
        turned = np.concatenate([at[:, :n] @ turn.T, at[:, n:] @ turn.T], axis=1)
        assert_same(rates(there, turned), rates(here, at) @ turn.T)


@pytest.mark.parametrize("system", EVERY)
def test_single_precision_data_give_the_law_of_double_precision(system):
    data = recorded(system)
    here, there = identified(data), identified(data.astype("float32"))
    assert active(there) == active(here)
    assert_same(rates(there, states(here, data)), rates(here, states(here, data)), rtol=1e-3)
    assert there.coefficients.dtype == np.float64


LIBRARIES = {
    "lorenz": sd.Monomials(2),
    "hopf": sd.Monomials(3),
    "lotka_volterra": sd.Monomials(2),
    "kepler": sd.Radial("position", powers=(-3, -2, -1)),
}


@pytest.mark.parametrize("system", [s if s == "lorenz" else pytest.param(s, marks=pytest.mark.slow) for s in LIBRARIES])
def test_from_noisy_states_the_law_follows_the_units_too(system):
    """The whole way: noise level, weak form, joint estimation, selection."""
    times = np.linspace(0, 6, 300)
    data = sd.make_dataset(system, times=times, noise=0.02, key=jax.random.key(5))
    size, clock = dict(zip(SYSTEMS[system].variables, SIZES, strict=False)), 3600.0
    other = in_units(data, size, clock)
    here, there = (sd.identify(d, library=LIBRARIES[system]) for d in (data, other))
    assert len(there.stages) == len(here.stages)
    assert active(there) == active(here)
    by = per_target(here, lambda n: factor(data, n, size, clock) / clock)
    names = here.model.space.names
    at = np.concatenate([np.asarray(data[n]).reshape(len(times), -1) for n in names], axis=1)
    far = np.concatenate([np.asarray(other[n]).reshape(len(times), -1) for n in names], axis=1)
    assert_same(rates(there, far) / by, rates(here, at), rtol=1e-4)


def test_the_same_data_give_the_same_law_bit_for_bit():
    data = sd.make_dataset("lorenz", times=np.linspace(0, 6, 300), noise=0.02, key=jax.random.key(5))
    one, two = sd.identify(data), sd.identify(data.copy(deep=True))
    np.testing.assert_array_equal(one.coefficients, two.coefficients)
    np.testing.assert_array_equal(one.covariance, two.covariance)


def test_symmetries_and_invariants_follow_the_units():
    data = sd.make_dataset("kepler", times=np.linspace(0, 12, 400), trajectories=3, rates=True, key=jax.random.key(1))
    counts = []
    for size, clock in (({}, 1.0), ({"position": 1.496e8}, 86_400.0)):
        law = sd.identify(in_units(data, size, clock), library=sd.Radial("position", powers=(-3, -2, -1)))
        counts.append(sd.find_symmetries(law).dimension)
    assert counts[0] == counts[1] >= 3


_LAW = """
import jax, numpy as np, sys, symdyn as sd
data = sd.make_dataset("lorenz", times=np.linspace(0, 6, 300), noise=0.02, key=jax.random.key(5))
np.save(sys.argv[1], sd.identify(data).coefficients)
"""


@pytest.mark.slow
def test_the_number_of_threads_changes_rounding_at_most(tmp_path):
    found = []
    for threads in ("1", "2", "7"):
        count = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        env = {
            **os.environ,
            **count,
            "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={'false' if threads == '1' else 'true'}",
        }
        subprocess.run([sys.executable, "-c", _LAW, str(tmp_path / threads)], env=env, check=True, timeout=300)
        found.append(np.load(f"{tmp_path / threads}.npy"))
    for other in found[1:]:
        assert ((other != 0) == (found[0] != 0)).all()
        np.testing.assert_allclose(other, found[0], rtol=1e-4)


T = np.linspace(0, 10, 200)
DEGENERATE = {
    "everything constant": {"x": np.full_like(T, 3.0), "y": np.full_like(T, -2.0)},
    "one variable constant": {"x": np.exp(-T), "y": np.full_like(T, 2.0)},
    "one variable zero": {"x": np.exp(-T), "y": np.zeros_like(T)},
    "two variables equal": {"x": np.exp(-T), "y": np.exp(-T)},
    "a line through the origin": {"x": np.exp(-T), "y": 3 * np.exp(-T)},
    "linear dynamics": {"x": np.exp(-T / 5) * np.cos(T), "y": np.exp(-T / 5) * np.sin(T)},
    "a straight motion": {"x": 2 * T, "y": 1 - T},
}


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("solver", [None, sd.LeastSquares()], ids=["sparse", "all terms"])
def test_degenerate_data_give_finite_numbers_and_say_what_they_do_not_tell(case, solver):
    data = DEGENERATE[case]
    law = sd.identify({"time": T, **data}, solver=solver)
    assert np.isfinite(law.coefficients).all()
    assert np.isfinite(law.standard_errors).all()
    rows = rates(law, np.stack([data["x"], data["y"]], axis=1)[20:-20:7])
    truth = np.stack([np.gradient(data[n], T, edge_order=2) for n in "xy"], axis=1)[20:-20:7]
    np.testing.assert_allclose(rows, truth, atol=2e-2 * max(np.abs(truth).max(), 1e-9))
    if solver is not None and case not in ("everything constant", "linear dynamics"):
        assert law.result is sd.RESULTS.collinear
        assert "not told apart by these data" in str(law)
