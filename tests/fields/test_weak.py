"""The weak form of fields: against integrals written out, against truth, against PySINDy; blocks, gaps, few samples."""

import warnings

import numpy as np
import pytest

import symdyn as sd
from symdyn.fields.plan import parts_of
from symdyn.fields.weak import weak_problem
from symdyn.fields.windows import axis_windows


def _waves(rng, shape, points, n=4):
    """A smooth field on periodic axes of length 2 pi (the first one is time) as a sum of waves."""
    mesh = np.meshgrid(*points, indexing="ij")
    out = np.zeros(shape)
    for _ in range(n):
        k = rng.integers(-2, 3, len(points) - 1)
        phase = rng.normal() * mesh[0] + sum(a * m for a, m in zip(k, mesh[1:], strict=True)) + rng.uniform(0, 6)
        out += rng.normal() * np.cos(phase)
    return out


def _two_fields(steps=40, ny=32, nx=36):
    rng = np.random.default_rng(1)
    t = np.linspace(0, 2, steps)
    y, x = 2 * np.pi / ny * np.arange(ny), 2 * np.pi / nx * np.arange(nx)
    grid = sd.Grid((sd.Periodic("y", 0.0, 2 * np.pi, ny), sd.Periodic("x", 0.0, 2 * np.pi, nx)), time=sd.Box("t", t))
    return sd.Fields.of(grid, u=_waves(rng, grid.shape, (t, y, x)), v=_waves(rng, grid.shape, (t, y, x)))


@pytest.mark.parametrize("row", [0, 17, 401])
def test_rows_are_the_integrals_over_their_windows(row):
    fields, q, half = _two_fields(), 8, (10, 9, 11)
    form = sd.FieldWeakForm(half_width=dict(zip(("t", "y", "x"), half, strict=True)), q=q, stride=3)
    rows = sd.field_rows(fields, sd.DivergenceForm(2, order=2), form=form)
    centre = rows.centres[row]
    phi = np.polynomial.Polynomial([1.0, 0.0, -1.0]) ** q
    steps = [axis.spacing for axis in fields.grid.axes]

    def kernels(order):
        out = []
        for axis, c, m, h in zip(fields.grid.axes, centre, half, steps, strict=True):
            s = (axis.points - c) / (m * h)
            if axis.period is not None:
                s = (s + np.pi / (m * h)) % (2 * np.pi / (m * h)) - np.pi / (m * h)
            out.append([np.where(abs(s) < 1, phi.deriv(k)(s) if k else phi(s), 0.0) / (m * h) ** k for k in range(3)])
        total = np.prod([k[0].sum() for k in out])
        pick = [k[o] for k, o in zip(out, order, strict=True)]
        return (-1) ** sum(order) * np.einsum("t,y,x->tyx", *pick) / total

    u, v = (fields.component(name) for name in "uv")
    expected = {
        "u": (u, (0, 0, 0)), "u v": (u * v, (0, 0, 0)), "u_x": (u, (0, 0, 1)), "(u v)_y": (u * v, (0, 1, 0)),
        "v_xx": (v, (0, 0, 2)), "(v^2)_yx": (v**2, (0, 1, 1)), "(u^2)_yy": (u**2, (0, 2, 0)),
    }  # fmt: skip
    for name, (values, order) in expected.items():
        truth = (kernels(order) * values).sum()
        assert rows.design[row, rows.names.index(name)] == pytest.approx(truth, rel=2e-4, abs=2e-4), name
    assert rows.targets[row, 0] == pytest.approx((kernels((1, 0, 0)) * u).sum(), rel=2e-4, abs=2e-4)


