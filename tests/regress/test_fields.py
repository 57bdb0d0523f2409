"""Laws of fields: known equations from clean and noisy fields with automatic settings, symmetries, wrong inputs."""

import jax
import numpy as np
import pytest

import symdyn as sd


def _noisy(values, noise, seed=0):
    return values + noise * values.std() * np.random.default_rng(seed).normal(size=values.shape)


def _burgers(noise=0.0, seed=0):
    """Cole-Hopf: u = -2 nu theta_x / theta for theta of the heat equation; u_t = -u u_x + 0.1 u_xx."""
    nu, x, t = 0.1, np.linspace(-3, 3, 241), np.linspace(0.0, 2.0, 121)
    theta, slope = np.ones((len(t), len(x))), np.zeros((len(t), len(x)))
    for k, a in ((1.0, 2.0), (-1.5, 1.0), (2.0, 0.3)):
        wave = a * np.exp(k * x + nu * k**2 * t[:, None])
        theta, slope = theta + wave, slope + k * wave
    u = _noisy(-2 * nu * slope / theta, noise, seed)
    return sd.Fields.of(sd.Grid((sd.Box("x", x),), time=sd.Box("t", t)), u=u)


def _two_solitons(noise):
    """u = 2 (log F)_xx, Hirota; u_t = -6 u u_x - u_xxx."""
    x, t, (k, m) = np.linspace(-15, 15, 256), np.linspace(-1.5, 1.5, 200)[:, None], (0.9, 1.4)
    both, one, two = ((k - m) / (k + m)) ** 2, np.exp(k * x - k**3 * t), np.exp(m * x - m**3 * t)
    f = [k**n * one + m**n * two + both * (k + m) ** n * one * two for n in range(3)]
    u = 2 * (f[2] * (1 + f[0]) - f[1] ** 2) / (1 + f[0]) ** 2
    return sd.Fields.of(sd.Grid((sd.Box("x", x),), time=sd.Box("t", t[:, 0])), u=_noisy(u, noise))


def _advected_heat(noise):
    """Waves that move with (1, -0.5) and decay: u_t = -u_x + 0.5 u_y + 0.05 (u_xx + u_yy)."""
    t, s = np.linspace(0, 1.5, 60)[:, None, None], 2 * np.pi / 48 * np.arange(48)
    y, x = np.meshgrid(s, s, indexing="ij")
    rng, u = np.random.default_rng(3), 0.0
    for _ in range(8):
        k, m = rng.integers(-3, 4, 2)
        wave = np.cos(k * (x - t) + m * (y + 0.5 * t) + rng.uniform(0, 6))
        u = u + rng.normal() * np.exp(-0.05 * (k * k + m * m) * t) * wave
    axes = tuple(sd.Periodic(name, 0.0, 2 * np.pi, 48) for name in "yx")
    return sd.Fields.of(sd.Grid(axes, time=sd.Box("t", t[:, 0, 0])), u=_noisy(u, noise))


def _lambda_omega(noise, n=48, steps=100, length=15.0, dt=0.05):
    """z_t = 0.1 lap z + z - (1 + i) |z|^2 z for z = u + i v, pseudo-spectral with an integrating factor."""
    k = 2 * np.pi / length * np.fft.fftfreq(n, 1 / n)
    rng, s = np.random.default_rng(0), length / n * np.arange(n)
    y, x = np.meshgrid(s, s, indexing="ij")
    z = np.zeros((n, n), complex)
    for _ in range(10):
        a, b = rng.integers(-3, 4, 2)
        z += 0.35 * rng.normal() * np.exp(1j * (2 * np.pi / length * (a * x + b * y) + rng.uniform(0, 6)))
    half = np.exp(-0.05 * (k[:, None] ** 2 + k**2) * dt)

    def reaction(w):
        z = np.fft.ifft2(w)
        return np.fft.fft2(z - (1 + 1j) * abs(z) ** 2 * z)

    w, out = np.fft.fft2(z), []
    for _ in range(steps):
        out.append(np.fft.ifft2(w))
        one = reaction(w)
        two = reaction(half * (w + dt / 2 * one))
        three = reaction(half * w + dt / 2 * two)
        four = reaction(half**2 * w + dt * half * three)
        w = half**2 * w + dt / 6 * (half**2 * one + 2 * half * (two + three) + four)
    z = np.array(out)
    axes = tuple(sd.Periodic(name, 0.0, length, n) for name in "yx")
    grid = sd.Grid(axes, time=sd.Box("t", dt * np.arange(steps)))
    return sd.Fields.of(grid, u=_noisy(z.real, noise), v=_noisy(z.imag, noise, 1))


