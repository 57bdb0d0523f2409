"""What a GPU is worth: time, share of the device's own ceilings, speed-up over the CPU. Skips where there is none.

    python tests/benchmarks/gpu.py            # on a machine with a GPU and jax[cuda12]
    python tests/benchmarks/gpu.py --dry      # everything on the CPU, small: whether it runs

Ceilings are measured in the same run: a product of 4096 x 4096 numbers in double and in single precision, and a copy of
1 GiB. Times are wall seconds of the least of five calls after the first, results waited for; what goes from and to the
host on the way counts. The device's share is operations (2 q^2 a row) over the double precision ceiling, for moments.
"""

from __future__ import annotations

import argparse
import datetime
import time

import jax
import jax.numpy as jnp
import numpy as np

import symdyn as sd
from symdyn._types import double_precision


def least(call, repeats: int = 5) -> float:
    """Wall seconds of the quickest call after the first."""
    jax.block_until_ready(call())
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(call())
        spent.append(time.perf_counter() - start)
    return min(spent)


def ceilings(n: int, size: int) -> dict[str, float]:
    """Operations a second in both precisions and bytes a second of a copy (read and written)."""
    found = {}
    with double_precision():
        for dtype in (jnp.float64, jnp.float32):
            a = jnp.ones((n, n), dtype)
            product = jax.jit(lambda x: x @ x)
            found[str(np.dtype(dtype))] = 2 * n**3 / least(lambda f=product, x=a: f(x))
    block = jnp.zeros(size // 4, jnp.float32)
    copy = jax.jit(lambda x: x + 1)
    found["copy"] = 2 * size / least(lambda: copy(block))
    return found


def moments(rows: int):
    from symdyn.regress.rows.moments import compiled_moments, sample_whitener, term_rows
    from symdyn.regress.rows.whitening import inverse_whitener

    terms, rng = sd.Monomials(5).on(sd.StateSpace.of(x=3)), np.random.default_rng(0)
    x, y = rng.normal(size=(2, rows, 3))
    with double_precision():
        scale, whitener = sample_whitener(term_rows, terms, (x, y, np.ones(rows)), terms.size)
    factor, plain = inverse_whitener(scale, whitener, terms.size)
    devices = tuple(jax.devices()[:1])

    def call():
        with double_precision():
            columns = x, y, np.ones(rows)
            return compiled_moments(term_rows, terms, factor, plain, columns, 2**17, (4096, 32, 1), devices)[0]

    return call, 2.0 * rows * (terms.size + 3) ** 2


def weak_form(n: int):
    x, t = 2 * np.pi / n * np.arange(n), np.linspace(0, 1, n // 2)
    grid = sd.Grid((sd.Periodic("y", 0, 2 * np.pi, n), sd.Periodic("x", 0, 2 * np.pi, n)), time=sd.Box("t", t))
    wave = sd.Fields.of(grid, u=np.sin(x[:, None] + x - t[:, None, None]) + np.cos(2 * x - t[:, None, None]))
    form = sd.FieldWeakForm(half_width=8, stride=6)
    return lambda: sd.field_rows(wave, sd.DivergenceForm(3), form=form).design


def ensembles(samples: int):
    t = 0.01 * np.arange(samples)
    data = sd.dataset(t, x=np.cos(t) + 0.1 * np.sin(3 * t), v=-np.sin(t) + 0.2 * np.cos(5 * t))
    return lambda: sd.ensemble(data, library=sd.Monomials(3), models=500, differentiation=sd.FiniteDifference()).full


def promotion():
    from promote_speed import case

    from symdyn.symmetry.promotion.admm import Convex
    from symdyn.symmetry.promotion.coordinates import least_squares
    from symdyn.symmetry.promotion.ensemble import convex_path
    from symdyn.symmetry.promotion.norms import nuclear

    with double_precision():
        broken, design, y = case(True)
        problem = Convex.of(broken, least_squares(design, y, broken), nuclear(broken.columns))

    def call():
        with double_precision():
            return convex_path(problem, jnp.geomspace(1e3, 1e-1, 20), 1e-4)

    return call


def training(batch: int):
    import equinox as eqx
    import optax

    from symdyn.neural.training import steps
    from symdyn.neural.training.loop import Options

    space = sd.StateSpace.of(x1=3, x2=3, p1=3, p2=3)
    turn = sd.SO(3).acting_on(x1=sd.Vector, x2=sd.Vector, p1=sd.Vector, p2=sd.Vector)
    law = sd.NeuralLaw.of(space, None, (256, 256, 256), key=jax.random.key(0))
    states = np.random.default_rng(0).normal(size=(batch, 12)).astype(np.float32)
    rows = {"states": states, "rates": states, "weights": np.ones((batch, 1), np.float32), "index": np.arange(batch)}
    penalty = sd.SymmetryPenalty(turn, samples=64)
    options = Options(sd.RateMatching(), 1, None, 1e-3, optax.adam(1e-3), penalty, None, 1, 1)
    state, static = steps.first_state([law], {}, options.optimiser, 1)
    advance, _ = steps.compiled(options, penalty.on(law, states), static, False)
    return lambda: eqx.filter(advance(state, rows, jax.random.key(0), 100), eqx.is_array)


def cases(dry: bool) -> dict:
    """Calls by name, with their operations where the device's share is known."""
    return {
        "moments, degree 5": moments(2**17 if dry else 2**22),
        "weak form of a field": (weak_form(48 if dry else 256), None),
        "ensemble of 500 models": (ensembles(2_000 if dry else 200_000), None),
        "promotion, a path of 20 weights": (promotion(), None),
        "network with the penalty, 100 steps": (training(64 if dry else 4096), None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="on the CPU and small")
    options = parser.parse_args()
    device, host = jax.devices()[0], jax.devices("cpu")[0]
    if device.platform != "gpu" and not options.dry:
        print("no GPU here: nothing measured")
        return
    print(f"{datetime.date.today()}, {device.device_kind}, jax {jax.__version__}")
    top = ceilings(512 if options.dry else 4096, 2**24 if options.dry else 2**30)
    double, single, copy = top["float64"] / 1e12, top["float32"] / 1e12, top["copy"] / 1e9
    print(f"  ceilings: {double:.2f} and {single:.2f} Tflop/s, {copy:.0f} GB/s")
    for name, (call, operations) in cases(options.dry).items():
        fast = least(call)
        with jax.default_device(host):
            slow = least(call, 2)
        share = "" if operations is None else f", {operations / fast / top['float64']:.3f} of the ceiling"
        print(f"  {name}: {fast:.4f} s, CPU {slow:.4f} s, {slow / fast:.1f} times as fast{share}")


if __name__ == "__main__":
    main()
