"""The figure of conserved quantities."""

import numpy as np
import pytest

import symdyn as sd
from symdyn.report import save_conserved


def test_figure(tmp_path):
    t = np.linspace(0, 6, 60)
    rng = np.random.default_rng(0)
    size = np.linspace(0.5, 1.5, 12)[:, None]
    x, v = size * np.cos(t), -size * np.sin(t)
    noisy = [u + 0.02 * rng.normal(size=u.shape) for u in (x, v)]
    data = [sd.dataset(t, x=a, v=b) for a, b in zip(*noisy, strict=True)]
    found = sd.conserved_quantities(data, library=sd.Monomials(2))
    assert save_conserved(found, tmp_path / "drift.png").stat().st_size > 10_000
    law = sd.conserved_quantities({"x": "v", "v": "-x"}, library=sd.Monomials(2))
    with pytest.raises(sd.InputError, match="conserved_drift"):
        save_conserved(law, tmp_path / "none.png")
