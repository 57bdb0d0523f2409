"""The Lorenz system under measurement noise, over noise and length: how often the law has exactly the true terms.

    python tests/benchmarks/lorenz_noise.py --grid i --draws 20            # ensemble SINDy's grid
    python tests/benchmarks/lorenz_noise.py --grid ii --draws 20 --jobs 2  # the grid of ODR-BINDy
    python tests/benchmarks/lorenz_noise.py --grid ii --noise 0.1 0.2 --lengths 4 --methods weak "weak, ensemble"

Grid i: start (-8, 7, 27), steps of 0.01, white noise in per cent of the root mean square of all states, library of
degree five, T = 10 and 3; published over 1000 seeds. Grid ii: start (-8, 8, 27), noise in per cent of the standard
deviation of all states, degree two, T = 4 and 10; published over 128 seeds. Only the noisy states are given.

A draw counts where all three equations have exactly the true terms. "error" is the mean, over the draws, of
|Xi - Xi_true| / |Xi_true| (Frobenius norms of the coefficients). `METHODS` is the table of contenders: a name and a
function from (data, degree) to coefficients; add a line to compare another. PySINDy's contenders are plain thresholding
after smoothing, at the better of two thresholds, and its weak form with 50 bags, by the median.

References: Fasel, Kutz, Brunton, Brunton 2022, Proc. R. Soc. A 478, 20210904 (grid i); Fung, Fasel, Juniper 2025 and
the stored results of `jsindy` (grid ii).
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.integrate import solve_ivp

import symdyn as sd

STEP = 0.01
Data = dict[str, np.ndarray]


@dataclass(frozen=True)
class Grid:
    """`noises` are shares of `unit`, the root mean square or the standard deviation of all states."""

    start: tuple[float, float, float]
    unit: str
    degree: int
    lengths: tuple[float, ...]
    noises: tuple[float, ...]
    published: dict[tuple[str, float], tuple[float, ...]]


GRIDS = {
    "i": Grid(
        (-8.0, 7.0, 27.0), "rms", 5, (3.0, 10.0), (0.005, 0.01, 0.02, 0.03, 0.05),
        {
            ("SINDy", 10.0): (0.87, 0.83, 0.75, 0.58, 0.40),
            ("bragging", 10.0): (1, 1, 1, 0.97, 0.61),
            ("bagging", 10.0): (1, 1, 1, 0.99, 0.81),
            ("library bagging", 10.0): (1, 1, 1, 0.97, 0.68),
            ("SINDy", 3.0): (0.82, 0.67, 0.49, 0.37, 0.18),
            ("bragging", 3.0): (1, 1, 0.92, 0.67, 0.35),
        },
    ),
    "ii": Grid(
        (-8.0, 8.0, 27.0), "std", 2, (4.0, 10.0), (0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4),
        {
            ("PySINDy weak, 50 bags", 4.0): (0.35, 0.20, 0.01, 0, 0, 0, 0, 0, 0),
            ("PySINDy weak, 50 bags", 10.0): (0.47, 0.20, 0.05, 0.02, 0.01, 0, 0, 0.01, 0.01),
            ("ODR-BINDy", 4.0): (1, 1, 1, 0.95, 0.57, 0.31, 0.14, 0.04, 0.04),
            ("ODR-BINDy", 10.0): (1, 1, 1, 1, 1, 0.95, 0.92, 0.84, 0.73),
        },
    ),
}  # fmt: skip


def smoothed(data: Data, degree: int) -> np.ndarray:
    return sd.identify(data, library=sd.Monomials(degree), differentiation=sd.SavitzkyGolay(31, 4)).coefficients


def weak(data: Data, degree: int) -> np.ndarray:
    return sd.identify(data, library=sd.Monomials(degree), differentiation=sd.WeakForm()).coefficients


def weak_ensemble(data: Data, degree: int) -> np.ndarray:
    how = {"library": sd.Monomials(degree), "differentiation": sd.WeakForm()}
    return sd.ensemble(data, models=200, key=0, **how).law(inclusion=0.6).coefficients


def automatic(data: Data, degree: int) -> np.ndarray:
    """The automatic library, its terms put back into the order of the monomials."""
    law = sd.identify(data, library="auto", differentiation=sd.WeakForm())
    names = sd.Monomials(degree).on(sd.StateSpace.of(x=1, y=1, z=1)).names
    out = np.zeros((len(names) + 1, 3))  # the last row: terms that are no monomials of this degree
    for name, row in zip(law.term_names, law.coefficients, strict=True):
        out[names.index(name) if name in names else -1] += row
    return out


def pysindy_smoothed(data: Data, degree: int) -> np.ndarray:
    """Thresholds of 0.2 (as in the study of ensembles) and 0.5; the right one is taken, if any is."""
    import pysindy as ps

    x, best = np.column_stack([data[name] for name in "xyz"]), np.zeros(0)
    for threshold in (0.2, 0.5):
        model = ps.SINDy(ps.STLSQ(threshold=threshold), ps.PolynomialLibrary(degree), ps.SmoothedFiniteDifference())
        found = model.fit(x, t=STEP).coefficients().T
        best = found if not best.size or right(found, degree) else best
    return best


def pysindy_weak(data: Data, degree: int) -> np.ndarray:
    import pysindy as ps

    x = np.column_stack([data[name] for name in "xyz"])
    library = ps.WeakPDELibrary(
        ps.PolynomialLibrary(degree), spatiotemporal_grid=data["time"], K=200, include_bias=False
    )
    optimizer = ps.EnsembleOptimizer(ps.STLSQ(threshold=0.5), bagging=True, n_models=50)
    model = ps.SINDy(optimizer, library).fit(x, t=data["time"])
    median = np.median(np.array(optimizer.coef_list), axis=0).T
    out = np.zeros((len(truth(degree)), 3))
    names = [n.replace("x0", "x").replace("x1", "y").replace("x2", "z") for n in model.get_feature_names()]
    order = list(sd.Monomials(degree).on(sd.StateSpace.of(x=1, y=1, z=1)).names)
    for name, row in zip(names, median, strict=True):
        out[order.index(name)] = row
    return out


def by_itself(data: Data, degree: int) -> np.ndarray:
    """What `identify` does without being told anything about the noise."""
    return sd.identify(data, library=sd.Monomials(degree)).coefficients


METHODS: dict[str, Callable[[Data, int], np.ndarray]] = {
    "by itself": by_itself,
    "smoothing": smoothed,
    "weak": weak,
    "weak, ensemble": weak_ensemble,
    "auto, weak": automatic,
    "PySINDy smoothing": pysindy_smoothed,
    "PySINDy weak": pysindy_weak,
}


@cache
def truth(degree: int) -> np.ndarray:
    """The true coefficients, (p, 3)."""
    names = sd.Monomials(degree).on(sd.StateSpace.of(x=1, y=1, z=1)).names
    out = np.zeros((len(names), 3))
    for column, terms in enumerate(({"x": -10, "y": 10}, {"x": 28, "y": -1, "x z": -1}, {"x y": 1, "z": -8 / 3})):
        for name, value in terms.items():
            out[names.index(name), column] = value
    return out


def padded(found: np.ndarray, degree: int) -> np.ndarray:
    """The true coefficients with as many rows as those found."""
    return np.concatenate([truth(degree), np.zeros((len(found) - len(truth(degree)), 3))])


def right(found: np.ndarray, degree: int) -> bool:
    return bool(((found != 0) == (padded(found, degree) != 0)).all())


@cache
def clean(start: tuple[float, float, float], length: float) -> np.ndarray:
    def rate(t, s):
        x, y, z = s
        return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]

    times = STEP * np.arange(round(length / STEP))
    return solve_ivp(rate, (0, length), start, "DOP853", times, rtol=1e-11, atol=1e-11).y.T


def draw(grid: Grid, length: float, noise: float, method: str, seed: int) -> tuple[bool, float, float]:
    """Exact or not, the error of the coefficients, and CPU seconds."""
    states = clean(grid.start, length)
    size = np.sqrt(np.mean(states**2)) if grid.unit == "rms" else states.std()
    rng = np.random.default_rng([seed, round(1e4 * noise), round(length)])
    seen = states + noise * size * rng.normal(size=states.shape)
    data = {"time": STEP * np.arange(len(seen)), **dict(zip("xyz", seen.T, strict=True))}
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.random.seed(seed)  # noqa: NPY002  PySINDy draws its windows from the global generator
        try:
            found = METHODS[method](data, grid.degree)
        except sd.SymdynError:
            return False, 1.0, time.process_time() - started
    spent, goal = time.process_time() - started, padded(found, grid.degree)
    return right(found, grid.degree), float(np.linalg.norm(found - goal) / np.linalg.norm(goal)), spent


def _draw(arguments) -> tuple[bool, float, float]:
    name, *rest = arguments
    return draw(GRIDS[name], *rest)


def table(name: str, options: argparse.Namespace, pool: ProcessPoolExecutor) -> None:
    grid = GRIDS[name]
    noises = options.noise or grid.noises
    print(f"\ngrid {name}: degree {grid.degree}, noise in % of {grid.unit}, {options.draws} draws, share exact (error)")
    for length in options.lengths or grid.lengths:
        print(f"{f'T = {length:g}':26s}" + "".join(f"{100 * noise:>13g}" for noise in noises) + "     CPU s a fit")
        for (who, of), shares in grid.published.items():
            known = dict(zip(grid.noises, shares, strict=True))
            if of == length:
                cells = (f"{known[noise]:13.2f}" if noise in known else f"{'':13s}" for noise in noises)
                print(f"{who + ' (published)':26s}" + "".join(cells))
        for method in options.methods or METHODS:
            cells, spent = [], []
            for noise in noises:
                work = [(name, length, noise, method, seed) for seed in range(options.draws)]
                exact, errors, cpu = zip(*pool.map(_draw, work), strict=True)
                cells.append(f"{np.mean(exact):5.2f} ({np.mean(errors):.0e})")
                spent += cpu
            print(f"{method:26s}" + "".join(f"{c:>13s}" for c in cells) + f"{np.median(spent):12.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", choices=[*GRIDS, "both"], default="both")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--noise", type=float, nargs="+", help="shares, such as 0.05; those of the grid by default")
    parser.add_argument("--lengths", type=float, nargs="+")
    parser.add_argument("--methods", nargs="+", choices=[*METHODS])
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.jobs) as pool:
        for name in GRIDS if options.grid == "both" else (options.grid,):
            table(name, options, pool)


if __name__ == "__main__":
    main()
