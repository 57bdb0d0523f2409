"""How broken a rotation fixed to a planet looks in the vorticity equation, as the flow and the rate vary.

    python tests/benchmarks/discover_sphere.py

For the tendency N(psi) = -J(psi, zeta) - 2 rate psi_lon of vorticity and the Killing field K_x, the defect is

    |DN[K psi] - K N(psi)| / sqrt(|DN[K psi]|^2 + |K N(psi)|^2),

over the sphere, for random flows with harmonics of degree up to `degree`, all of the same variance, whose root mean
square vorticity is `ratio` times the rate. Spherical harmonics and Gauss quadrature, degree 20: nothing is approximate.
The rotations seen from the stars are exact: see `discover.py --sphere`.
"""

from __future__ import annotations

import numpy as np
from scipy.special import sph_harm_y

DEGREE, NORTH, EAST = 20, 64, 128
_sines, _weights = np.polynomial.legendre.leggauss(NORTH)
LAT, LON = np.meshgrid(np.arcsin(_sines), np.arange(EAST) * 2 * np.pi / EAST, indexing="ij")
WEIGHTS = np.repeat(_weights[:, None], EAST, axis=1) * 2 * np.pi / EAST
L, M = (np.array(each) for each in zip(*[(k, m) for k in range(DEGREE + 1) for m in range(-k, k + 1)], strict=True))
HARMONICS = np.stack([sph_harm_y(k, m, np.pi / 2 - LAT, LON) for k, m in zip(L, M, strict=True)])
PLACE = {(int(k), int(m)): i for i, (k, m) in enumerate(zip(L, M, strict=True))}


def analysed(f: np.ndarray) -> np.ndarray:
    return np.einsum("kij,ij->k", HARMONICS.conj(), f * WEIGHTS)


def values(c: np.ndarray) -> np.ndarray:
    return np.einsum("k,kij->ij", c, HARMONICS).real


def northward(c: np.ndarray) -> np.ndarray:
    """cos(lat) d/dlat, by the recursion of the Legendre functions."""
    out = np.zeros_like(c)
    for (k, m), i in PLACE.items():
        for other, factor, top in (((k + 1, m), -k, k + 1), ((k - 1, m), k + 1, k)):
            if other in PLACE and top:
                out[PLACE[other]] += factor * np.sqrt((top**2 - m**2) / (4 * top**2 - 1)) * c[i]
    return out


def turned(c: np.ndarray) -> np.ndarray:
    """K_x = -cos(lon) tan(lat) d/dlon + sin(lon) d/dlat."""
    east, north = values(1j * M * c), values(northward(c))
    return analysed(-np.cos(LON) * np.tan(LAT) * east + np.sin(LON) * north / np.cos(LAT))


def jacobian(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    east, north = (values(1j * M * a), values(1j * M * b)), (values(northward(a)), values(northward(b)))
    return (east[0] * north[1] - north[0] * east[1]) / np.cos(LAT) ** 2


def defect(psi: np.ndarray, rate: float) -> float:
    zeta, moved = -L * (L + 1) * psi, turned(psi)
    tendency = -jacobian(psi, zeta) - 2 * rate * values(1j * M * psi)
    first = -jacobian(moved, zeta) - jacobian(psi, -L * (L + 1) * moved) - 2 * rate * values(1j * M * moved)
    second = values(turned(analysed(tendency)))
    size = [np.sqrt((f**2 * WEIGHTS).sum()) for f in (first - second, first, second)]
    return float(size[0] / np.hypot(size[1], size[2]))


def flow(rng: np.random.Generator, degree: int) -> np.ndarray:
    c = np.zeros(len(L), complex)
    for (k, m), i in PLACE.items():
        if 0 < k <= degree and m >= 0:
            c[i] = rng.normal() + 1j * rng.normal() * (m > 0)
            c[PLACE[k, -m]] = (-1) ** m * np.conj(c[i])
    return c


if __name__ == "__main__":
    print("degree  ratio  defect of K_x: median [least, most] of 5 flows")
    for degree in (4, 6, 8):
        for ratio in (0.5, 1.0, 2.0):
            found = []
            for seed in range(5):
                psi = flow(np.random.default_rng(seed), degree)
                zeta = values(-L * (L + 1) * psi)
                rms = np.sqrt((zeta**2 * WEIGHTS).sum() / (4 * np.pi))
                found.append(defect(psi * ratio / rms, 1.0))
            print(f"{degree:6d} {ratio:6.1f}  {np.median(found):.3f} [{min(found):.3f}, {max(found):.3f}]")
