"""Finite groups of matrices: all members from those that generate them."""

from __future__ import annotations

import numpy as np

_LARGE = 1e9  # entries beyond which powers grow for ever


def generated(elements: np.ndarray, limit: int) -> np.ndarray | None:
    """All products of some matrices (k, n, n), the identity first: shape (order, n, n); None beyond `limit`."""
    one = np.eye(elements.shape[-1])
    found, latest = {_key(one): one}, [one]
    while latest:
        products, latest = [g @ h for h in latest for g in elements], []
        for each in products:
            if _key(each) not in found:
                found[_key(each)] = each
                latest.append(each)
        if len(found) > limit or any(np.abs(each).max() > _LARGE for each in latest):
            return None
    return np.stack(list(found.values()))


def _key(g: np.ndarray) -> bytes:
    """What products of the same elements in different orders have in common in spite of rounding."""
    return (np.round(g, 6) + 0.0).tobytes()
