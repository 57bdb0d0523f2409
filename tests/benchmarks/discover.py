"""`symdyn.find_symmetries` on systems whose symmetries are known: dimension, angle to the truth, time.

    python tests/benchmarks/discover.py            # the table
    python tests/benchmarks/discover.py --sizes    # and how time grows with dimension and degree
    python tests/benchmarks/discover.py --sphere   # and the rotating sphere (a minute, most of it compilation)

"found" and "true" count generators of interest + trivial ones (the flow itself, solutions of a linear equation). The
angle is the sine of the largest angle between the found and the true span. CPU is the second call in a process, after
compilation (functions are compiled again by each call: their conditions are new closures), of the whole call.
"next" is the smallest defect of a broken direction: what separates a symmetry from none.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "laws"))

from known_systems import KNOWN, angle

import symdyn as sd


def timed(call):
    call()
    start = time.process_time()
    found = call()
    return found, time.process_time() - start


def table() -> None:
    head = ("system".ljust(24), "candidates", "  found", "   true", "   angle", "    next", "order", " CPU s")
    print(" ".join(head))
    for known in KNOWN:
        found, seconds = timed(known.found)
        kept = found.dimension + len(found.trivial)
        rest = f"{found.spectrum[kept]:8.2g}" if kept < len(found.spectrum) else " " * 8
        sizes = "{}+{}".format(*known.sizes())
        order = "" if known.order is None else found.order
        print(
            f"{known.name:24s} {len(found.spectrum):10d} {found.dimension:>5d}+{len(found.trivial)} {sizes:>7s} "
            f"{angle(known, found):8.1e} {rest} {order:>5} {seconds:6.3f}"
        )


def sizes() -> None:
    """Radial flows x' = a x - b x |x|^2 in n dimensions: with irrational and with rational numbers."""
    print(f"\n{'n':>3s} {'degree':>6s} {'candidates':>10s} {'found':>6s} {'exact':>6s} {'CPU s':>6s} {'peak MB':>8s}")
    for n, degree in ((3, 3), (4, 3), (6, 1), (6, 2), (6, 3), (8, 2), (8, 3), (10, 2)):
        names = [f"x{k}" for k in range(n)]
        for numbers in (("", ""), ("0.7312345678 ", "1.23456789 ")):
            law = {a: f"{numbers[0]}{a}" + "".join(f" - {numbers[1]}{a} {b}^2" for b in names) for a in names}
            start = time.process_time()
            found = sd.find_symmetries(law, candidates=degree, discrete=False)
            seconds = time.process_time() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            kept = found.dimension + len(found.trivial)
            print(
                f"{n:3d} {degree:6d} {len(found.spectrum):10d} {kept:6d} {found.exact!s:>6s} "
                f"{seconds:6.2f} {peak:8.0f}",
                flush=True,
            )


def sphere() -> None:
    """The barotropic vorticity equation on a rotating sphere: rotations fixed to it, and those seen from the stars."""
    from test_known_symmetries import _vorticity

    space = sd.StateSpace.jets(("t", "lon", "lat"), order=3, psi=1)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(100, space.size))
    points[:, space.indices(("lat",))] = rng.uniform(-1.2, 1.2, (100, 1))
    points[:, space.indices(("lon",))] = rng.uniform(-3.0, 3.0, (100, 1))
    print(f"\n{'rate':>5s} {'rotations':>10s}  defects")
    for rate in (0.5, 2.0, 8.0, 32.0):
        fixed = sd.sphere_rotations("lon", "lat", scalars=["psi"])
        moving = sd.sphere_rotations("lon", "lat", time="t", rate=rate, streamfunctions=["psi"])
        for name, action in (("fixed", fixed), ("moving", moving)):
            found = sd.find_symmetries(
                _vorticity(rate, space), space=space, candidates=action, points=points, discrete=False
            )
            print(f"{rate:5.1f} {name:>10s}  {', '.join(f'{d:.2g}' for d in found.spectrum)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--sphere", action="store_true")
    chosen = parser.parse_args()
    table()
    if chosen.sizes:
        sizes()
    if chosen.sphere:
        sphere()
