"""`symdyn.enforce`: time and memory as degree and dimension grow, and beside EMLP on the problems that both can state.

Run it on a quiet machine, from a clone:

    python tests/benchmarks/enforce.py                          # symdyn alone
    python tests/benchmarks/enforce.py --emlp path/to/python    # and EMLP, in an interpreter that has it
    python tests/benchmarks/enforce.py --only Sp --limit 60     # cases whose name contains "Sp"; give up after 60 s

EMLP 1.0.3 (Finzi, Welling, Wilson 2021) runs on Python 3.11 with `pip install emlp six` in an environment of its own.
Above 3e7 entries of its constraint matrix it turns to an iterative solver, which fails there (in its progress bar).

Each measurement runs in a process of its own that has imported the package and solved a small problem. "first" is the
first solution in that process, "best" the best of those that follow, with the caches of EMLP cleared. Memory is the
growth of the peak resident set. CPU counts all threads.

EMLP finds the equivariant linear maps between representations and knows no polynomials. Like is compared with like in
"tensors": all maps V x ... x V -> V that are linear in each of k vectors, EMLP's `V**k >> V` and symdyn's products of
one component of each of k variables; both have n^(k+1) unknowns and must find the same dimension. EMLP works in
float32 with an orthonormal basis; symdyn's basis is an exact integer echelon. "symdyn, fields" is what a polynomial
law needs in place of the tensors, and not the same problem: all vector fields on V up to degree k, for which EMLP would
need the tensors of every order, symmetrised.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

REPEATS, BUDGET = 5, 10.0  # further runs, as long as they take less than so many seconds


def fields(group: str, n: int, degree: int, copies: int = 1) -> tuple:
    """Vector fields up to a degree on `copies` vectors of a named group: the arguments of enforce."""
    import symdyn as sd

    names = [f"q{k}" for k in range(copies)]
    action = getattr(sd, group)(n).acting_on(**dict.fromkeys(names, sd.Vector))
    return sd.Monomials(degree), action, sd.StateSpace.of(**dict.fromkeys(names, n)), tuple(names)


def tensors(group: str, n: int, k: int) -> tuple:
    """Maps that are linear in each of k vectors."""
    import symdyn as sd

    names = [f"q{i}" for i in range(k)]
    parts: list[Any] = [sd.Monomials(1, variables=(name,), bias=False) for name in names]
    library = reduce(lambda a, b: a * b, parts)
    action = getattr(sd, group)(n).acting_on(f=sd.Vector, **dict.fromkeys(names, sd.Vector))
    return library, action, sd.StateSpace.of(**dict.fromkeys([*names, "f"], n)), ("f",)


def galilei(bodies: int, degree: int) -> tuple:
    """Autonomous laws of several bodies in space under the Galilei group."""
    import symdyn as sd

    places, velocities = ([f"{kind}{b}" for b in range(bodies)] for kind in "xv")
    moved = dict.fromkeys(places, sd.Place) | dict.fromkeys(velocities, sd.Velocity)
    space = sd.StateSpace.of(**dict.fromkeys([*places, *velocities], 3))
    return sd.Monomials(degree), sd.Galilei(3).acting_on(**moved), space, tuple(velocities)


def flow(d: int, order: int, degree: int) -> tuple:
    """Laws of a velocity and a pressure in d dimensions under the Galilei group, on jets."""
    import symdyn as sd

    space = sd.StateSpace.jets(("x", "y", "z")[:d], order=order, time="t", w=d, p=1)
    return sd.Monomials(degree), sd.Galilei(d).acting_on(w=sd.Velocity, p=sd.Scalar), space, ("w",)


def poincare(d: int, order: int, degree: int) -> tuple:
    """Scalars of the jets of a scalar field in d + 1 dimensions under the Poincare group."""
    import symdyn as sd

    space = sd.StateSpace.jets(("t", "x", "y", "z")[: d + 1], order=order, u=1)
    return sd.Monomials(degree), sd.Poincare(d).acting_on(u=sd.Scalar), space, sd.Scalar


Case = tuple[Callable[..., tuple], tuple]
CASES: dict[str, Case] = {}
CASES |= {f"SO(3), degree {k}": (fields, ("SO", 3, k)) for k in (3, 5, 7, 9, 12)}
CASES |= {f"SO(3), two vectors, degree {k}": (fields, ("SO", 3, k, 2)) for k in (3, 4, 5, 6)}
CASES |= {f"SO(3), three vectors, degree {k}": (fields, ("SO", 3, k, 3)) for k in (4, 5)}
CASES |= {f"SO({n}), degree 3": (fields, ("SO", n, 3)) for n in (2, 4, 6, 8, 10)}
CASES |= {f"O({n}), degree 3": (fields, ("O", n, 3)) for n in (4, 6)}
CASES |= {f"S_{n}, degree 3": (fields, ("Permutations", n, 3)) for n in (3, 4, 6, 8)}
CASES |= {f"Sp({n}), degree 3": (fields, ("Sp", n, 3)) for n in (2, 4, 6, 8, 12)}
CASES |= {f"Galilei, {b} bodies, degree {k}": (galilei, (b, k)) for b, k in ((1, 3), (2, 2), (2, 3), (3, 2))}
CASES |= {
    f"Galilei({d}) on jets, order {o}, degree {k}": (flow, (d, o, k))
    for d, o, k in ((1, 2, 3), (2, 1, 3), (2, 2, 2), (3, 1, 2), (3, 2, 2))
}
CASES |= {
    f"Poincare({d}) on jets, order {o}, degree {k}": (poincare, (d, o, k))
    for d, o, k in ((1, 2, 4), (1, 3, 3), (2, 2, 3), (3, 1, 4), (3, 2, 2), (3, 2, 3), (3, 2, 4))
}

# name: (group of symdyn, group of EMLP, what EMLP calls its size, n, numbers k of vectors)
COMMON = {
    "SO(3)": ("SO", "SO", 3, 3, (1, 2, 3, 4, 5, 6)),
    "O(3)": ("O", "O", 3, 3, (3, 5)),
    "SO(5)": ("SO", "SO", 5, 5, (2, 3, 4)),
    "S_4": ("Permutations", "S", 4, 4, (1, 2, 3, 4)),
    "S_6": ("Permutations", "S", 6, 6, (1, 2, 3)),
    "Sp(4)": ("Sp", "Sp", 2, 4, (1, 3, 4)),
}


def peak_memory() -> float:
    """Peak resident set of this process in MB. (getrusage would start from the peak of the process that started it.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(solve: Callable[[], int]) -> dict:
    """Time and memory of a function that returns a dimension."""
    before, runs, spent = peak_memory(), [], 0.0
    peak = 0.0
    while len(runs) <= REPEATS and (len(runs) < 2 or spent < BUDGET):
        wall, cpu = time.perf_counter(), time.process_time()
        dimension = solve()
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
        peak, spent = peak or peak_memory(), spent + runs[-1][0]
        if spent > BUDGET:
            break
    rest = runs[1:] or runs
    return {
        "dimension": dimension,
        "first_wall": runs[0][0],
        "first_cpu": runs[0][1],
        "wall": min(r[0] for r in rest),
        "cpu": min(r[1] for r in rest),
        "memory_mb": peak - before,
    }


def measure_symdyn(maker: Callable[..., tuple], arguments: tuple) -> dict:
    """One problem with symdyn, in this process."""
    import symdyn as sd

    def solve(problem: tuple) -> tuple[int, bool]:
        library, action, space, what = problem
        asked = {"targets": what} if isinstance(what, tuple) else {"values": what}
        try:
            found = sd.enforce(library, action, space=space, **asked)
        except sd.InputError as error:
            if "is equivariant under" not in str(error):
                raise
            return 0, True  # nothing but zero is admitted
        return found.dimension, found.exact

    solve(fields("SO", 2, 2))
    problem = maker(*arguments)
    row = measured(lambda: solve(problem)[0])
    library, _, space, what = problem
    unknowns = library.on(space).size * (len(space.indices(what)) if isinstance(what, tuple) else 1)
    return {**row, "unknowns": unknowns, "kind": "exact" if solve(problem)[1] else "sampled"}


def measure_emlp(group: str, size: int, k: int) -> dict:
    """`V**k >> V` with EMLP, in this process."""
    import emlp.groups
    import jax
    from emlp.reps import V

    def solve(G, k: int):
        (V >> V).solcache.clear()
        return jax.block_until_ready((V**k >> V)(G).equivariant_basis())

    solve(emlp.groups.SO(2), 1)
    G = getattr(emlp.groups, group)(size)
    row = measured(lambda: int(solve(G, k).shape[-1]))
    return {**row, "unknowns": G.d ** (k + 1), "kind": "float32"}


class MeasureError(Exception):
    """A measurement that did not end in time, or ended in an error."""


def in_process(python: str, limit: float, *arguments: str) -> dict:
    """Run this file in a process of its own and read the JSON that it prints last. Raises MeasureError."""
    command = [python, os.path.abspath(__file__), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise MeasureError(f"over {limit:g} s") from None
    if done.returncode:
        raise MeasureError((done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:60])
    return json.loads(done.stdout.strip().splitlines()[-1])


def line(name: str, row: dict) -> str:
    return (
        f"{name:38s} {row['unknowns']:7d} {row['dimension']:5d} {row['first_wall']:9.3f} {row['first_cpu']:8.3f} "
        f"{row['wall']:9.3f} {row['cpu']:8.3f} {row['memory_mb']:7.0f}  {row['kind']}"
    )


HEADER = f"{'':38s} unknowns  dim  first wall / cpu s    best wall / cpu s      MB"


def alone(only: str, limit: float) -> None:
    """symdyn as degree and dimension grow."""
    print(HEADER)
    for name in CASES:
        if only in name:
            try:
                print(line(name, in_process(sys.executable, limit, "--measure", name)), flush=True)
            except MeasureError as failure:
                print(f"{name:38s} {failure}", flush=True)


def beside(python: str, only: str, limit: float) -> None:
    """symdyn and EMLP on the same tensors."""
    print(f"\n{HEADER}")
    for name, (ours, theirs, size, n, numbers) in COMMON.items():
        for k in numbers if only in name else ():
            rows = {}
            for who, command in (
                ("EMLP", (python, limit, "--measure-emlp", theirs, str(size), str(k))),
                ("symdyn", (sys.executable, limit, "--measure-tensors", "tensors", ours, str(n), str(k))),
                ("symdyn, fields", (sys.executable, limit, "--measure-tensors", "fields", ours, str(n), str(k))),
            ):
                try:
                    rows[who] = in_process(*command)
                except MeasureError as failure:
                    print(f"{f'{name} k={k} {who}':38s} {failure}", flush=True)
                    continue
                print(line(f"{name} k={k} {who}", rows[who]), flush=True)
            if "EMLP" in rows and "symdyn" in rows:
                a, b = rows["EMLP"], rows["symdyn"]
                agree = "same dimension" if a["dimension"] == b["dimension"] else "DIMENSIONS DIFFER"
                print(
                    f"{'':38s} {agree}; EMLP / symdyn: CPU first {a['first_cpu'] / b['first_cpu']:.1f}x, "
                    f"best {a['cpu'] / b['cpu']:.1f}x; wall first {a['first_wall'] / b['first_wall']:.1f}x, "
                    f"best {a['wall'] / b['wall']:.1f}x",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emlp", metavar="PYTHON", help="an interpreter that has EMLP")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name contains it")
    parser.add_argument("--limit", type=float, default=300.0, metavar="SECONDS", help="for one measurement")
    parser.add_argument("--measure", metavar="CASE", help=argparse.SUPPRESS)
    parser.add_argument("--measure-tensors", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--measure-emlp", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure_symdyn(*CASES[options.measure])))
    elif options.measure_tensors:
        kind, group, n, k = options.measure_tensors
        maker = {"tensors": tensors, "fields": fields}[kind]
        print(json.dumps(measure_symdyn(maker, (group, int(n), int(k)))))
    elif options.measure_emlp:
        group, size, k = options.measure_emlp
        print(json.dumps(measure_emlp(group, int(size), int(k))))
    else:
        alone(options.only, options.limit)
        if options.emlp:
            beside(options.emlp, options.only, options.limit)


if __name__ == "__main__":
    main()
