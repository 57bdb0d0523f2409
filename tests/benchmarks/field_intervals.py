"""How often the 95 % intervals of laws of fields hold the true coefficients, over draws of white noise.

    python tests/benchmarks/field_intervals.py                        # all cases, 100 draws of each noise
    python tests/benchmarks/field_intervals.py burgers --noise 0.1 --draws 200

Noise is white, in shares of the root mean square of the field; all settings of `identify_field` are automatic. "true":
the library holds the terms of the law alone; "chosen": they are chosen from all powers up to 2 and derivatives up to
the case's order, and draws with other terms are left out (`kept` is the share of the others): no interval of one law
knows of that choice. For each: the share of draws in which the interval holds the truth, mean over the coefficients and
the lowest of them; the median standard error over the standard deviation between draws, lowest and highest; the mean
error over that standard deviation, largest. Asked: 90 to 98 %.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

import symdyn as sd

NOISE = (0.01, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Case:
    """A system, the true terms as `DivergenceForm` names them with their fluxes, and the arguments of `make_fields`."""

    truth: dict[str, tuple[dict[str, str], float]]
    options: dict[str, Any] = field(default_factory=dict)
    order: int = 3

    def library(self, chosen: bool) -> Any:
        if chosen:
            return sd.DivergenceForm(2, order=self.order)
        return sd.Fluxes({name: fluxes for name, (fluxes, _) in self.truth.items()})


CASES = {
    "heat": Case({"u_xx": ({"x x": "u"}, 1.0)}, {"times": np.linspace(0, 0.2, 256)}),
    "burgers": Case(
        {"(u^2)_x": ({"x": "u^2"}, -0.5), "u_xx": ({"x x": "u"}, 0.05)}, {"times": np.linspace(0, 1.0, 256)}
    ),
    "advection_diffusion": Case(
        {
            "u_x": ({"x": "u"}, -1.0), "u_y": ({"y": "u"}, 0.5), "u_xx": ({"x x": "u"}, 0.05),
            "u_yy": ({"y y": "u"}, 0.05),
        },
        {"times": np.linspace(0, 2, 64), "shape": (48, 48)}, 2,
    ),
    "kdv": Case(
        {"(u^2)_x": ({"x": "u^2"}, -3.0), "u_xxx": ({"x x x": "u"}, -1.0)},
        {"times": np.linspace(0, 3, 301), "shape": 256},
    ),
}  # fmt: skip


def draw(clean, noise: float, seed: int) -> sd.Fields:
    data = clean.copy()
    size = float(np.sqrt((data["u"] ** 2).mean()))
    data["u"] = data["u"] + noise * size * np.random.default_rng(seed).normal(size=data["u"].shape)
    return sd.open_fields(data, ["u"], periodic=data.attrs["periodic"].split())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--noise", nargs="+", type=float, default=NOISE)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", default=("true", "chosen"))
    told = parser.parse_args()
    print("case                 noise  terms   kept  coverage  lowest  s.e. / s.d.  bias / s.d.  processor s a law")
    for name in told.cases:
        case = CASES[name]
        clean = sd.make_fields(name, key=jax.random.key(0), **case.options)
        truth = np.array([value for _, value in case.truth.values()])
        for noise in told.noise:
            for kind in told.kinds:
                found, start = [], time.process_time()
                for seed in range(told.draws):
                    law = sd.identify_field(draw(clean, noise, seed), library=case.library(kind == "chosen"))
                    if set(law.active_terms) == set(case.truth):
                        rows = [law.term_names.index(term) for term in case.truth]
                        table = np.stack([law.coefficients, law.standard_errors, *law.interval(0.95)])
                        found.append(table[:, rows, 0])
                cpu = (time.process_time() - start) / told.draws
                if len(found) < 3:
                    print(f"{name:20s}  {noise:.2f}  {kind:7s} {len(found) / told.draws:.2f}", flush=True)
                    continue
                value, error, low, high = np.moveaxis(np.array(found), 1, 0)
                holds = ((low <= truth) & (truth <= high)).mean(axis=0)
                spread = value.std(axis=0, ddof=1)
                ratio, bias = np.median(error, axis=0) / spread, (value.mean(axis=0) - truth) / spread
                print(
                    f"{name:20s}  {noise:.2f}  {kind:7s} {len(found) / told.draws:.2f}  {holds.mean():.3f}     "
                    f"{holds.min():.2f}    {ratio.min():.2f} {ratio.max():.2f}    {bias[np.abs(bias).argmax()]:+.2f}"
                    f"         {cpu:.2f}", flush=True,
                )  # fmt: skip


if __name__ == "__main__":
    with jax.enable_x64(True):
        main()
