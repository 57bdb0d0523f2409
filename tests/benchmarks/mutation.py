"""Mutation testing of `symdyn/symmetry` and `symdyn/regress`: do the tests notice when the code is wrong?

    pip install cosmic-ray pytest-cov
    python -m pytest -n 2 --cov=symdyn --cov-context=test --cov-report=
    python tests/benchmarks/mutation.py --mutants 150 --results mutants.csv

Mutants are Cosmic Ray's: a random place of the code (the same chance for each), then one of its operators that applies
there. Each is tested with the tests of the default run that reach its line, the most specific first, until one fails:
at most `--tests` of them for at most `--seconds`, so that a mutant that survives here might still be killed by the
whole suite. Places in annotations, docstrings and texts of errors are left out (they decide nothing). A mutant whose
line no test reaches counts as surviving, one that ends the process or hangs as killed (hanging: beyond the time, with
no test finished). Run on a clean checkout: the code is copied and the copy mutated. Interrupted runs are resumed.
"""

import argparse
import ast
import csv
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("symmetry", "regress")
BROKEN = 99  # exit status of a child that could not run its tests


def idle_spans(source: str) -> list[tuple[int, int]]:
    """Lines of annotations, docstrings and raise statements' messages: first and last."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        found = [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, ast.Raise | ast.JoinedStr):
            found.append(node)
        spans += [((f.lineno, f.col_offset), (f.end_lineno, f.end_col_offset)) for f in found if f is not None]
    return spans


def places(path: Path) -> dict[tuple[int, int], list[tuple[str, int, int]]]:
    """By place in the file: the operators that apply there, as (name, occurrence, line)."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.plugins import get_operator, operator_names

    spans, found = idle_spans(path.read_text()), defaultdict(list)
    nodes = list(ast_nodes(get_ast_from_path(path)))
    for name in operator_names():
        if get_operator(name).arguments():
            continue
        occurrence = -1
        for node in nodes:
            for start, _ in get_operator(name)().mutation_positions(node):
                occurrence += 1
                if not any(a <= tuple(start) <= b for a, b in spans):
                    found[tuple(start)].append((name, occurrence, start[0]))
    return found


def tests_by_line(coverage_file: str) -> tuple[dict[str, dict[int, set[str]]], dict[str, int]]:
    """For each file of the package the tests that reach each line, and how many files each test reaches."""
    from coverage import CoverageData

    data = CoverageData(coverage_file)
    data.read()
    lines, breadth = {}, defaultdict(int)
    for file in data.measured_files():
        reached = {
            line: {c.split("|")[0] for c in contexts if c} for line, contexts in data.contexts_by_lineno(file).items()
        }
        lines[file.split("/symdyn/", 1)[1]] = reached
        for test in set().union(*reached.values()) if reached else ():
            breadth[test] += 1
    return lines, breadth


def chosen_tests(line: int, reached: dict[int, set[str]], breadth: dict[str, int], count: int) -> list[str]:
    """The most specific tests that reach a line; for lines that run at import, those that reach the file."""
    tests = reached.get(line)
    if not tests:
        if line not in reached:  # perhaps the middle of a statement: its first line
            before = [n for n in reached if n < line and line - n < 12]
            tests = reached[max(before)] if before else set()
        if not tests:
            tests = set().union(*reached.values()) if line in reached else set()
    ordered = sorted(tests, key=lambda t: ("[" in t and "docstrings" in t, breadth[t], t))
    half = ordered[: count // 2]  # specific ones, and some of all kinds
    return half + random.Random(line).sample(ordered[len(half) :], min(count - len(half), len(ordered) - len(half)))


def outcome(copy: Path, tests: list[str], seconds: float, log: Path) -> str:
    """Run the tests in a child of this process: killed, survived or out of time."""
    child = os.fork()
    if child == 0:
        os.setsid()
        with log.open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        code = BROKEN
        try:
            import pytest

            quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # loaded before, for all children
            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--tb=line", *quiet, *tests]))
        except BaseException:  # a mutant may raise anything, and nothing of this process may go on
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            if code in (3, 5, BROKEN):  # pytest could not run these tests
                raise RuntimeError(log.read_text())
            return "survived" if code == 0 else "killed"
        time.sleep(0.1)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "survived" if "." in log.read_text().split("[")[0] else "killed"


def fatal(log: Path) -> str:
    """The test that noticed."""
    failed = [line for line in log.read_text().splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[-1].split(" ")[1].removeprefix("tests/") if failed else "the process"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coverage", default=".coverage")
    parser.add_argument("--mutants", type=int, default=150)
    parser.add_argument("--tests", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout that the coverage was measured on")
    parser.add_argument("--results", type=Path, required=True)
    options = parser.parse_args()
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    for name in ("diffrax", "equinox", "matplotlib", "optax", "pysindy", "scipy.stats", "sympy", "xarray"):
        importlib.import_module(name)  # once for all children

    lines, breadth = tests_by_line(options.coverage)
    files = [f for part in PARTS for f in sorted((options.root / "symdyn" / part).rglob("*.py"))]
    where = {f: places(f) for f in files}
    everything = [(f, at) for f in files for at in sorted(where[f])]
    print(f"{len(everything)} places, {sum(len(v) for w in where.values() for v in w.values())} mutants", flush=True)
    rng = random.Random(options.seed)
    rng.shuffle(everything)
    done = []
    if options.results.exists():
        with options.results.open() as file:
            done = list(csv.DictReader(file))
    else:
        options.results.write_text("number,file,line,operator,outcome,seconds,by\n")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(options.root, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", "docs"))
        some = random.Random(0).sample(sorted(breadth), 30)  # the code as it is must pass, or every mutant would die
        if outcome(copy, some, 10 * options.seconds, Path(folder) / "log") != "survived":
            sys.exit((Path(folder) / "log").read_text())
        for number, (file, at) in enumerate(everything[: options.mutants]):
            name, occurrence, line = random.Random(f"{options.seed} {number}").choice(where[file][at])
            if number < len(done):
                continue
            inside = str(file.relative_to(options.root / "symdyn"))
            code = file.read_text()
            mutated = mutate_code(code, get_operator(name)(), occurrence)
            tests = chosen_tests(line, lines.get(inside, {}), breadth, options.tests)
            begun, result = time.monotonic(), "no test"
            if tests:
                (copy / "symdyn" / inside).write_text(mutated)
                result = outcome(copy, tests, options.seconds, Path(folder) / "log")
                (copy / "symdyn" / inside).write_text(code)
            row = [number, inside, line, name.removeprefix("core/"), result, f"{time.monotonic() - begun:.0f}"]
            row.append(fatal(Path(folder) / "log") if result == "killed" else "")
            done.append({"outcome": result})
            with options.results.open("a") as out:
                csv.writer(out).writerow(row)
            share = sum(d["outcome"] == "killed" for d in done) / len(done)
            print(*row, f"killed {share:.2f} of {len(done)}", flush=True)


if __name__ == "__main__":
    main()