def test_blocks_and_one_piece_give_the_same_rows():
    fields = _two_fields(steps=60)
    form = sd.FieldWeakForm(half_width=8, stride={"t": 3, "x": 5, "y": 4})
    whole = sd.field_rows(fields, sd.DivergenceForm(2), form=form)
    parts = sd.field_rows(fields, sd.DivergenceForm(2), form=form, memory=32 * 36 * 2 * 25)
    assert len(list(weak_problem(fields, sd.DivergenceForm(2), form=form).blocks(32 * 36 * 2 * 25))) > 3
    np.testing.assert_allclose(parts.design, whole.design, atol=1e-12)
    np.testing.assert_allclose(parts.targets, whole.targets, atol=1e-12)


def test_lazy_arrays_are_read_block_by_block():
    dask = pytest.importorskip("dask.array")
    fields = _two_fields(steps=60)
    lazy = sd.Fields.of(
        fields.grid, **{n: dask.from_array(fields.component(n), chunks=(10, 32, 36)) for n in ("u", "v")}
    )
    form = sd.FieldWeakForm(half_width=8, stride=6)
    a, b = (sd.field_rows(each, sd.DivergenceForm(1), form=form, memory=60_000) for each in (fields, lazy))
    np.testing.assert_array_equal(a.design, b.design)


@pytest.mark.slow
def test_processes_that_each_read_their_blocks_give_the_same_rows():
    distributed, dask = pytest.importorskip("distributed"), pytest.importorskip("dask.array")
    fields = _two_fields(steps=60)
    lazy = sd.Fields.of(
        fields.grid, **{n: dask.from_array(fields.component(n), chunks=(7, 32, 18)) for n in ("u", "v")}
    )
    form = sd.FieldWeakForm(half_width=8, stride=6)
    whole = sd.field_rows(fields, sd.DivergenceForm(1), form=form)
    options = {"n_workers": 2, "processes": True, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(memory_limit=0, **options) as work, work.get_client():
        parts = sd.field_rows(lazy, sd.DivergenceForm(1), form=form, memory=60_000)
    np.testing.assert_allclose(parts.design, whole.design, atol=1e-12)
    np.testing.assert_allclose(parts.targets, whole.targets, atol=1e-12)


def test_windows_that_touch_a_missing_value_have_no_weight_and_the_others_do_not_change():
    fields = _two_fields()
    form = sd.FieldWeakForm(half_width=8, stride=4)
    u = fields.component("u").copy()
    u[20, 5, 6] = np.nan
    u[:, 20, 20] = np.nan
    gaps = sd.Fields.of(fields.grid, u=u, v=fields.component("v"))
    whole, holed = (sd.field_rows(each, sd.DivergenceForm(2), form=form) for each in (fields, gaps))
    live = holed.weights > 0
    assert 0 < live.sum() < live.size
    np.testing.assert_allclose(holed.design[live], whole.design[live], atol=1e-12)
    t, y, x = holed.centres.T
    steps = [axis.spacing for axis in fields.grid.axes]
    around = lambda d: abs((d + np.pi) % (2 * np.pi) - np.pi)  # noqa: E731
    far_y, far_x = around(y - 20 * steps[1]) > 8.5 * steps[1], around(x - 20 * steps[2]) > 8.5 * steps[2]
    first = (abs(t - 20 * steps[0]) < 8.5 * steps[0]) & (around(y - 5 * steps[1]) < 8.5 * steps[1])
    first &= around(x - 6 * steps[2]) < 8.5 * steps[2]
    np.testing.assert_array_equal(live, (far_y | far_x) & ~first)


def test_pysindy_has_the_same_rows():
    ps = pytest.importorskip("pysindy")
    x, t = np.linspace(0, 3, 61), np.linspace(0, 2, 51)
    field = np.sin(2 * x[:, None] - t) + 0.4 * np.cos(3 * x[:, None] + 2 * t)
    np.random.seed(0)  # noqa: NPY002  (PySINDy draws its windows from the global generator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = ps.WeakPDELibrary(
            ps.PolynomialLibrary(degree=2, include_bias=False),
            derivative_order=2, spatiotemporal_grid=np.stack(np.meshgrid(x, t, indexing="ij"), axis=-1), K=60, p=6,
            H_xt=[12.6 * 0.05, 10.6 * 0.04],
        )  # fmt: skip
        from pysindy.utils import AxesArray

        data = AxesArray(field[..., None], {"ax_spatial": [0], "ax_time": 1, "ax_coord": 2})
        theirs = np.asarray(library.fit_transform(data))
        rates = np.asarray(library.convert_u_dot_integral(data))
    names = library.get_feature_names(["u"])
    grid = sd.Grid((sd.Box("x", x),), time=sd.Box("t", t))
    fields = sd.Fields.of(grid, u=field.T)
    rows = sd.field_rows(
        fields, sd.DivergenceForm(2, order=2), form=sd.FieldWeakForm(half_width={"x": 12, "t": 10}, q=6, stride=1)
    )
    pairs = {"u": "u", "u^2": "u^2", "u_1": "u_x", "u_11": "u_xx"}
    compared = 0
    for k, (along_x, along_t) in enumerate(library.inds_k):
        if (len(along_x), len(along_t)) != (25, 21):
            continue  # an even number of samples has no sample at its centre
        near = np.abs(rows.centres - [t[along_t[10]], x[along_x[12]]]).max(axis=1) < 1e-9
        mass = library.fullweights0[k].sum()
        for theirs_name, ours in pairs.items():
            value = theirs[k, names.index(theirs_name)] / mass
            assert rows.design[near, rows.names.index(ours)] == pytest.approx([value], rel=1e-2, abs=1e-2)
        assert rows.targets[near, 0] == pytest.approx([rates[k, 0] / mass], rel=1e-2, abs=1e-2)
        compared += 1
    assert compared >= 5


