"""Eight devices, which the CPU plays: they train what one of them trains."""

import os
import subprocess
import sys

SCRIPT = """
import jax, numpy as np, equinox as eqx
import symdyn as sd

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
try:
    sd.train(law, data, steps=2, batch=7, devices=jax.devices())
except sd.InputError as error:
    print(error)
"""


def test_eight_devices_share_seeds_or_rows():
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    numbers, refusal = done.stdout.splitlines()
    by_seed, by_row, other = (float(word) for word in numbers.split())
    assert by_seed < 1e-5
    assert by_row < 1e-5 < 1e-3 < other
    assert "8 devices" in refusal
    assert "batch=7" in refusal
