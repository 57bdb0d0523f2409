"""ODEBench: laws of one to four dimensions from one noisy trajectory, scored by what they predict.

    python tests/benchmarks/odebench.py --data FILE                       # no noise, all systems of the file
    python tests/benchmarks/odebench.py --noise 0 0.01 0.05 --subsample 0 0.5 --draws 3 --jobs 2 --baseline

FILE is a JSON list of ODEBench systems ("eq", "consts", "init", one for each system); by default the environment
variable SYMDYN_ODEBENCH, else `../shared/data/odebench_odd.json` beside the repository. Without it nothing is run.

Each system has two initial values. Each gives 512 points on [0, 10], with multiplicative noise x (1 + sigma N), of
which a share may be dropped at random. The law found in one trajectory is integrated from the first (noisy) point of
that trajectory and compared with the clean one (reconstruction), and from the other initial value (generalisation).
A law counts where R^2, weighted by the variance of the components, is above 0.9. Both trajectories are
fitted in turn.

`fit` is the whole strategy, what a user would write without a setting; it sees the noisy data alone. The baseline is
PySINDy with polynomials of degree 3, its threshold and smoothing chosen by the simulated fit to the noisy data.

References: d'Ascoli, Becker, Schwaller, Mathis, Kilbertus 2024, ICLR (ODEFormer, with the benchmark and the score).
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.regress.strategy.trial import host_rate

TIMES = np.linspace(0, 10, 512)
DEFAULT = Path(__file__).parents[2].parent / "shared" / "data" / "odebench_odd.json"
Rate = Callable[[np.ndarray], np.ndarray]


def fit(data: dict[str, np.ndarray]) -> Rate | None:
    """The strategy under test: from noisy data (times under "time") to a law, a function of the state; or None."""
    try:
        return host_rate(sd.identify(data, library="auto").model)
    except sd.SymdynError:
        return None


@dataclass(frozen=True)
class System:
    """One system of the benchmark: its rate and two initial values."""

    number: int
    name: str
    rate: Rate
    starts: tuple[np.ndarray, np.ndarray]


FUNCTIONS = {"sin": np.sin, "cos": np.cos, "tan": np.tan, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs}
FUNCTIONS["cot"] = lambda u: np.cos(u) / np.sin(u)
OPERATORS = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power}


def expression(text: str, constants: list[float]) -> Rate:
    """A formula in x_0, x_1, ... and c_0, c_1, ... as a function of the state: read as a tree, never executed."""

    def built(node: ast.AST) -> Rate:
        match node:
            case ast.Expression(body=body):
                return built(body)
            case ast.Constant(value=int() | float() as value):
                return lambda x: float(value)
            case ast.Name(id=name) if name.startswith("c_"):
                constant = float(constants[int(name[2:])])
                return lambda x: constant
            case ast.Name(id=name) if name.startswith("x_"):
                place = int(name[2:])
                return lambda x: x[place]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = built(operand)
                return lambda x: -inner(x)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                a, b, f = built(left), built(right), OPERATORS[type(op)]
                return lambda x: f(a(x), b(x))
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
                inner, f = built(argument), FUNCTIONS[name]
                return lambda x: f(inner(x))
        raise ValueError(f"cannot read {ast.dump(node)} in {text!r}")

    return built(ast.parse(text.strip().replace("^", "**"), mode="eval"))


def systems(path: Path) -> list[System]:
    """The systems of a file."""
    found = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        parts = [expression(part, row["consts"][0]) for part in row["eq"].split("|")]

        def rate(x: np.ndarray, parts=parts) -> np.ndarray:
            return np.array([part(x) for part in parts], float)

        starts = tuple(np.array(start, float) for start in row["init"])
        found.append(System(int(row["id"]), row["eq_description"], rate, starts))  # pyright: ignore[reportArgumentType]
    return found


def integrated(rate: Rate, start: np.ndarray, rtol: float = 1e-7) -> np.ndarray | None:
    """States at TIMES, (t, n), or None where the law diverges or takes too long."""
    left = 100_000

    def limited(t: float, x: np.ndarray) -> np.ndarray:
        nonlocal left
        left -= 1
        out = rate(x)
        if left < 0 or not np.isfinite(out).all():
            raise ArithmeticError
        return out

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = solve_ivp(limited, (0, 10), start, "LSODA", TIMES, rtol=rtol, atol=1e-9)
    except (ArithmeticError, ValueError):
        return None
    return run.y.T if run.success and run.y.shape[1] == len(TIMES) else None


def r2(truth: np.ndarray, guess: np.ndarray | None) -> float:
    """1 - residual / variance, both summed over components; -inf for a law that diverged."""
    if guess is None or not np.isfinite(guess).all():
        return -np.inf
    spread = np.sum((truth - truth.mean(axis=0)) ** 2)
    return float(1 - np.sum((truth - guess) ** 2) / spread) if spread > 0 else float(np.allclose(truth, guess))


def noisy(states: np.ndarray, noise: float, dropped: float, seed: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The data that a fit sees; the first point is never dropped."""
    rng = np.random.default_rng(seed)
    seen = states * (1 + noise * rng.normal(size=states.shape))
    others = 1 + rng.permutation(len(TIMES) - 1)[: round(len(TIMES) * (1 - dropped)) - 1]
    kept = np.sort(np.append(0, others))
    return {"time": TIMES[kept], **{f"x_{i}": seen[kept, i] for i in range(states.shape[1])}}


