"""The covariance of scores beside what each point of the grid does to them, one after the other."""

from dataclasses import replace

import numpy as np

import symdyn as sd
from symdyn.fields.scores import score_covariance

FORM = sd.FieldWeakForm(half_width={"t": 4, "x": 3}, stride=3, unbiased=True)


def _fields(steps=12, n=8):
    t = np.linspace(0.0, 1.0, steps)
    grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, n),), time=sd.Box("t", t))
    x = grid.axes[1].points
    u = 1.0 + np.sin(x - t[:, None]) + 0.3 * np.cos(2 * x + t[:, None])
    return sd.Fields.of(grid, u=u, v=np.cos(x + 2 * t[:, None]) + 0 * u)


def _scores(fields, library, law, design):
    rows = sd.field_rows(fields, library, form=replace(FORM, unbiased=False))
    return np.einsum("mkd,md->k", design, rows.targets - rows.design @ law)


def test_scores_scatter_as_the_points_make_them():
    fields, library = _fields(), sd.DivergenceForm(2, order=2)
    rows = sd.field_rows(fields, library, form=FORM)
    rng = np.random.default_rng(0)
    law = np.zeros((rows.design.shape[1], 2))
    for column, names in enumerate((("(u^2)_x", "u_xx", "v"), ("(u v)_x", "v_xx"))):
        law[[rows.names.index(name) for name in names], column] = rng.normal(size=len(names))
    design = rng.normal(size=(len(rows.design), 3, 2))
    problem = replace(rows.problem, variance=np.array([1e-10, 4e-10]))
    told, by_parts = (score_covariance(problem, design, law, memory) for memory in (2**20, 2000))
    step, total = 1e-4, np.zeros((3, 3))
    for name, variance in (("u", 1e-10), ("v", 4e-10)):
        for place in np.ndindex(fields.grid.shape):
            both = []
            for sign in (1, -1):
                values = {each: fields.component(each).copy() for each in ("u", "v")}
                values[name][place] += sign * step
                both.append(_scores(sd.Fields.of(fields.grid, **values), library, law, design))
            slope = (both[0] - both[1]) / (2 * step)
            total += variance * np.outer(slope, slope)
    np.testing.assert_allclose(told, total, rtol=1e-6)
    np.testing.assert_allclose(by_parts, told, rtol=1e-10)


def test_noise_that_cannot_be_followed_is_left_to_the_rows():
    fields = _fields()
    rows = sd.field_rows(fields, sd.Monomials(2, variables=("u", "u_x")), form=FORM)
    problem = replace(rows.problem, variance=np.ones(len(rows.problem.plan.columns)))
    assert score_covariance(problem, np.ones((len(rows.design), 1, 2)), np.zeros((5, 2)), 2**20) is None
    rows = sd.field_rows(fields, sd.DivergenceForm(1), form=FORM)
    assert score_covariance(rows.problem, np.ones((len(rows.design), 1, 2)), np.zeros((6, 2)), 2**20) is None