@pytest.mark.parametrize("half", [2, 3, 5])
def test_few_samples_keep_first_derivatives_exact(half):
    t, x = np.linspace(0, 1, 11), np.linspace(0, 2, 14)
    grid = sd.Grid((sd.Box("x", x),), time=sd.Box("t", t))
    fields = sd.Fields.of(grid, u=3.0 * t[:, None] - 2.0 * x)
    rows = sd.field_rows(fields, sd.DivergenceForm(1, order=1), form=sd.FieldWeakForm(half_width=half, stride=1))
    np.testing.assert_allclose(rows.design[:, rows.names.index("u_x")], -2.0, atol=1e-12)
    np.testing.assert_allclose(rows.targets, 3.0, atol=1e-12)


def test_products_give_their_derivatives_to_the_bump():
    space = sd.StateSpace.jets(("x",), order=3, time="t", u=1, v=1)
    library = sd.Monomials(2, variables=("u", "v", "u_x", "u_xxx"))
    terms = library.on(space)
    found = dict(zip(terms.names, parts_of(terms), strict=True))
    u, ux = (int(space.indices((name,))[0]) for name in ("u", "u_x"))
    assert [(p.coefficient, p.orders, p.powers) for p in found["u u_x"]] == [(0.5, (1,), ((u, 2),))]
    assert [(p.coefficient, p.orders, p.powers) for p in found["u u_xxx"]] == [
        (-1.5, (1,), ((ux, 2),)),
        (0.5, (3,), ((u, 2),)),
    ]
    assert [p.orders for p in found["v u_x"]] == [(0,)]


def test_libraries_of_jets_and_fluxes_agree_on_smooth_data():
    fields = _two_fields(steps=48, ny=48, nx=48)
    form = sd.FieldWeakForm(half_width=10, stride=5)
    jets = sd.field_rows(fields, sd.Monomials(2, variables=("u", "v", "u_x", "u_xx", "v_yx")), form=form)
    flux = sd.field_rows(fields, sd.DivergenceForm(2), form=form)
    for name, other, factor in (("u u_x", "(u^2)_x", 0.5), ("u_xx", "u_xx", 1.0), ("v_yx", "v_yx", 1.0)):
        np.testing.assert_allclose(
            jets.design[:, jets.names.index(name)], factor * flux.design[:, flux.names.index(other)], atol=1e-12
        )
    # (u v)_x = u v_x + v u_x: the two sides by different ways
    both = sd.field_rows(fields, sd.Monomials(2, variables=("u", "v", "u_x", "v_x")), form=form)
    total = both.design[:, both.names.index("u v_x")] + both.design[:, both.names.index("v u_x")]
    np.testing.assert_allclose(total, flux.design[:, flux.names.index("(u v)_x")], atol=2e-3)