def baseline(data: dict[str, np.ndarray]) -> Rate | None:
    """PySINDy, degree 3: threshold and smoothing chosen by the simulated fit to the data."""
    import pysindy as ps

    t, x = data["time"], np.column_stack([v for k, v in data.items() if k != "time"])
    best, lowest = None, np.inf
    for width in (None, 11, 21, 41, 81):
        for threshold in (0.0, 1e-3, 1e-2, 0.05, 0.1, 0.3):
            smooth = {"smoother_kws": {"window_length": width, "polyorder": 3}} if width else None
            method = ps.SmoothedFiniteDifference(**smooth) if smooth else ps.FiniteDifference(order=4)
            model = ps.SINDy(ps.STLSQ(threshold=threshold), ps.PolynomialLibrary(3), method)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model.fit(x, t=t)
            except Exception:
                continue
            rate = polynomial(model.feature_library.powers_, model.coefficients())
            path = integrated(rate, x[0], 1e-5)
            seen = None if path is None else np.column_stack([np.interp(t, TIMES, c) for c in path.T])
            error = -r2(x, seen)
            if error < lowest or best is None:
                best, lowest = rate, error
    return best


def polynomial(powers: np.ndarray, coefficients: np.ndarray) -> Rate:
    return lambda x: coefficients @ np.prod(x**powers, axis=1)


def case(system: System, noise: float, dropped: float, draw: int, with_baseline: bool) -> list[tuple]:
    """(who, system, start, reconstruction, generalisation, CPU seconds) of one system and noise draw."""
    clean = [integrated(system.rate, start, 1e-10) for start in system.starts]
    rows = []
    for k, states in enumerate(clean):
        assert states is not None, f"system {system.number} cannot be integrated"
        data = noisy(states, noise, dropped, (system.number, k, round(1e4 * noise), round(100 * dropped), draw))
        first = np.array([values[0] for name, values in data.items() if name != "time"])
        for who, strategy in (("symdyn", fit), *((("PySINDy", baseline),) if with_baseline else ())):
            started = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", sd.SymdynWarning)
                rate = strategy(data)
            spent = time.process_time() - started
            again = None if rate is None else integrated(rate, first)
            other = None if rate is None else integrated(rate, system.starts[1 - k])
            rows.append((who, system.number, k, r2(states, again), r2(clean[1 - k], other), spent))
    return rows


def _case(arguments) -> list[tuple]:
    path, number, *rest = arguments
    return case(next(s for s in systems(path) if s.number == number), *rest)


def data_file(given: str | None) -> Path | None:
    """The file of the systems, or None where there is none."""
    path = Path(given or os.environ.get("SYMDYN_ODEBENCH") or DEFAULT)
    return path if path.is_file() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the JSON file of the systems")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0])
    parser.add_argument("--subsample", type=float, nargs="+", default=[0.0], help="the share of points that is dropped")
    parser.add_argument("--draws", type=int, default=1, help="noise draws (without noise or dropping there is one)")
    parser.add_argument("--systems", type=int, nargs="+", help="their numbers; all by default")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--baseline", action="store_true", help="PySINDy beside it")
    parser.add_argument("--verbose", action="store_true", help="a line for each law that misses")
    options = parser.parse_args()
    path = data_file(options.data)
    if path is None:
        print("skipped: no file of ODEBench systems; give --data FILE or set SYMDYN_ODEBENCH")
        return
    numbers = [s.number for s in systems(path) if not options.systems or s.number in options.systems]
    print("noise  dropped  who       laws   reconstruction   generalisation   median R2 (rec, gen)   CPU s a law")
    with ProcessPoolExecutor(options.jobs) as pool:
        for noise in options.noise:
            for dropped in options.subsample:
                draws = options.draws if noise or dropped else 1
                work = [(path, n, noise, dropped, draw, options.baseline) for n in numbers for draw in range(draws)]
                report([row for rows in pool.map(_case, work) for row in rows], noise, dropped, options.verbose)


def report(rows: list[tuple], noise: float, dropped: float, verbose: bool) -> None:
    for who in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == who]
        again, other, spent = (np.array([row[k] for row in own]) for k in (3, 4, 5))
        print(
            f"{noise:5.2f}  {dropped:7.1f}  {who:8s}  {len(own):4d}   {np.mean(again > 0.9):14.3f}   "
            f"{np.mean(other > 0.9):14.3f}   {np.median(again):8.4f} {np.median(other):8.4f}    {np.mean(spent):9.2f}",
            flush=True,
        )
        for row in own if verbose else ():
            if min(row[3], row[4]) <= 0.9:
                print(f"       {who} system {row[1]} start {row[2]}: {row[3]:.3f} {row[4]:.3f} ({row[5]:.1f} s)")


if __name__ == "__main__":
    main()