def _coefficients(law):
    table = law.coefficients
    targets = law.target_components
    return {
        (targets[c], law.term_names[k]): float(table[k, c]) for k, c in zip(*np.nonzero(table), strict=True)
    }  # fmt: skip


def _check(law, truth, rtol):
    found = _coefficients(law)
    assert set(found) == set(truth), law
    for key, value in truth.items():
        assert found[key] == pytest.approx(value, rel=rtol), (key, law)


@pytest.mark.parametrize(("noise", "rtol"), [(0.0, 1e-6), (0.01, 0.02), (0.05, 0.1)])
def test_burgers(noise, rtol):
    law = sd.identify_field(_burgers(noise), library=sd.DivergenceForm(3, order=3, bias=True))
    _check(law, {("u", "(u^2)_x"): -0.5, ("u", "u_xx"): 0.1}, rtol)
    assert bool(law.stages) == bool(noise)
    assert law.equations[0].startswith("u_t = -0.")
    assert law.latex().startswith(r"\partial_{t} u = -0.")


@pytest.mark.parametrize(("noise", "rtol"), [(0.0, 1e-6), (0.05, 0.01)])
def test_solitons(noise, rtol):
    law = sd.identify_field(_two_solitons(noise), library=sd.DivergenceForm(2, order=3))
    _check(law, {("u", "(u^2)_x"): -3.0, ("u", "u_xxx"): -1.0}, rtol)


def test_products_of_jets_are_integrated_by_parts():
    library = sd.Monomials(2, variables=("u", "u_x", "u_xx", "u_xxx"))
    law = sd.identify_field(_two_solitons(0.0), library=library, order=3)
    _check(law, {("u", "u u_x"): -6.0, ("u", "u_xxx"): -1.0}, 1e-3)


@pytest.mark.parametrize(("noise", "rtol"), [(0.0, 1e-3), (0.05, 0.03)])
def test_advected_heat_in_the_plane(noise, rtol):
    law = sd.identify_field(_advected_heat(noise))
    _check(law, {("u", "u_x"): -1.0, ("u", "u_y"): 0.5, ("u", "u_xx"): 0.05, ("u", "u_yy"): 0.05}, rtol)


REACTION = {
    ("u", "u"): 1, ("u", "u^3"): -1, ("u", "u v^2"): -1, ("u", "u^2 v"): 1, ("u", "v^3"): 1,
    ("u", "u_xx"): 0.1, ("u", "u_yy"): 0.1, ("v", "v_xx"): 0.1, ("v", "v_yy"): 0.1,
    ("v", "v"): 1, ("v", "u^2 v"): -1, ("v", "v^3"): -1, ("v", "u^3"): -1, ("v", "u v^2"): -1,
}  # fmt: skip


@pytest.mark.parametrize(("noise", "rtol"), [(0.0, 1e-3), (0.03, 0.03)])
def test_reaction_and_diffusion_of_two_fields(noise, rtol):
    law = sd.identify_field(_lambda_omega(noise), library=sd.DivergenceForm(3, order=2))
    _check(law, REACTION, rtol)


def test_a_symmetry_of_the_phase_ties_both_fields():
    """All of the 108 coefficients, and those that are left: each true one is found, and pairs agree exactly."""
    phase = sd.Action.polynomial({"phase": {"u": "-v", "v": "u"}})
    law = sd.identify_field(_lambda_omega(0.05), library=sd.DivergenceForm(3, order=2), action=phase)
    assert (law.stats.candidates, law.stats.free) == (108, 24)
    _check(law, REACTION, 0.02)
    found = _coefficients(law)
    assert found["u", "u^3"] == found["u", "u v^2"] == found["v", "v^3"]
    assert found["u", "u_xx"] == found["v", "v_xx"]


def test_a_galilean_boost_fixes_advection():
    """u u_x has the coefficient -1 exactly, at a noise at which it is uncertain by some per cent."""
    boost = sd.Action.polynomial({"boost": {"x": "t", "u": "1"}}, time="t")
    free, bound = (sd.identify_field(_burgers(0.05), action=action) for action in (None, boost))
    assert abs(free.coefficient("(u^2)_x", "u")[0] + 0.5) > 1e-3
    assert bound.coefficient("(u^2)_x", "u") == pytest.approx((-0.5, 0.0), abs=1e-12)
    assert bound.coefficient("u_xx", "u")[0] == pytest.approx(0.1, rel=0.03)
    assert bound.coefficient("u_xx", "u")[1] < free.coefficient("u_xx", "u")[1]
    assert bound.active_terms == ("(u^2)_x", "u_xx")


