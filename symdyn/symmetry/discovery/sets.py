"""Point sets: a field is a symmetry iff it is tangent, (1 - P(z)) xi(z) = 0 at all points z of the set.

The normal projector 1 - P comes from Dh on a level set h = 0, and from local principal components on a point cloud
(Otto et al. 2025, JMLR 26(248); Cahill, Mixon, Parshall 2023, Lie PCA, is the case of linear candidates).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError
from symdyn.symmetry._states import random_states
from symdyn.symmetry.discovery.candidates import Place
from symdyn.symmetry.discovery.fields import Candidates
from symdyn.symmetry.discovery.subjects import AbstractSubject, Law, Sample, columns_of


@dataclass(frozen=True, eq=False)
class LevelSet(AbstractSubject):
    """The points with h(z) = 0."""

    law: Law

    def points(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return self.onto(random_states(rng, count, self.place.narrow.size))

    def onto(self, z: np.ndarray) -> np.ndarray:
        """Points (m, n) moved onto the set by Gauss-Newton steps; those that do not get there are left out."""
        start = np.abs(self.law.at(z)).max() + 1e-300
        for _ in range(50):
            value, slope = self.law.at(z), self.law.jacobian(z)
            if not (np.isfinite(value).all() and np.isfinite(slope).all()):
                keep = np.isfinite(value).all(1) & np.isfinite(slope).all((1, 2))
                z, value, slope = z[keep], value[keep], slope[keep]
            z = z - np.einsum("mnd,md->mn", np.linalg.pinv(slope), value)
        good = np.abs(self.law.at(z)).max(1, initial=0.0) < 1e-11 * start
        if not good.any():
            raise InputError("no point with h(z) = 0 was found; give points=..., near the level set")
        return z[good]

    def needed(self, candidates: Candidates) -> int:
        return int(1.5 * candidates.count) + 25

    def sample(self, candidates: Candidates, points: np.ndarray) -> Sample:
        slope = self.law.jacobian(points)
        normal = np.linalg.pinv(slope) @ slope
        return _normal_part(candidates.moved(points), normal)

    def discrete(self, matrices: np.ndarray, times: np.ndarray, points: np.ndarray) -> np.ndarray:
        size = np.abs(self.law.jacobian(points) * points[:, None]).sum((1, 2)).mean() + 1e-300
        moved = (points @ matrices.swapaxes(1, 2)).reshape(-1, points.shape[1])
        found = np.abs(self.law.at(moved)).reshape(len(matrices), -1).mean(1) / size
        return np.where(times < 0, 2.0, found)


@dataclass(frozen=True, eq=False)
class Cloud(AbstractSubject):
    """Points of an unknown set: `data` (m, n), `normals` (m, n, n) projectors off the local tangents."""

    data: np.ndarray
    normals: np.ndarray
    dimension: int

    @classmethod
    def of(cls, place: Place, data: np.ndarray, dimension: int | None, neighbours: int | None) -> Cloud:
        """Tangents by principal components of the nearest neighbours; the dimension by the largest drop on average.

        Raises InputError for too few points.
        """
        from scipy.spatial import KDTree

        m, n = data.shape
        k = neighbours or min(max(4 * n, 12), m - 1)
        if m < n + 2 or not n < k < m:
            raise InputError(f"a cloud in {n} dimensions needs more than {max(n + 2, k)} points, got {m} (k = {k})")
        _, near = KDTree(data).query(data, k + 1)
        offsets = data[near] - data[near].mean(1, keepdims=True)
        _, s, V = np.linalg.svd(offsets, full_matrices=True)
        if dimension is None:
            mean = np.sqrt((s**2).mean(0))[:n]
            drops = mean[:-1] / np.maximum(mean[1:], 1e-300)
            dimension = int(np.argmax(drops)) + 1
        if not 0 < dimension < n:
            raise InputError(f"the dimension of the set lies between 1 and {n - 1}, got {dimension}")
        off = V[:, dimension:]
        return cls(place, data, off.swapaxes(1, 2) @ off, dimension)

    def points(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return self.data

    def needed(self, candidates: Candidates) -> int:
        return len(self.data)

    def sample(self, candidates: Candidates, points: np.ndarray) -> Sample:
        return _normal_part(candidates.moved(points), self.normals)

    def discrete(self, matrices: np.ndarray, times: np.ndarray, points: np.ndarray) -> np.ndarray:
        """How far moved points lie from the nearest points of the set, off its tangent, against the size of the set."""
        from scipy.spatial import KDTree

        tree, size = KDTree(self.data), self.data.std() * np.sqrt(self.data.shape[1])
        out = []
        for matrix, time in zip(matrices, times, strict=True):
            moved = self.data @ matrix.T
            _, near = tree.query(moved)
            off = np.einsum("mij,mj->mi", self.normals[near], moved - self.data[near])
            out.append(2.0 if time < 0 else float(np.sqrt((off**2).sum(1).mean()) / size))
        return np.array(out)


def _normal_part(field: np.ndarray, normal: np.ndarray) -> Sample:
    defect = np.einsum("mij,mjg->mig", normal, field)
    return Sample(columns_of(defect), columns_of(field), columns_of(field))