@pytest.mark.parametrize(("noise", "tolerance"), [(0.0, 1e-4), (0.02, 0.03), (0.1, 0.06)])
def test_burgers_equation(noise, tolerance):
    """Cole-Hopf: u = -2 nu theta_x / theta for theta of the heat equation."""
    nu, x, t = 0.1, np.linspace(-3, 3, 241), np.linspace(0.0, 2.0, 121)
    theta, slope = np.ones((len(t), len(x))), np.zeros((len(t), len(x)))
    for k, a in ((1.0, 2.0), (-1.5, 1.0), (2.0, 0.3)):
        wave = a * np.exp(k * x + nu * k**2 * t[:, None])
        theta, slope = theta + wave, slope + k * wave
    u = -2 * nu * slope / theta
    u = u + noise * u.std() * np.random.default_rng(0).normal(size=u.shape)
    fields = sd.Fields.of(sd.Grid((sd.Box("x", x),), time=sd.Box("t", t)), u=u)
    rows = sd.field_rows(fields, sd.DivergenceForm(2, order=2))
    keep = [rows.names.index(name) for name in ("(u^2)_x", "u_xx")]
    law = plain = np.linalg.lstsq(rows.design[:, keep], rows.targets[:, 0])[0]
    if noise:  # errors in variables: without what noise adds to the moments
        whole = np.concatenate([rows.design, rows.targets], axis=1)
        moments = whole.T @ whole - rows.noise_moments
        law = np.linalg.solve(moments[np.ix_(keep, keep)], moments[keep, -1])
        assert abs(law[1] - nu) < abs(plain[1] - nu)
    np.testing.assert_allclose(law, [-0.5, nu], rtol=tolerance)


@pytest.mark.slow
def test_noise_of_targets_is_what_white_noise_does():
    x, t = np.linspace(0, 1, 40), np.linspace(0, 1, 50)
    grid = sd.Grid((sd.Box("x", x),), time=sd.Box("t", t))
    rng, form = np.random.default_rng(0), sd.FieldWeakForm(half_width=8, stride=7)
    draws = [
        sd.field_rows(sd.Fields.of(grid, u=rng.normal(size=grid.shape)), sd.DivergenceForm(1, order=0), form=form)
        for _ in range(300)
    ]
    np.testing.assert_allclose(np.var([r.targets for r in draws], axis=0).mean(), draws[0].noise.mean(), rtol=0.1)


def test_powers_of_noisy_fields_are_unbiased():
    rng = np.random.default_rng(0)
    t, x = np.linspace(0, 2, 80), 2 * np.pi / 96 * np.arange(96)
    grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 96),), time=sd.Box("t", t))
    clean = 1.0 + np.sin(x - t[:, None])
    noisy = clean + 0.4 * rng.normal(size=clean.shape)
    form = {"half_width": 12, "stride": 6}
    library = sd.DivergenceForm(3, order=0)
    truth = sd.field_rows(sd.Fields.of(grid, u=clean), library, form=sd.FieldWeakForm(**form)).design
    bias = [
        (sd.field_rows(sd.Fields.of(grid, u=noisy), library, form=sd.FieldWeakForm(**form, unbiased=u)).design - truth)
        .mean(axis=0)
        for u in (None, False)
    ]  # fmt: skip
    np.testing.assert_allclose(bias[1][1:], [0.16, 3 * 0.16], rtol=0.3)
    assert (abs(bias[0][1:]) < 0.15 * abs(bias[1][1:])).all()