def _phi4(noise):
    """u_tt = u_xx - u - u^3 / 2 by a spectral leapfrog of the second order, in steps far below the sampling."""
    n, length, steps = 128, 20.0, 161
    x, k, dt = length / n * np.arange(n), 2 * np.pi * np.fft.fftfreq(n, length / n), 8.0 / 160 / 40
    rng = np.random.default_rng(0)
    u, v = (
        sum(a * rng.normal() * np.cos(2 * np.pi * j * x / length + rng.uniform(0, 6)) for j in range(1, top))
        for a, top in ((0.7, 5), (0.5, 4))
    )
    out = [u]
    for _ in range(steps - 1):
        for _ in range(40):
            for part in (0, 1):
                v = v + dt / 2 * (np.fft.ifft(-(k**2) * np.fft.fft(u)).real - u - 0.5 * u**3)
                u = u + dt * v if part == 0 else u
        out.append(u)
    grid = sd.Grid((sd.Periodic("x", 0.0, length, n),), time=sd.Box("t", np.linspace(0.0, 8.0, steps)))
    return sd.Fields.of(grid, u=_noisy(np.array(out), noise))


def test_invariance_under_boosts_fixes_the_wave_operator():
    """Poincare: u_tt - u_xx and functions of u; the speed of light is no longer fitted."""
    asked = {"library": sd.DivergenceForm(3, order=2), "time_order": 2}
    law = sd.identify_field(_phi4(0.1), action=sd.Poincare(1).acting_on(u=sd.Scalar), **asked)
    _check(law, {("u_rate", "u"): -1.0, ("u_rate", "u^3"): -0.5, ("u_rate", "u_xx"): 1.0}, 0.03)
    assert law.coefficient("u_xx", "u_rate") == pytest.approx((1.0, 0.0), abs=1e-12)
    assert (law.stats.candidates, law.stats.free) == (9, 3)
    free = sd.identify_field(_phi4(0.1), **asked)
    assert free.active_terms == law.active_terms
    assert free.coefficient("u_xx", "u_rate")[1] > 1e-3


def test_symmetries_of_spacetime_need_scalars():
    boosts = sd.Poincare(1).acting_on(u=sd.Scalar)
    with pytest.raises(sd.InputError, match="u_tt"):  # the library has nothing that a boost makes of u_tt
        sd.identify_field(_phi4(0.0), library=sd.DivergenceForm(2, order=1), time_order=2, action=boosts)


@pytest.mark.parametrize(
    ("fields", "library", "time_order", "name", "sizes"),
    [
        (_burgers(0.01), sd.DivergenceForm(3, order=3, bias=True), 1, "schroedinger(1)", (5, 0)),
        (_two_solitons(0.05), sd.DivergenceForm(2, order=3, bias=True), 1, "heisenberg(1)", (4, 0)),
        (_phi4(0.05), sd.DivergenceForm(3, order=2), 2, "poincare(1)", (3, 0)),
    ],
    ids=["Burgers", "KdV", "phi4"],
)
def test_symmetries_of_laws_from_noisy_fields(fields, library, time_order, name, sizes):
    """As many generators as the true equation has; numbers in them carry the errors of the coefficients."""
    law = sd.identify_field(fields, library=library, time_order=time_order)
    found = sd.find_symmetries(law, candidates=2, discrete=False)
    assert (found.dimension, len(found.trivial)) == sizes
    assert name in str(found.name)
    assert found.defects.max() < 1e-12
    assert found.closure < 1e-8


def test_conservation_laws_of_a_law_from_noisy_fields():
    """Mass, momentum and energy of KdV; the coefficients in the fluxes are those that were found."""
    law = sd.identify_field(_two_solitons(0.05), library=sd.DivergenceForm(2, order=3, bias=True))
    found = sd.conservation_laws(law, library=sd.Monomials(2, variables=("u", "u_x", "u_xx")))
    assert [str(each).split(" + d/dx")[0] for each in found.laws][:2] == ["d/dt (u)", "d/dt (1/2 u^2)"]
    assert len(found.laws) == 3
    with pytest.raises(sd.InputError, match="laws on jets"):
        sd.conservation_laws({"u": "-u u_x"}, library=sd.Monomials(1))


def test_scalings_of_a_law_from_noisy_fields_are_whole_numbers():
    law = sd.identify_field(_two_solitons(0.05), library=sd.DivergenceForm(2, order=3, bias=True))
    found = sd.find_symmetries(law, candidates=sd.Scalings(), discrete=False)
    assert found.weights == ({"t": 3, "x": 1, "u": -2},)


