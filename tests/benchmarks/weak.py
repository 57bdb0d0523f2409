"""Laws from noisy states by the weak form: success and errors over noise draws, with and without symmetry.

    python tests/benchmarks/weak.py                     # 20 draws of every case
    python tests/benchmarks/weak.py --draws 5 b1 b2     # some of them

Success: exactly the right terms in all equations. RMSE: root mean square over all coefficients of the library, in the
mean over draws. One configuration everywhere: `WeakForm()` with the default solver and selection; the truth is for
scoring alone. Cases B1 to B4 follow Yang et al. (NeurIPS 2024): the clean trajectories are those of the paper's systems
and sampling (every draw has new starts and new noise); `--thin k` keeps every k-th sample.

    b1  damped oscillator, 50 runs of 10 000 samples: plain, SO(2), and a wrong group
    b2  growth, 100 runs of 1000 samples, multiplicative noise: plain, scaling (2, 1), and scaling (1, 2)
    b3  Lotka-Volterra in logarithms, 200 runs of 10 000 samples: plain, and a wrong group (no linear group leaves this
        law; it conserves a function H(x, y), which is no action on the coefficients)
    b4  Selkov, 10 runs of 10 000 samples: plain, and a wrong group (no linear group leaves this law)

Noise: the cards' (b1 20 %, b2 5 and 20 %, b3 99 %, b4 20 % of the standard deviation) and upwards until it fails.
The last columns are what the law itself says of its misfit, medians over draws: the share of the (whitened) rates that
it leaves unexplained, and how many times larger than by white residuals its weights scatter. A wrong group shows there,
beside the law without a group. Each group is enforced, and promoted (`identify(promote=)`: kept where the data do not
contradict it). `--arms` takes some of these, by their names. `--auto` leaves the differentiation to `identify`.
    i   Lorenz, degree 5, T = 10 and 3, 0.5 to 5 % of the rms, beside PySINDy's weak form with the best of 8 thresholds
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr

import symdyn as sd
from symdyn.library import AbstractLibrary, AbstractTerms


class ExponentialTerms(AbstractTerms):
    space: sd.StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, x):
        return jnp.exp(x)

    def to_sympy(self, symbols):
        import sympy

        return [sympy.exp(s) for s in symbols]


class Exponentials(AbstractLibrary):
    def on(self, space):
        names = tuple(f"exp({name})" for name in space.component_names)
        return ExponentialTerms(space, names, names, ())


def integrate(f, start: np.ndarray, dt: float, samples: int) -> np.ndarray:
    """Classical Runge-Kutta of many runs at once: starts (runs, n) -> (runs, samples, n)."""
    out = np.empty((samples, *start.shape))
    out[0] = x = start
    for k in range(1, samples):
        a = f(x)
        b = f(x + dt / 2 * a)
        c = f(x + dt / 2 * b)
        x = x + dt / 6 * (a + 2 * b + 2 * c + f(x + dt * c))
        out[k] = x
    return out.transpose(1, 0, 2)


def _pair(f):
    return lambda s: np.stack(f(s[..., 0], s[..., 1]), axis=-1)


def b1(rng):
    r, angle = rng.uniform(0.5, 2, 50), rng.uniform(0, 2 * np.pi, 50)
    start = np.stack([r * np.cos(angle), r * np.sin(angle)], 1)
    return integrate(_pair(lambda x, y: (-0.1 * x - y, x - 0.1 * y)), start, 0.002, 10_000)


def b2(rng):
    return integrate(_pair(lambda x, y: (-0.3 * x + 0.1 * y * y, y)), rng.uniform(0.2, 1, (100, 2)), 0.002, 1000)


def b3(rng):
    starts = []
    while len(starts) < 200:
        x, y = rng.uniform(-2, 1.5, 2)
        energy = np.exp(x) - x + 4 / 3 * np.exp(y) - 2 / 3 * y  # conserved
        if 3 <= energy <= 4.5:
            starts.append((x, y))
    f = _pair(lambda x, y: (2 / 3 - 4 / 3 * np.exp(y), np.exp(x) - 1))
    return integrate(f, np.array(starts), 0.002, 10_000)


def b4(rng):
    f = _pair(lambda x, y: (0.75 - 0.1 * x - x * y * y, -y + 0.1 * x + x * y * y))
    return integrate(f, rng.uniform(0.5, 1, (10, 2)), 0.002, 10_000)


TRUTHS = {
    "b1": ({"x": -0.1, "y": -1.0}, {"x": 1.0, "y": -0.1}),
    "b2": ({"x": -0.3, "y^2": 0.1}, {"y": 1.0}),
    "b3": ({"1": 2 / 3, "exp(y)": -4 / 3}, {"exp(x)": 1.0, "1": -1.0}),
    "b4": ({"1": 0.75, "x": -0.1, "x y^2": -1.0}, {"y": -1.0, "x": 0.1, "x y^2": 1.0}),
}
LIBRARIES = {
    "b1": sd.Monomials(2),
    "b2": sd.Monomials(2),
    "b3": sd.Monomials(2) + Exponentials(),
    "b4": sd.Monomials(3),
}
CARD = {"b1": (0.2,), "b2": (0.05, 0.2), "b3": (0.99,), "b4": (0.2,)}
NOISES = {
    "b1": (0.2, 0.5, 1.0, 2.0),
    "b2": (0.05, 0.2, 0.4, 0.8),
    "b3": (0.99, 2.0, 4.0),
    "b4": (0.2, 0.4, 0.8, 1.6),
}
_XY = ("x", "y")
ACTIONS = {
    "b1": {
        "SO(2)": sd.SO(2).acting_on({_XY: sd.Vector}),
        "wrong": sd.Scaling().acting_on(x=sd.Weight(2), y=sd.Weight(1)),
    },
    "b2": {
        "scaling (2, 1)": sd.Scaling().acting_on(x=sd.Weight(2), y=sd.Weight(1)),
        "wrong": sd.Scaling().acting_on(x=sd.Weight(1), y=sd.Weight(2)),
    },
    "b3": {"wrong": sd.SO(2).acting_on({_XY: sd.Vector})},
    "b4": {"wrong": sd.SO(2).acting_on({_XY: sd.Vector})},
}  # fmt: skip


def truth_table(names: tuple[str, ...], truth) -> np.ndarray:
    table = np.zeros((len(names), len(truth)))
    for column, terms in enumerate(truth):
        for name, value in terms.items():
            table[names.index(name), column] = value
    return table


def arms(case: str) -> dict[str, dict]:
    """What is told to `identify` by the name of the arm: nothing, a group enforced, or the same group promoted."""
    told: dict[str, dict] = {"weak": {}}
    for name, action in ACTIONS[case].items():
        told[name] = {"action": action}
    for name, action in ACTIONS[case].items():
        told[f"promoted {name}"] = {"promote": action}
    return told


def run_b(case: str, options: argparse.Namespace) -> None:
    make = {"b1": b1, "b2": b2, "b3": b3, "b4": b4}[case]
    form = None if options.auto else sd.WeakForm()
    for noise in NOISES[case]:
        rows: dict[str, list[tuple[float, ...]]] = {}
        end = time.monotonic() + options.seconds / len(NOISES[case])
        for draw in range(options.draws if noise in CARD[case] else options.sweep):
            if time.monotonic() > end:
                break
            rng = np.random.default_rng(draw)
            clean = make(rng)
            normal = rng.normal(size=clean.shape)
            noisy = clean * (1 + noise * normal) if case == "b2" else clean + noise * clean.std(axis=(0, 1)) * normal
            noisy, times = noisy[:, :: options.thin], 0.002 * np.arange(clean.shape[1])[:: options.thin]
            dims = ("trajectory", "time")
            arrays = {name: (dims, noisy[..., k]) for k, name in enumerate("xy")}
            data = xr.Dataset(arrays, coords={"time": times})
            for label, arm in arms(case).items():
                if options.arms and label not in options.arms:
                    continue
                begin = time.process_time()
                try:
                    law = sd.identify(
                        data, library=LIBRARIES[case], trajectories="trajectory", differentiation=form, **arm
                    )
                except sd.SymdynError as error:
                    print(f"{case} {noise} {label}: {error}")
                    continue
                truth = truth_table(law.term_names, TRUTHS[case])
                found = law.coefficients
                right = bool(((found != 0) == (truth != 0)).all())
                error = float(np.sqrt(np.mean((found - truth) ** 2)))
                spent, told = time.process_time() - begin, law.stats
                misfit = (max(told.residual, default=1.0), max(told.inflation, default=1.0))
                rows.setdefault(label, []).append((right, error, *misfit, spent))
        for label, results in rows.items():
            right, error, residual, inflation, spent = np.array(results, float).T
            print(
                f"{case} noise {noise:.2f} {label:23s} success {right.mean():.2f} ({len(right)} draws)  RMSE "
                f"{error.mean():.5f} [{error.min():.5f}, {error.max():.5f}]  unexplained {np.median(residual):.4f}  "
                f"inflation {np.median(inflation):.2f}  {np.median(spent):.1f} s cpu",
                flush=True,
            )


def lorenz(x):
    return np.stack(
        [10 * (x[..., 1] - x[..., 0]), x[..., 0] * (28 - x[..., 2]) - x[..., 1],
         x[..., 0] * x[..., 1] - 8 / 3 * x[..., 2]], axis=-1,
    )  # fmt: skip


def run_i(draws: int, seconds: float) -> None:
    fine = integrate(lorenz, np.array([[-8.0, 7.0, 27.0]]), 0.001, 10_001)[0, ::10]
    truth = ({"x": -10.0, "y": 10.0}, {"x": 28.0, "y": -1.0, "x z": -1.0}, {"x y": 1.0, "z": -8 / 3})
    for samples in (1001, 301):
        clean, times = fine[:samples], 0.01 * np.arange(samples)
        for noise in (0.005, 0.01, 0.02, 0.03, 0.05):
            rows, peer, spent = [], [], []
            end = time.monotonic() + seconds / 10
            for draw in range(draws):
                if time.monotonic() > end:
                    break
                rng = np.random.default_rng(1000 + draw)
                noisy = clean + noise * np.sqrt(np.mean(clean**2)) * rng.normal(size=clean.shape)
                begin = time.process_time()
                law = sd.identify(
                    sd.dataset(times, **dict(zip("xyz", noisy.T, strict=True))), library=sd.Monomials(5),
                    differentiation=sd.WeakForm(),
                )  # fmt: skip
                spent.append(time.process_time() - begin)
                table = truth_table(law.term_names, truth)
                error = np.linalg.norm(law.coefficients - table) / np.linalg.norm(table)
                rows.append((((law.coefficients != 0) == (table != 0)).all(), error))
                peer.append(_pysindy(noisy, times, truth))
            right, errors = np.array(rows).T
            best = np.mean(peer, axis=0).max()
            print(
                f"Lorenz degree 5 T {times[-1]:.0f} noise {noise:.3f}  weak {right.mean():.2f}  error median "
                f"{np.median(errors):.4f}  PySINDy weak (best of 8 thresholds) {best:.2f}  "
                f"{len(right)} draws  {np.median(spent):.1f} s",
                flush=True,
            )


def _pysindy(noisy: np.ndarray, times: np.ndarray, truth) -> list[bool]:
    """Whether PySINDy's weak form has the right terms, for each of some thresholds."""
    import pysindy as ps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = ps.WeakPDELibrary(
            ps.PolynomialLibrary(degree=5, include_bias=True), spatiotemporal_grid=times, K=200, p=8,
            H_xt=[min(0.5, times[-1] / 10)],
        )  # fmt: skip
        np.random.seed(0)  # noqa: NPY002
        out = []
        for threshold in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9):
            model = ps.SINDy(feature_library=library, optimizer=ps.STLSQ(threshold=threshold, normalize_columns=False))
            model.fit(noisy, t=times, feature_names=["x", "y", "z"])
            found = model.coefficients() != 0
            names = [name.replace("^1", "") for name in model.get_feature_names()]
            wanted = np.zeros_like(found)
            for row, terms in enumerate(truth):
                for name in terms:
                    wanted[row, names.index(name)] = True
            out.append(bool((found == wanted).all()))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=["b1", "b2", "b3", "b4", "i"])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--sweep", type=int, default=6, help="draws at noise above that of the cards")
    parser.add_argument("--arms", nargs="+", help='for example weak "promoted wrong"')
    parser.add_argument("--auto", action="store_true")
    parser.add_argument("--thin", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="per case: draws stop after this time")
    options = parser.parse_args()
    for case in options.cases:
        if case == "i":
            run_i(options.draws, options.seconds)
        else:
            run_b(case, options)


if __name__ == "__main__":
    main()
