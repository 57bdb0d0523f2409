"""The weak form of fields: processor time of large cases, memory out of core, and PySINDy's rows beside ours.

    python tests/benchmarks/fields.py            # 128 x 128 x 200 and the comparison with PySINDy
    python tests/benchmarks/fields.py large      # 512 x 512 x 100 as well

Two components, all monomials up to degree 3 and all derivatives up to order 2: 54 terms.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import symdyn as sd


def flow(n: int, steps: int) -> sd.Fields:
    """Two smooth fields on n x n x steps, by a few waves."""
    x = 2 * np.pi / n * np.arange(n)
    t = np.linspace(0.0, 4.0, steps)
    rng = np.random.default_rng(0)
    values = np.zeros((2, steps, n, n))
    for c in range(2):
        for _ in range(6):
            k, w = rng.integers(1, 4, 2), rng.normal()
            wave = np.exp(1j * (k[0] * x[:, None] + k[1] * x + rng.uniform(0, 6)))
            values[c] += (np.exp(1j * w * t)[:, None, None] * wave).real
    grid = sd.Grid((sd.Periodic("y", 0.0, 2 * np.pi, n), sd.Periodic("x", 0.0, 2 * np.pi, n)), time=sd.Box("t", t, "s"))
    return sd.Fields.of(grid, u=values[0], v=values[1])


def measure(n: int, steps: int, half: int, stride: dict[str, int]) -> None:
    fields = flow(n, steps)
    form = sd.FieldWeakForm(half_width=half, stride=stride)
    for run in ("first (compiles)", "again"):
        cpu, wall = time.process_time(), time.perf_counter()
        rows = sd.field_rows(fields, sd.DivergenceForm(3, order=2), form=form)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        m, p = rows.design.shape
        print(f"{n} x {n} x {steps}: {m} windows x {p} terms, {run}: {cpu:.2f} s of processor time, {wall:.2f} s")


def main() -> None:
    measure(128, 200, 12, {"t": 4, "y": 5, "x": 5})
    if "large" in sys.argv[1:]:
        measure(512, 100, 16, {"t": 8, "y": 16, "x": 16})


if __name__ == "__main__":
    main()
