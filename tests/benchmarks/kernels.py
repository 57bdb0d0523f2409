"""Exact invariance in regression: few data, large groups, subgroups found.

"sphere": S_10 on S^9, the target sin(1.5 sum x) + 4 sum x^3 + cos(6 sum x^4), noise 0.1, mean and median squared errors
on 20 000 points over draws of n points: ridge on the invariant harmonics up to degree 4, the moments of Soleymani and
others (2025) there, ridge on all 935 harmonics without and with k moved copies of the data, and ridge on power sums up
to degree 10. "torus": T^10 under changes of signs, their experiment. "cost": time of the fixed space as the group
grows. "subgroup": share of draws in which the exact subgroup is found, and of false elements among those kept.
"dynamics": laws of motion from few snapshots, rates exact and noisy: Lorenz-96 on ten sites under shifts of the ring
(`identify`), the force of two bodies under rotations and their exchange (`fit_invariant`). "ratios": tests of single
elements on Lorenz-96, states of its attractor, 120 rows to fit, 400 held out, noise of the rates 0.5.

    python tests/benchmarks/kernels.py sphere torus cost subgroup dynamics ratios --draws 20
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import symdyn as sd


def sphere(draws: int) -> None:
    space, group, sums = sd.SphereHarmonics(10, 4), sd.Permutations(10), sd.PowerSums(10, 10)
    fixed, test = sd.fixed_space(space, group), space.draw(20_000, 10_000)

    def truth(x):
        return np.sin(1.5 * x.sum(axis=1)) + 4 * (x**3).sum(axis=1) + np.cos(6 * (x**4).sum(axis=1))

    def moved(x, copies, rng):
        return np.concatenate([x, *(x[:, rng.permutation(10)] for _ in range(copies - 1))])

    print("sphere: mean (median) squared error", flush=True)
    for n in (25, 50, 100, 200, 500, 1000, 2000):
        errors: dict[str, list[float]] = {}
        for seed in range(draws if n < 500 else min(draws, 5)):
            rng, x = np.random.default_rng([seed, 1]), space.draw(n, seed)
            y = truth(x) + 0.1 * rng.normal(size=n)
            models = {
                "kept": sd.fit_invariant(x, y, space=space, group=group, fixed=fixed),
                "moments": sd.fit_invariant(x, y, space=space, group=group, fixed=fixed, estimator="moments"),
                "power sums": sd.fit_invariant(x, y, space=sums, group=None),
                "free": sd.fit_invariant(x, y, space=space, group=None),
            }
            for copies in (8, 64) if n == 25 else (8,) if n <= 100 else ():
                models[f"{copies} copies"] = sd.fit_invariant(
                    moved(x, copies, np.random.default_rng(seed)), np.tile(y, copies), space=space, group=None
                )
            for name, model in models.items():
                errors.setdefault(name, []).append(float(np.mean((model.predict(test) - truth(test)) ** 2)))
        row = "  ".join(f"{name} {np.mean(e):.4f} ({np.median(e):.4f})" for name, e in errors.items())
        print(f"n {n:5d}  {row}", flush=True)


def torus(draws: int) -> None:
    def truth(x):
        return (np.arange(1, 11) * (2 * x - 1) ** 2).mean(axis=1)  # the axes run from -1 to 1 in the paper

    spaces = {176: sd.TorusWaves(10, 3), 56: sd.TorusWaves(10, 2)}
    fixed = {size: sd.fixed_space(s, sd.Signs(10)) for size, s in spaces.items()}
    print("torus: mean squared error; variance of the target .342", flush=True)
    for n in (100, 500, 2000):
        errors: dict[str, list[float]] = {}
        for seed in range(min(draws, 10)):
            space = spaces[176]
            x = space.draw(n, seed)
            test = space.draw(2000, 10_000 + seed)
            for size in fixed:
                for how in ("moments", "ridge"):
                    model = sd.fit_invariant(
                        x, truth(x), space=spaces[size], group=sd.Signs(10), fixed=fixed[size], estimator=how
                    )
                    error = float(np.mean((model.predict(test) - truth(test)) ** 2))
                    errors.setdefault(f"{how} {fixed[size].dimension}", []).append(error)
        print(f"n {n:5d}  " + "  ".join(f"{name} {np.mean(e):.4f}" for name, e in errors.items()), flush=True)


def cost(_: int) -> None:
    print("cost: order of the group, functions, invariants, processor seconds", flush=True)
    for n in (8, 10, 13, 16, 20):
        for space, group, order in (
            (sd.HermiteFunctions(n, 4), sd.Permutations(n), float(np.prod(np.arange(1.0, n + 1)))),
            (sd.SphereHarmonics(n, 3), sd.Permutations(n), float(np.prod(np.arange(1.0, n + 1)))),
        ):
            start = time.process_time()
            fixed = sd.fixed_space(space, group)
            spent = time.process_time() - start
            kind = type(space).__name__
            print(f"  S_{n} {order:9.2g}  {kind} {space.size:6d}  {fixed.dimension:4d}  {spent:6.2f} s", flush=True)


CASES = {
    "S_5": (sd.Permutations(5), [np.eye(5)[[1, 0, 2, 3, 4]], np.eye(5)[[0, 1, 3, 4, 2]]], 3),
    "D_8": (sd.Dihedral(8), [np.array([[0.0, -1.0], [1.0, 0.0]])], 9),
    "C_12": (sd.Cyclic(12), [np.array([[-0.5, -np.sqrt(0.75)], [np.sqrt(0.75), -0.5]])], 13),
    "S_5 to S_2 x S_3": (
        sd.Permutations(5),
        [np.eye(5)[[1, 0, 2, 3, 4]], np.eye(5)[[0, 1, 3, 4, 2]], np.eye(5)[[0, 1, 3, 2, 4]]],
        3,
    ),
    "B_4": (sd.Permutations(4) + sd.Signs(4), [np.eye(4)[[1, 0, 2, 3]], np.diag([1.0, 1, -1, -1])], 4),
}


def subgroup(draws: int) -> None:
    print("subgroup: share of draws with the exact one, false elements among those kept, by noise and data", flush=True)
    for name, (group, generators, degree) in CASES.items():
        n = len(generators[0])
        space = sd.HermiteFunctions(n, degree)
        fixed = sd.fixed_space(space, np.array(generators))
        nothing = sd.LieAlgebra("nothing", np.zeros((0, n, n)))
        wanted = sd.Group("wanted", nothing, np.array(generators)).closure()
        for noise, count in ((0.01, 2), (0.1, 2), (0.1, 8), (0.5, 8)):
            right, false, kept = 0, 0, 0
            for seed in range(draws):
                rng, x = np.random.default_rng([seed, 1]), space.draw(count * space.size, seed)
                y = space(x) @ (fixed.basis @ rng.normal(size=fixed.dimension))
                y = y + noise * y.std() * rng.normal(size=len(y))
                found = sd.find_subgroup(x, y, space=space, group=group)
                others = [g for g in found.elements if not any(np.allclose(g, h, atol=1e-6) for h in wanted)]
                right += len(found.elements) == len(wanted) and not others
                false, kept = false + len(others), kept + len(found.elements)
            what = f"{name} ({len(wanted)} of {len(group.closure())}), noise {noise:g}, {count} data a function"
            print(f"  {what}: exact {right / draws:.2f}, false {false / kept:.3f}", flush=True)


def lorenz96(x):
    return (np.roll(x, -1, -1) - np.roll(x, 2, -1)) * np.roll(x, 1, -1) - x + 8.0


def dynamics(draws: int) -> None:
    ring = sd.CyclicShifts(10).acting_on(x=sd.Vector)

    def law(n, noise, seed, action, **options):
        rng = np.random.default_rng([seed, 1])
        x = rng.normal(size=(n, 10))
        data = {"time": np.arange(float(n)), "x": x, "v": lorenz96(x) + noise * rng.normal(size=x.shape)}
        found = sd.identify(data, rates={"x": "v"}, variables="x", library=sd.Monomials(2), action=action, **options)
        return np.asarray(found.coefficients)

    truth = np.round(law(200, 0.0, 0, None, solver=sd.LeastSquares()))
    assert np.count_nonzero(truth) == 40
    print("Lorenz-96, ten sites, 660 unknowns, 66 under shifts: right terms, median error of coefficients", flush=True)
    for noise in (0.0, 0.5):
        for n in (6, 7, 8, 10, 20, 66, 80, 120):
            cells = []
            for action in (None, ring):
                for kind, options in (("sparse", {}), ("all terms", {"solver": sd.LeastSquares()})):
                    found = []
                    try:
                        found = [law(n, noise, seed, action, **options) for seed in range(draws)]
                    except sd.InputError:
                        cells.append(f"{kind}: too few rows")
                        continue
                    right = sum(np.array_equal(c != 0, truth != 0) for c in found)
                    error = np.median([np.linalg.norm(c - truth) / np.linalg.norm(truth) for c in found])
                    cells.append(f"{kind}: {right}/{draws} {error:.1e}" if not options else f"{kind}: {error:.1e}")
            print(
                f"  noise {noise:g}, n {n:3d}  plain {', '.join(cells[:2])};  kept {', '.join(cells[2:])}", flush=True
            )
    two_bodies(draws)


def two_bodies(draws: int) -> None:
    turns = np.array([np.kron(np.eye(2), A) for A in sd.SO(3).algebra.generators.linear_part])
    swap = np.kron([[0.0, 1.0], [1.0, 0.0]], np.eye(3))
    group, space = sd.Group("two bodies", sd.LieAlgebra("so(3)", turns), swap[None]), sd.HermiteFunctions(6, 3)
    fixed, test = sd.fixed_space(space, group, output="vector"), space.draw(4000, 10_000)

    def force(x):
        r = x[:, :3] - x[:, 3:]
        pull = (-1.3 + 0.2 * (r**2).sum(axis=1, keepdims=True)) * r
        return np.concatenate([pull, -pull], axis=1)

    names = f"{6 * space.size} unknowns, {fixed.dimension} under the group, variance {force(test).var():.2f}"
    print(f"two bodies, cubic, {names}: median of the mean squared error of all terms, plain and kept", flush=True)
    for noise, counts in ((0.0, (2, 3, 10, 83, 84)), (0.1, (3, 10, 120, 300))):
        for n in counts:
            errors = {"plain": [], "kept": []}
            for seed in range(draws):
                x = space.draw(n, seed)
                y = force(x) + noise * np.random.default_rng([seed, 1]).normal(size=x.shape)
                plain = np.linalg.lstsq(space(x), y, rcond=None)[0]
                errors["plain"].append(np.mean((space(test) @ plain - force(test)) ** 2))
                how = "least_squares" if 6 * n >= fixed.dimension else "ridge"
                kept = sd.fit_invariant(x, y, space=space, group=group, output="vector", fixed=fixed, estimator=how)
                errors["kept"].append(np.mean((kept.predict(test) - force(test)) ** 2))
            told = "  ".join(f"{name} {np.median(e):.1e} (worst {np.max(e):.1e})" for name, e in errors.items())
            print(f"  noise {noise:g}, n {n:3d}  {told}", flush=True)


def ratios(draws: int) -> None:
    one, scale, space = np.eye(10), 4.0, sd.HermiteFunctions(10, 2)
    candidates = {f"shift by {k}": np.roll(one, k, 0) for k in (1, 2, 5)}
    candidates |= {"reflection": one[::-1], "swap": one[[1, 0, *range(2, 10)]], "sign": -one}
    found: dict[str, list] = {}
    for seed in range(draws):
        rng = np.random.default_rng([seed, 1])
        start = 8.0 + rng.normal(size=10)
        run = sd.make_dataset("lorenz96", times=np.arange(0.0, 530.0), start=start, forcing=8.0)
        x = run["x"].to_numpy()[10:]
        y = lorenz96(x) + 0.5 * rng.normal(size=x.shape)
        rows, z = rng.permutation(len(x)), x / scale
        fit, held = rows[:120], rows[120:]
        for each in sd.symmetry_ratios(
            z[fit], y[fit], candidates, space=space, output="vector", held_out=(z[held], y[held])
        ):
            found.setdefault(each.label, []).append(each)
    print(
        "Lorenz-96: held-out error with the element by that without; F of nested models; smallest and largest",
        flush=True,
    )
    for label, tests in found.items():
        r, f = [t.ratio for t in tests], [t.statistic for t in tests]
        few = np.mean([t.p_value < 0.01 for t in tests])
        print(
            f"  {label:11s} ratio {np.median(r):7.3g} ({min(r):.3g} to {max(r):.3g})  F {np.median(f):7.3g} "
            f"({min(f):.3g} to {max(f):.3g})  rejected at 1 % {few:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    tables = {"sphere": sphere, "torus": torus, "cost": cost, "subgroup": subgroup}
    tables |= {"dynamics": dynamics, "ratios": ratios}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", default=list(tables))
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    for name in options.tables:
        tables[name](options.draws)