def test_inputs_that_cannot_be_used_are_named():
    fields = _two_fields()
    with pytest.raises(sd.InputError, match="no window of half width 40"):
        sd.field_rows(fields, sd.DivergenceForm(1), form=sd.FieldWeakForm(half_width={"t": 40, "x": 8, "y": 8}))
    with pytest.raises(sd.InputError, match="longer than the period"):
        sd.field_rows(fields, sd.DivergenceForm(1), form=sd.FieldWeakForm(half_width={"t": 8, "x": 30, "y": 8}))
    with pytest.raises(sd.InputError, match="unknown axis 'z'"):
        sd.field_rows(fields, sd.DivergenceForm(1), form=sd.FieldWeakForm(half_width={"z": 8}))
    form, inverse = sd.FieldWeakForm(half_width=8, stride=8), sd.Function(lambda s: 1 / s["w"][None], names=("1/w",))
    with pytest.raises(sd.InputError, match="not finite"):
        sd.field_rows(fields.with_field("w", 0.0), inverse, form=form, order=1, rate_of="u")
    with pytest.raises(sd.InputError, match="order q < 5"):
        sd.FieldWeakForm(q=3)
    with pytest.raises(sd.InputError, match="with a time"):
        sd.field_rows(sd.Fields.of(sd.Grid((sd.Box("x", np.arange(9.0)),)), u=np.ones(9)), sd.DivergenceForm(1))
    with pytest.raises(sd.InputError, match="grid has none"):
        sd.field_rows(fields, sd.DivergenceForm(1, latitude="y"))


def test_no_window_reaches_across_a_gap_in_time():
    fields = _two_fields(steps=60)
    t = fields.grid.time.points.copy()
    t[30:] += 50.0
    late = sd.Fields.of(sd.Grid(fields.grid.space, time=sd.Box("t", t)), u=fields.component("u"))
    form = sd.FieldWeakForm(half_width=8, stride=4)
    rows = sd.field_rows(late, sd.DivergenceForm(1, order=0), form=form)
    parts = sd.field_rows(late, sd.DivergenceForm(1, order=0), form=form, memory=32 * 36 * 20)
    np.testing.assert_allclose(rows.design, parts.design, atol=1e-13)
    assert abs(rows.targets).max() < 10
    assert set(np.searchsorted(t, np.unique(rows.centres[:, 0]))) <= {*range(8, 22), *range(38, 52)}
    with pytest.raises(sd.InputError, match="reach across gaps"):
        sd.field_rows(late, sd.DivergenceForm(1), form=sd.FieldWeakForm(half_width={"t": 20, "x": 8, "y": 8}))
    samples = sd.jets(late, order=1)
    assert (samples.weights.reshape(60, -1)[27:33] == 0).all()
    assert (samples.weights.reshape(60, -1)[3:27] > 0).all()


def test_units_of_terms_and_targets():
    grid = sd.Grid((sd.Box("x", np.arange(40.0), "m"),), time=sd.Box("t", np.arange(30.0), "s"))
    fields = sd.Fields.of(grid, u=np.outer(np.arange(30.0), np.arange(40.0)), units={"u": "m s-1"})
    rows = sd.field_rows(fields, sd.DivergenceForm(2, order=1), form=sd.FieldWeakForm(half_width=8))
    assert dict(zip(rows.names, rows.units, strict=True)) == {
        "u": "m s-1", "u^2": "m2 s-2", "u_x": "s-1", "(u^2)_x": "m s-2",
    }  # fmt: skip
    assert rows.target_units == ("m s-2",)
    assert fields.jet_space(1)["u_x"].unit == "s-1"
    assert hash(sd.FieldWeakForm(half_width={"x": 8})) == hash(sd.FieldWeakForm(half_width={"x": 8}))


