"""PySINDy and scikit-learn: their parts in symdyn, symdyn's laws and regression in their manner."""

from __future__ import annotations

import numpy as np
import pysindy as ps
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import symdyn as sd
from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.interop.pysindy import Differentiation, Optimizer, from_pysindy, to_pysindy
from symdyn.interop.sklearn import SparseLawRegressor

TIMES = np.arange(0, 10, 0.01)


@pytest.fixture(scope="module")
def lorenz():
    return sd.open_dataset("lorenz", times=TIMES)


@pytest.fixture(scope="module")
def states(lorenz) -> np.ndarray:
    return np.stack([lorenz[name].values for name in "xyz"], axis=1)


OPTIMIZERS = [
    ps.STLSQ(threshold=0.01, alpha=1e-8), ps.STLSQ(threshold=0.01, alpha=0.0, unbias=False),
    ps.SR3(reg_weight_lam=1e-4), ps.SSR(kappa=1e-9, alpha=1e-10), ps.FROLS(kappa=1e-5),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_optimizers_choose_the_terms(lorenz, optimizer):
    law = sd.identify(lorenz, solver=Optimizer(optimizer))
    truth = {("x", "x"), ("y", "x"), ("x", "y"), ("y", "y"), ("x z", "y"), ("z", "z"), ("x y", "z")}
    kept = {(law.term_names[i], law.target_components[j]) for i, j in zip(*law.coefficients.nonzero(), strict=True)}
    assert truth <= kept  # some of them keep a term more
    assert len(kept) <= 14
    assert not hasattr(optimizer, "coef_")


METHODS = [
    ps.FiniteDifference(order=4), ps.SmoothedFiniteDifference(), ps.SINDyDerivative(kind="finite_difference", k=2),
    ps.SINDyDerivative(kind="spline", s=1e-6), ps.SINDyDerivative(kind="kalman", alpha=1e-4),
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=lambda m: f"{type(m).__name__}")
def test_differentiation_methods_give_the_rates(lorenz, states, method):
    rates = Differentiation(method)(TIMES, states)
    np.testing.assert_array_equal(rates, np.asarray(method(states, TIMES)))
    law = sd.identify(lorenz, differentiation=Differentiation(method))
    assert law.coefficient("y", "x")[0] == pytest.approx(10, rel=0.1)


class Fails(BaseEstimator):
    def fit(self, x, y):
        raise ZeroDivisionError("nothing to divide")


class Infinite(BaseEstimator):
    def fit(self, x, y):
        self.coef_ = np.full((1, x.shape[1]), np.nan)


def test_what_is_no_optimizer_or_fails_is_named(lorenz):
    with pytest.raises(InputError, match=r"pysindy.STLSQ\(\)"):
        Optimizer("stlsq")
    with pytest.raises(InputError, match="FiniteDifference"):
        Differentiation("centred")
    with pytest.raises(InputError, match="Fails fails on this regression: nothing to divide"):
        sd.identify(lorenz, solver=Optimizer(Fails()))
    with pytest.raises(InputError, match="no finite coefficient"):
        sd.identify(lorenz, solver=Optimizer(Infinite()))
    with pytest.raises(InputError, match="not finite"):
        Differentiation(ps.FiniteDifference(drop_endpoints=True))(TIMES, np.stack([TIMES], axis=1))


def test_a_law_as_a_fitted_pysindy_model(lorenz, states):
    law = sd.identify(lorenz)
    model = to_pysindy(law)
    with double_precision():
        rates = np.stack([np.asarray(law.model.rate(x)) for x in states[:50]])
    np.testing.assert_allclose(model.predict(states[:50]), rtol=1e-10, desired=rates, atol=1e-10)
    np.testing.assert_allclose(
        model.simulate(states[0], TIMES[:100], integrator_kws={"rtol": 1e-10, "atol": 1e-10}),
        np.stack([law.simulate(lorenz.isel(time=0), TIMES[:100])[n].values for n in "xyz"], axis=1), rtol=1e-6,
    )  # fmt: skip
    assert model.score(states, t=TIMES) > 0.999
    back = from_pysindy(model)
    assert back.targets == ("x", "y", "z")
    np.testing.assert_allclose(np.asarray(back.coefficients), law.coefficients, atol=1e-12)


def test_a_pysindy_model_as_a_law(states):
    model = ps.SINDy(optimizer=ps.STLSQ(threshold=0.1), feature_library=ps.PolynomialLibrary(2))
    model.fit(states, t=TIMES, feature_names=["x", "y", "z"])
    law = from_pysindy(model)
    run = law.simulate({"x": states[0, 0], "y": states[0, 1], "z": states[0, 2]}, TIMES[:200])
    np.testing.assert_allclose(run.x.values, model.simulate(states[0], TIMES[:200])[:, 0], rtol=1e-3)
    found = sd.find_symmetries(law)
    assert any("(-x, -y, z)" in str(each) for each in found.discrete)


def test_models_that_are_not_read_are_named(states):
    with pytest.raises(InputError, match="fitted"):
        from_pysindy(ps.SINDy())
    waves = ps.SINDy(feature_library=ps.FourierLibrary()).fit(states, t=TIMES)
    with pytest.raises(InputError, match=r"'sin\(1 x0\)' is no product of powers"):
        from_pysindy(waves)
    driven = ps.SINDy().fit(states[:, :2], t=TIMES, u=states[:, 2:])
    with pytest.raises(InputError, match="control"):
        from_pysindy(driven)


def test_laws_that_pysindy_cannot_say_are_named(lorenz):
    orbit = sd.open_dataset("kepler", times=np.linspace(0, 10, 300))
    with pytest.raises(InputError, match="every variable"):
        to_pysindy(sd.identify(orbit, library=sd.Radial("position", powers=(-3,))))
    with pytest.raises(InputError, match="next sample"):
        to_pysindy(sd.identify(lorenz, discrete=True))
    with pytest.raises(InputError, match="inputs"):
        to_pysindy(sd.identify(lorenz, inputs="z"))


@parametrize_with_checks([SparseLawRegressor()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_the_regressor_finds_terms_and_is_searched():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    y = np.stack([x[:, 1], -x[:, 0] - 0.5 * x[:, 0] ** 2 * x[:, 1]], axis=1)
    search = GridSearchCV(SparseLawRegressor(), {"degree": [1, 2, 3]}).fit(x, y + 0.01 * rng.normal(size=y.shape))
    assert search.best_params_ == {"degree": 3}
    best = search.best_estimator_
    assert (best.coef_ != 0).sum() == 3
    place = list(best.feature_names_out_).index("x_0^2 x_1")
    assert abs(best.coef_[1, place] + 0.5) < 4 * best.errors_[1, place]
