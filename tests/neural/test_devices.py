"""Eight devices, which the CPU plays: they train what one of them trains, and sum what one of them sums."""

import os
import socket
import subprocess
import sys

import pytest

SCRIPT = """
import jax, numpy as np, equinox as eqx
import symdyn as sd
from symdyn.data.chunked import ChunkedData
from symdyn.regress._identify import settings_of
from symdyn.regress.strategy.streaming import streamed

assert len(jax.devices()) == 8
times = np.linspace(0, 3, 31)
runs = np.random.default_rng(0).uniform(0.5, 1.5, (4, 1, 1)) * np.stack([np.cos(times), -np.sin(times)], 1)
data, law = sd.dataset(times, x=runs), sd.NeuralLaw.of(sd.StateSpace.of(x=2), None, (8,), key=jax.random.key(0))


def weights(**options):
    done = sd.train(law, data, steps=20, every=10, batch=16, **options)
    return [np.asarray(leaf) for each in done.laws for leaf in jax.tree.leaves(eqx.filter(each.network, eqx.is_array))]


def apart(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


by_seed = weights(seeds=8), weights(seeds=8, devices=jax.devices())
by_row = weights(), weights(devices=jax.devices())
print(apart(*by_seed), apart(*by_row), apart(by_row[0], weights(key=jax.random.key(9))))


def moments(devices, method):
    settings = settings_of(library=sd.Monomials(2), differentiation=method)
    return streamed(ChunkedData.of(long, settings.reading), settings, 200_000, devices)[0].moments.blocks


t = 0.01 * np.arange(40_000)
long = sd.dataset(t, x=np.cos(t) + 0.1 * np.sin(3 * t), v=-np.sin(t) + 0.2 * np.cos(5 * t))
for method in (sd.FiniteDifference(), sd.WeakForm(half_width=16, generalised=False, unbiased=False)):
    one, eight = moments((), method), moments(tuple(jax.devices()), method)
    print(len(one), np.abs(one).max() > 0, (one == eight).all())
one, eight = (sd.identify(long, library=sd.Monomials(1), devices=some) for some in (jax.devices()[:1], jax.devices()))
print((one.coefficients == eight.coefficients).all(), len(one.active_terms))
try:
    sd.train(law, data, steps=2, batch=7, devices=jax.devices())
except sd.InputError as error:
    print(error)
"""


def test_eight_devices_share_seeds_rows_and_blocks():
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    numbers, *sums, law, refusal = done.stdout.splitlines()
    by_seed, by_row, other = (float(word) for word in numbers.split())
    assert by_seed < 1e-5
    assert by_row < 1e-5 < 1e-3 < other
    # the blocks of a task are shared among the devices: the same bits, for each is summed by one of them
    for line in sums:
        blocks, *same = line.split()
        assert int(blocks) > 60
        assert same == ["True", "True"]
    assert law.split() == ["True", "2"]
    assert "8 devices" in refusal
    assert "batch=7" in refusal


HOSTS = """
import sys
import jax

jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]))
import hashlib
import numpy as np
import symdyn as sd
from symdyn.data.chunked import ChunkedData
from symdyn.regress._identify import settings_of
from symdyn.regress.strategy.streaming import streamed

assert jax.process_count() == 2
t = 0.01 * np.arange(30_001)
data = sd.dataset(t, x=np.cos(t) + 0.1 * np.sin(3 * t), v=-np.sin(t) + 0.2 * np.cos(5 * t))
settings = settings_of(library=sd.Monomials(2), differentiation=sd.FiniteDifference())
chunked = ChunkedData.of(data, settings.reading)
shared = streamed(chunked, settings, 50_000, tuple(jax.local_devices()))[0].moments
jax.process_count = lambda: 1
jax.process_index = lambda: 0
alone = streamed(chunked, settings, 50_000)[0].moments
print((shared.blocks == alone.blocks).all(), (shared.rows == alone.rows).all(), len(shared.blocks))
"""


@pytest.mark.slow
def test_two_processes_of_jax_share_the_sums():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    command = [sys.executable, "-c", HOSTS, address]
    runs = [
        subprocess.Popen([*command, str(k)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for k in (0, 1)
    ]
    for run in runs:
        said, fault = run.communicate(timeout=300)
        assert run.returncode == 0, fault
        same, rows, blocks = said.splitlines()[-1].split()
        assert (same, rows) == ("True", "True")
        assert int(blocks) > 60