def test_symmetries_need_an_equation_for_each_field():
    law = sd.identify_field(_lambda_omega(0.0), rate_of="u", library=sd.DivergenceForm(1, order=2))
    with pytest.raises(sd.InputError, match="'v' changes"):
        sd.find_symmetries(law)
    balance = sd.identify_field(
        _lambda_omega(0.0), rate_of="u", time_order=0, library=sd.DivergenceForm(1, order=2, variables=("v",))
    )
    with pytest.raises(sd.InputError, match="a balance has no rates"):
        sd.find_symmetries(balance)


def test_derivatives_at_the_points_give_the_same_law_of_clean_fields():
    law = sd.identify_field(_burgers(), form=sd.JetDerivatives())
    _check(law, {("u", "(u^2)_x"): -0.5, ("u", "u_xx"): 0.1}, 1e-6)


def test_a_law_of_the_second_derivative_by_time():
    t, x = np.linspace(0, 3, 150)[:, None], 2 * np.pi / 96 * np.arange(96)
    u = np.sin(x - 1.5 * t) + 0.5 * np.cos(2 * (x + 1.5 * t)) + 0.3 * np.cos(3 * (x - 1.5 * t))
    grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 96),), time=sd.Box("t", t[:, 0]))
    for form in (sd.FieldWeakForm(), sd.JetDerivatives()):
        law = sd.identify_field(sd.Fields.of(grid, u=u), time_order=2, form=form)
        _check(law, {("u_rate", "u_xx"): 2.25}, 1e-3)
        assert law.equations[0].startswith("u_tt = 2.2")
        assert law.latex().startswith(r"\partial_{tt} u = 2.2")


def test_correction_undoes_the_attenuation_and_errors_cover_the_truth():
    """Over realisations of 5 % noise the mean law is unbiased, and the standard errors are not too small."""
    found, errors, plain = [], [], []
    for seed in range(8):
        fields = _burgers(0.05, seed)
        law = sd.identify_field(fields)
        found.append(law.coefficient("u_xx", "u")[0])
        errors.append(law.coefficient("u_xx", "u")[1])
        rows = sd.field_rows(fields, sd.DivergenceForm(2, order=2))
        keep = [rows.names.index(name) for name in ("(u^2)_x", "u_xx")]
        plain.append(np.linalg.lstsq(rows.design[:, keep], rows.targets[:, 0])[0][1])
    assert abs(np.mean(found) - 0.1) < 0.5 * abs(np.mean(plain) - 0.1)
    assert np.sqrt(np.mean(((np.array(found) - 0.1) / errors) ** 2)) < 1.3


def test_law_survives_a_file(tmp_path):
    for fields, options in ((_burgers(0.02), {}), (_burgers(), {"library": sd.Fluxes({"flux": {"x": "u^2"}})})):
        law = sd.identify_field(fields, **options)
        law.save(tmp_path / "law.symdyn")
        again = sd.load(tmp_path / "law.symdyn")
        assert str(again) == str(law)
        assert again.settings == law.settings


def test_terms_on_the_left():
    """The rate of a named flux: d/dt of u_x is the derivative of the whole law."""
    left = sd.Fluxes({"slope": {"x": "u"}})
    right = sd.Fluxes({"a": {"x x": "u^2"}, "b": {"x x x": "u"}, "c": {"x": "u"}, "d": {"": "u"}})
    law = sd.identify_field(_burgers(), library=right, rate_of=left)
    _check(law, {("slope", "a"): -0.5, ("slope", "b"): 0.1}, 1e-5)
    assert law.equations[0].startswith("slope_t = ")


def test_missing_values_drop_windows_alone():
    fields = _burgers()
    u = fields.component("u").copy()
    u[40:44, 100:110] = np.nan
    law = sd.identify_field(sd.Fields.of(fields.grid, u=u))
    assert law.stats.rows < sd.identify_field(fields).stats.rows
    _check(law, {("u", "(u^2)_x"): -0.5, ("u", "u_xx"): 0.1}, 1e-5)


