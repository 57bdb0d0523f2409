"""The cost of the moments beside a model of it: samples, terms, states and devices, in one figure.

    python tests/benchmarks/scaling.py --figure docs/large_data.svg

CPU seconds of the sums over random states in memory (`identify` with everything but the sums left out), the least of
three after the one that compiles. The model has three constants: G, the rate of a double precision product of matrices
of that size on one core, measured in the same run; and two that are fitted to all points but those of the devices, the
cost of a number that is read and of a term that is evaluated:

    seconds = samples (2 q^2 / G + a (states + targets) + b terms),    q = terms + targets

Devices are virtual ones of the CPU, each count in a process of its own: they share the cores, so that their CPU seconds
show what sharing costs, not what it gains.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np
from out_of_core import ceiling

SAMPLES = 2**18


def seconds(samples: int, states: int, degree: int, devices: int = 0) -> tuple[float, int]:
    """CPU seconds of the moments, and the number of terms."""
    import jax

    import symdyn as sd
    from symdyn.data.chunked import ChunkedData
    from symdyn.regress._identify import settings_of
    from symdyn.regress.rows.streamed import block_moments, streamed_moments

    rng = np.random.default_rng(0)
    times, made = 0.01 * np.arange(samples), {}
    for k in range(states):
        made[f"x{k}"], made[f"r{k}"] = rng.normal(size=(2, samples))
    data = sd.dataset(times, **made)
    for k in range(states):
        data[f"r{k}"].attrs["measured_rate_of"] = f"x{k}"
    settings = settings_of(library=sd.Monomials(degree))
    chunked = ChunkedData.of(data, settings.reading)
    job = block_moments(chunked, settings, None, devices=tuple(jax.devices()[:devices]))
    best = np.inf
    for _ in range(4):  # the first compiles
        start = time.process_time()
        streamed_moments(chunked, job)
        best = min(best, time.process_time() - start)
    return best, job.terms.size


def on_devices(count: int) -> float:
    """CPU seconds of the sums on virtual devices."""
    flags = os.environ.get("XLA_FLAGS", "") + f" --xla_force_host_platform_device_count={count}"
    command = [sys.executable, __file__, "--devices", str(count)]
    done = subprocess.run(command, env={**os.environ, "XLA_FLAGS": flags}, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def measured() -> dict[str, list]:
    """Points (number, samples, states, terms, CPU seconds) of each sweep."""
    points: dict[str, list] = {"samples": [], "terms": [], "states": [], "devices": []}
    for samples in (2**16, 2**18, 2**20, 2**21):
        points["samples"].append((samples, samples, 3, *seconds(samples, 3, 3)[::-1]))
    for degree in (1, 2, 3, 4, 5, 6, 7):
        spent, terms = seconds(SAMPLES, 3, degree)
        points["terms"].append((terms, SAMPLES, 3, terms, spent))
    for states in (2, 4, 6, 8, 10, 12):
        spent, terms = seconds(SAMPLES, states, 2)
        points["states"].append((states, SAMPLES, states, terms, spent))
    for count in (1, 2, 4, 8):
        points["devices"].append((count, SAMPLES, 3, 56, on_devices(count)))
    return points


def fitted(points: dict[str, list], rates: dict[int, float]) -> np.ndarray:
    """The two constants of the model, by relative least squares."""
    rows = np.array([(m, n, p, t) for name in ("samples", "terms", "states") for _, m, n, p, t in points[name]])
    m, n, p, t = rows.T
    known = m * np.array([1 / rates[int(q)] for q in p + n])
    table = np.stack([m * 2 * n, m * p], axis=1) / t[:, None]
    from scipy.optimize import nnls

    return nnls(table, 1 - known / t)[0]


def figure(points: dict[str, list], model, path: str) -> None:
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "symdyn"
    fig, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained", sharey=True)
    for ax, (name, rows) in zip(axes, points.items(), strict=True):
        x = [row[0] for row in rows]
        ax.loglog(x, [model(*row[1:4]) for row in rows], color="0.6", label="model")
        ax.loglog(x, [row[4] for row in rows], "o", color="C0", label="measured")
        ax.set_xlabel(name if name != "devices" else "virtual devices on two cores")
        if name in ("devices", "states"):
            ax.set_xticks(x, [str(each) for each in x])
            ax.minorticks_off()
    axes[0].set_ylabel("CPU seconds")
    axes[0].legend(frameon=False)
    fig.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", help="write the figure to this file")
    parser.add_argument("--devices", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.devices:
        print(json.dumps(seconds(SAMPLES, 3, 5, options.devices)[0]))
        return
    points = measured()
    rates = {p + n: ceiling(p + n) for rows in points.values() for _, _, n, p, _ in rows}
    a, b = fitted(points, rates)

    def model(samples, states, terms):
        return samples * (1 / rates[terms + states] + a * 2 * states + b * terms)

    print(f"a = {a * 1e9:.1f} ns a number, b = {b * 1e9:.2f} ns a term")
    for name, rows in points.items():
        for number, samples, states, terms, spent in rows:
            expected = model(samples, states, terms)
            share = spent / expected
            print(f"{name:8s} {number:8d}: {terms:4d} terms, {spent:.3f} CPU s, model {expected:.3f}, {share:.2f}")
    if options.figure:
        figure(points, model, options.figure)


if __name__ == "__main__":
    main()