def test_terms_that_are_no_polynomials_are_averaged_over_windows():
    fields = _two_fields()
    form = sd.FieldWeakForm(half_width=8, stride=6)
    waves = sd.field_rows(fields, sd.Waves(1, variables=("u", "u_x")), form=form, order=1)
    u = fields.component("u")
    slope = fields.grid.derivative(u, {"x": 1})
    there = fields.with_field("a", np.sin(u)).with_field("b", np.cos(u) * np.cos(slope))
    means = sd.field_rows(there, sd.Monomials(1, variables=("a", "b")), form=form, order=1)
    column = lambda rows, name: rows.design[:, rows.names.index(name)]  # noqa: E731
    np.testing.assert_allclose(column(waves, "sin(u)"), column(means, "a"), atol=1e-12)
    np.testing.assert_allclose(waves.targets, means.targets[:, :2], atol=1e-12)
    holes = u.copy()
    holes[20, 10, 10] = np.nan
    gaps = sd.Fields.of(fields.grid, u=holes, v=fields.component("v"))
    some = sd.field_rows(gaps, sd.Waves(1, variables=("u",)), form=form, order=1)
    live = some.weights > 0
    assert 0 < live.sum() < live.size
    np.testing.assert_allclose(column(some, "sin(u)")[live], column(waves, "sin(u)")[live], atol=1e-12)


def test_vectors_of_jets_give_a_row_for_each_component():
    """A covariant library on the wind of a plane: one coefficient for both components."""
    t = np.linspace(0, 2, 40)
    axes = [sd.Periodic(name, 0.0, 2 * np.pi, 24) for name in ("x", "y")]
    wind = np.stack(
        [np.sin(axes[1].points + k - t[:, None, None]) + 0 * axes[0].points[:, None] for k in (0.0, 1.0)], axis=-1
    )
    fields = sd.Fields.of(sd.Grid(tuple(axes), time=sd.Box("t", t)), wind=wind)
    form = sd.FieldWeakForm(half_width=8, stride=6)
    rows = sd.field_rows(fields, sd.Covariant(["wind", "|wind|^2 wind"]), form=form, order=1)
    assert rows.design.ndim == 3
    assert rows.design.shape[2] == rows.targets.shape[1] == 2


def test_noise_moments_are_what_noise_adds_and_undo_the_attenuation():
    x, t = np.linspace(-3, 3, 121), np.linspace(0.0, 2.0, 61)
    grid = sd.Grid((sd.Box("x", x),), time=sd.Box("t", t))
    clean = 1.0 + np.cos(2 * x - t[:, None]) + 0.3 * np.sin(3 * x + 2 * t[:, None])
    form, library = sd.FieldWeakForm(half_width=8, stride=4, unbiased=True), sd.DivergenceForm(3, order=1)
    whole = lambda rows: np.concatenate([rows.design, rows.targets], axis=1)  # noqa: E731
    true = whole(sd.field_rows(sd.Fields.of(grid, u=clean), library, form=form))
    added, told = [], []
    for seed in range(40):
        noisy = clean + 0.2 * np.random.default_rng(seed).normal(size=clean.shape)
        rows = sd.field_rows(sd.Fields.of(grid, u=noisy), library, form=form)
        added.append((whole(rows) - true).T @ (whole(rows) - true))
        told.append(rows.noise_moments)
    added, told = np.mean(added, axis=0), np.mean(told, axis=0)
    scale = np.sqrt(np.outer(np.diag(added), np.diag(added)))
    np.testing.assert_allclose(told / scale, added / scale, atol=0.1)


@pytest.mark.parametrize(
    ("half", "highest", "q"), [(12, 1, 5), (24, 1, 8), (12, 2, 5), (12, 3, 8), (12, 4, 9), (24, 6, 13)]
)
def test_bumps_are_smoother_the_higher_the_derivative(half, highest, q):
    grid = sd.Grid((sd.Periodic("x", 0.0, 1.0, 64),))
    windows = axis_windows(grid, 0, half, 4, None, highest)
    assert windows.q == q
    assert axis_windows(grid, 0, half, 4, 6, highest).q == 6