def test_inputs_that_cannot_be_used_are_named():
    fields = _burgers()
    u = fields.component("u")
    few = sd.FieldWeakForm(half_width={"t": 55, "x": 110}, stride=55)
    boost = sd.Action.polynomial({"boost": {"x": "t", "u": "1"}}, time="t")
    with pytest.raises(sd.InputError, match="identify_field"):
        sd.identify(fields)
    with pytest.raises(sd.InputError, match=r"takes Fields.*sd\.identify"):
        sd.identify_field({"time": np.arange(5.0), "u": np.arange(5.0)})
    with pytest.raises(sd.InputError, match="with a time"):
        sd.identify_field(sd.Fields.of(sd.Grid((sd.Box("x", np.arange(20.0)),)), u=np.zeros(20)))
    with pytest.raises(sd.InputError, match="unknown field 'w' in rate_of; there are u"):
        sd.identify_field(fields, rate_of="w")
    with pytest.raises(sd.InputError, match="cannot read the polynomial 'w u'"):
        sd.identify_field(fields, library=sd.Fluxes({"a": {"x": "w u"}}))
    with pytest.raises(sd.InputError, match="derivatives of order 3, but order=2"):
        sd.identify_field(fields, library=sd.DivergenceForm(2, order=3), order=2)
    with pytest.raises(sd.InputError, match=r"too few rows: \d+ of \d+ windows.*12 terms"):
        sd.identify_field(fields, library=sd.DivergenceForm(4, order=2), form=few)
    with pytest.raises(sd.InputError, match=r"too few rows: 0 of \d+|missing"):
        sd.identify_field(sd.Fields.of(fields.grid, u=np.full_like(u, np.nan)))
    holes = np.where(np.arange(241) % 20 == 0, np.nan, u)
    with pytest.raises(sd.InputError, match="too few rows: 0 of"):
        sd.identify_field(sd.Fields.of(fields.grid, u=holes))
    with pytest.raises(sd.InputError, match="in the weak form only"):
        sd.identify_field(fields, rate_of=sd.Fluxes({"a": {"x": "u"}}), form=sd.JetDerivatives())
    with pytest.raises(sd.InputError, match="does not say how 'slope' moves"):
        sd.identify_field(fields, rate_of=sd.Fluxes({"slope": {"x": "u"}}), action=boost)
    with pytest.raises(sd.InputError, match="form must be"):
        sd.identify_field(fields, form=sd.WeakForm())
    with pytest.raises(sd.InputError, match="time_order must be 1 or 2"):
        sd.identify_field(fields, time_order=3)


def test_a_law_of_fields_has_no_trajectories():
    law = sd.identify_field(_burgers())
    with pytest.raises(sd.InputError, match="must be Fields"):
        law.simulate({"u": 1.0}, np.arange(3.0))
    with pytest.raises(sd.InputError, match="partial differential equation"):
        law.score({"time": np.arange(5.0), "u": np.arange(5.0)})


def test_terms_that_the_noise_brought_in_are_dropped_without_it():
    """A density about 1 with 10 % of noise: a fourth derivative mends what the choice leaves of the noise."""
    data = sd.make_fields("porous_medium", noise=0.1, key=jax.random.key(1))
    law = sd.identify_field(sd.open_fields(data, ["u"], periodic=["x"]), library=sd.DivergenceForm(3, order=4))
    _check(law, {("u", "(u^2)_xx"): 0.2}, 0.1)
    kept = sd.identify_field(
        sd.open_fields(data, ["u"], periodic=["x"]), library=sd.DivergenceForm(2, order=2), solver=sd.LeastSquares()
    )
    assert kept.stats.active == 6


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    """Burgers' equation by Cole and Hopf, 10 % noise: scatter between draws beside the standard errors."""
    nu, x, t = 0.1, np.linspace(-3, 3, 121), np.linspace(0.0, 2.0, 101)
    theta, slope = np.ones((len(t), len(x))), np.zeros((len(t), len(x)))
    for k, a in ((1.0, 2.0), (-1.5, 1.0), (2.0, 0.3)):
        wave = a * np.exp(k * x + nu * k**2 * t[:, None])
        theta, slope = theta + wave, slope + k * wave
    clean = -2 * nu * slope / theta
    library = sd.Fluxes({"(u^2)_x": {"x": "u^2"}, "u_xx": {"x x": "u"}})
    grid, found = sd.Grid((sd.Box("x", x),), time=sd.Box("t", t)), []
    for seed in range(60):
        u = clean + 0.1 * clean.std() * np.random.default_rng(seed).normal(size=clean.shape)
        law = sd.identify_field(sd.Fields.of(grid, u=u), library=library)
        found.append([law.coefficients[:, 0], law.standard_errors[:, 0], *(each[:, 0] for each in law.interval(0.95))])
    value, error, low, high = np.moveaxis(np.array(found), 1, 0)
    ratio = np.median(error, axis=0) / value.std(axis=0)
    assert (ratio > 0.7).all()
    assert (ratio < 1.4).all()
    truth = np.array([-0.5, nu])
    holds = ((low <= truth) & (truth <= high)).mean()
    assert 0.86 <= holds <= 0.99
