"""What a penalty on broken symmetry adds to a step of training: processor time for each step, compiled.

    python tests/benchmarks/network_cost.py

Twelve numbers (two places and two momenta in space), networks of 4674 (plain) and fewer (equivariant) weights, batches
of 256 states, one core.
"""

import time

import equinox as eqx
import jax
import numpy as np
import optax

import symdyn as sd
from symdyn.neural.training import steps
from symdyn.neural.training.loop import Options

SPACE = sd.StateSpace.of(x1=3, x2=3, p1=3, p2=3)
TURN = sd.SO(3).acting_on(x1=sd.Vector, x2=sd.Vector, p1=sd.Vector, p2=sd.Vector)
WIDE = sd.SE(3).acting_on(x1=sd.Point, x2=sd.Point, p1=sd.Vector, p2=sd.Vector)


def microseconds(law, penalty, seeds: int = 1) -> float:
    states = np.random.default_rng(0).normal(size=(256, 12)).astype(np.float32)
    rows = {"states": states, "rates": states, "weights": np.ones((256, 1), np.float32), "index": np.arange(256)}
    options = Options(sd.RateMatching(), 1, None, 1e-3, optax.adam(1e-3), penalty, None, 1, seeds)
    bound = None if penalty is None else penalty.on(law, states)
    state, static = steps.first_state([law] * seeds, {}, options.optimiser, seeds)
    advance, _ = steps.compiled(options, bound, static, False)
    best = np.inf
    for _ in range(4):
        start = time.process_time()
        jax.block_until_ready(advance(state, rows, jax.random.key(0), 100))
        best = min(best, time.process_time() - start)
    return best * 1e4


def main() -> None:
    plain = sd.NeuralLaw.of(SPACE, None, (42, 42, 42), key=jax.random.key(0))
    gated = sd.NeuralLaw.of(SPACE, TURN, (8, 8), key=jax.random.key(0), products=False)
    full = sd.NeuralLaw.of(SPACE, TURN, (8, 8), key=jax.random.key(0))
    print(f"plain {plain.parameters} weights, gated {gated.parameters}, with products {full.parameters}")
    base = microseconds(plain, None)
    print(f"{'plain':44s}{base:8.0f} us a step   1.00")
    hidden = 3 * sd.Scalar + 3 * sd.Vector + sd.Vector**2
    epnn = sd.NeuralLaw.of(SPACE, TURN, (hidden, hidden), kind="promotable", key=jax.random.key(0))
    cases = {
        "EPNN of 4419 weights": (epnn, None),
        "EPNN, nuclear norm of all layers, so(3)": (epnn, sd.LayerPenalty()),
        "equivariant, gates only": (gated, None),
        "equivariant, gates and products": (full, None),
        "plain, squares, so(3), all 256 states": (plain, sd.SymmetryPenalty(TURN, norm="squares", samples=None)),
        "plain, squares, so(3), 64 states": (plain, sd.SymmetryPenalty(TURN, norm="squares", samples=64)),
        "plain, nuclear, so(3), 64 states": (plain, sd.SymmetryPenalty(TURN, samples=64)),
        "plain, nuclear, so(3), all 256 states": (plain, sd.SymmetryPenalty(TURN, samples=None)),
        "plain, squares, se(3), all 256 states": (plain, sd.SymmetryPenalty(WIDE, norm="squares", samples=None)),
        "plain, nuclear, se(3), all 256 states": (plain, sd.SymmetryPenalty(WIDE, samples=None)),
    }
    for name, case in cases.items():
        spent = microseconds(*case)
        print(f"{name:44s}{spent:8.0f} us a step  {spent / base:5.2f}")
        eqx.clear_caches()
    print(
        f"{'plain, ten seeds at once':44s}{(many := microseconds(plain, None, 10)):8.0f} us a step  {many / base:5.2f}"
    )


if __name__ == "__main__":
    main()
