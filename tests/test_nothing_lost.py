"""What long use and sudden ends must not do: lose a file, grow, compile again. Each runs in its own interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow

KILLED = """
import json, os, random, signal, sys, time, warnings
import numpy as np, symdyn as sd

warnings.simplefilter("ignore")  # of forking beside threads: the children only write files
path, kills = sys.argv[1], int(sys.argv[2])
data = sd.open_dataset("lorenz", times=np.arange(0, 5, 0.01))
laws = [sd.identify(data, library=sd.Monomials(degree), solver=sd.LeastSquares()) for degree in (1, 3)]
laws[0].save(path)
known = [law.coefficients for law in laws]
rng, seen = random.Random(0), [0, 0]
for _ in range(kills):
    child = os.fork()
    if child == 0:
        at = 0
        while True:
            laws[at % 2].save(path)
            at += 1
    time.sleep(rng.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = sd.load(path).coefficients
    which = [found.shape == each.shape and bool((found == each).all()) for each in known]
    assert sum(which) == 1, "the file is neither law"
    seen[which.index(True)] += 1
print(json.dumps(seen))
"""


def run(script: str, *arguments: object) -> list:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_a_kill_while_saving_leaves_a_whole_file(tmp_path):
    seen = run(KILLED, tmp_path / "law.symdyn", 50)
    assert sum(seen) == 50
    assert min(seen) > 5  # both laws were met: the kills fell between and into savings
    assert len(list(tmp_path.iterdir())) <= 51  # what was cut off lies beside the file, never in its place


MANY = """
import json, os, resource, warnings
import numpy as np, jax, symdyn as sd

compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, seconds, **_: compiled.append(name) if name.endswith("backend_compile_duration") else None
)

def memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

data = sd.open_dataset("lorenz", times=np.arange(0, 4, 0.02), rates=True)
rng, out = np.random.default_rng(0), []
for k in range(1100):
    moved = data.map(lambda v: v + 1e-3 * rng.normal(size=v.shape), keep_attrs=True)
    law = sd.identify(moved, library=sd.Monomials(2))
    assert law.stats.active >= 7
    if k in (99, 1099):
        out.append([memory(), len(compiled)])
print(json.dumps(out))
"""


def test_a_thousand_fits_neither_grow_nor_compile():
    (before, compiled), (after, at_last) = run(MANY)
    assert compiled > 0  # the count counts
    assert after - before < 20  # MB
    assert at_last == compiled
