"""The balance of the winds of ERA-Interim: with a symmetry and without, from both hemispheres and from one.

    SYMDYN_DATA_DIR=FOLDER python tests/benchmarks/gradient_wind.py

The slope of the geopotential balances the Coriolis force and the turning of the flow,
grad Phi = -2 Omega sin(lat) k x u - (u . grad) u. Candidates: all products up to degree 2 of the wind, its advection
of itself and the sine of the latitude, 21 for each component. The symmetry is O(2) of the tangent plane: a mirror turns
the rotation of the Earth round, so that the sine changes sign. 15-75 degrees, January and July, derivatives by local
least squares over 7 points.
"""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import numpy as np

import symdyn as sd

ROTATION = 1.4584e-4  # s-1: 2 Omega
SMOOTH = 3  # samples on either side
LIBRARY = sd.Monomials(2, variables=("wind", "advection", "sine"))
MIRRORED = sd.O(2).acting_on(slope=sd.Vector, wind=sd.Vector, advection=sd.Vector, sine=sd.Pseudoscalar)


def balance(data, level: int, month: int, south: float, north: float, half: int = SMOOTH) -> sd.Fields:
    """The slope, the wind, its advection of itself and the sine of latitude; rows outside a belt have no weight.

    `south`, `north` in degrees; rows within 15 degrees of the equator have no weight either.
    """
    found = sd.open_fields(
        data.sel(level=level, month=month).sortby("latitude"), ["z", "u", "v"], latitude="latitude",
        longitude="longitude",
    )  # fmt: skip
    z, u, v = (found.component(name) for name in ("z", "u", "v"))
    sphere = found.grid.sphere
    operators = sd.SphereOperators(sphere, half=half)
    latitude = np.degrees(sphere.latitude.array)
    belt = (latitude >= south) & (latitude <= north) & (np.abs(latitude) >= 15)
    return sd.Fields.of(
        found.grid,
        slope=np.where(belt[:, None, None], np.stack(operators.gradient(z), -1), np.nan),
        wind=np.stack([u, v], -1),
        advection=np.stack(operators.advection_of_wind(u, v, u, v), -1),
        sine=np.broadcast_to(np.sin(sphere.latitude.array)[:, None], z.shape),
        units={"slope": "m s-2", "wind": "m s-1", "advection": "m s-2"},
    )


def law_of(fields: sd.Fields, **options) -> sd.Solution:
    """The slope by the candidates."""
    return sd.identify_field(
        fields, library=LIBRARY, rate_of="slope", time_order=0, order=0, form=sd.JetDerivatives(), **options
    )


def rotation(law: sd.Solution) -> tuple[float, float]:
    """2 Omega by either component."""
    return law.coefficient("wind_y sine", "slope_x")[0], -law.coefficient("wind_x sine", "slope_y")[0]


def explained(law: sd.Solution, fields: sd.Fields) -> float:
    """R2 of the slope on other fields, by area."""
    samples = sd.jets(fields, order=0, rate_of="slope", time_order=0)
    terms = np.asarray(jax.vmap(law.model.terms)(jnp.asarray(samples.states)))
    left = np.sum(samples.weights[:, None] * (samples.targets - terms @ law.coefficients) ** 2)
    return float(1 - left / np.sum(samples.weights[:, None] * samples.targets**2))


def main() -> None:
    data = sd.open_dataset("era_interim")
    kinds = {"O(2)": {"action": MIRRORED}, "none": {}, "none, all terms": {"solver": sd.LeastSquares()}}
    print("hPa  month  symmetry         trained on  active  2 Omega / truth  R2 north  R2 south")
    for level in (200, 500, 850):
        for month in (1, 7):
            belts = {"both": (-75, 75), "north": (15, 75), "south": (-75, -15)}
            parts = {name: balance(data, level, month, *belt) for name, belt in belts.items()}
            for kind, options in kinds.items():
                for where, fields in parts.items():
                    law = law_of(fields, **options)
                    by_x, by_y = (value / ROTATION for value in rotation(law))
                    r2 = [explained(law, parts[name]) for name in ("north", "south")]
                    print(
                        f"{level}  {month:5d}  {kind:15s}  {where:10s}  {law.stats.active:6d}  {by_x:.3f} {by_y:.3f}"
                        f"      {r2[0]:8.4f}  {r2[1]:8.4f}"
                    )
                    if kind == "O(2)" and where == "both":
                        print(law)


if __name__ == "__main__":
    sys.exit(main())
