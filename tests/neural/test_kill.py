"""A training that is killed with SIGKILL goes on from its checkpoint and ends with the same weights bit for bit."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
import os, signal, sys
import jax, numpy as np, symdyn as sd

jax.config.update("jax_disable_most_optimizations", True)
t = np.linspace(0, 3, 31)
data = sd.dataset(t, x=np.stack([np.cos(t), -np.sin(t)], 1))
law = sd.NeuralLaw.of(sd.StateSpace.of(x=2), None, (4,), key=jax.random.key(0))
path, out, killed = sys.argv[1], sys.argv[2], sys.argv[3] == "killed"

def watch(text):
    if killed and text.startswith("step 20"):
        os.kill(os.getpid(), signal.SIGKILL)

with sd.progress(watch):
    done = sd.train(law, data, steps=40, every=10, batch=7, checkpoint=path or None, validation=0.3)
np.savez(out, *jax.tree.leaves(done.law.network), history=done.history.loss.values)
"""


def run(tmp_path, checkpoint: str, out: str, fate: str) -> int:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", SCRIPT, checkpoint, str(tmp_path / out), fate]
    return subprocess.run(command, cwd=tmp_path, env=environment, timeout=300, check=False).returncode


@pytest.mark.slow  # three interpreters
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
def test_a_killed_process_resumes_bit_for_bit(tmp_path):
    checkpoint = str(tmp_path / "state.zip")
    assert run(tmp_path, checkpoint, "never.npz", "killed") == -signal.SIGKILL
    assert not (tmp_path / "never.npz").exists()
    assert Path(checkpoint).exists()
    assert run(tmp_path, checkpoint, "resumed.npz", "spared") == 0
    assert run(tmp_path, "", "whole.npz", "spared") == 0
    with np.load(tmp_path / "resumed.npz") as resumed, np.load(tmp_path / "whole.npz") as whole:
        assert resumed["history"].shape[1] == 4
        for name in whole.files:
            assert resumed[name].tobytes() == whole[name].tobytes()
