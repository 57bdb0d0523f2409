"""Weights of rows: by relative error, from a variable, or from a user's array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Variable


def row_weights(
    ds, weights, lead: tuple[str, ...], targets: Sequence[Variable], rates: Mapping[str, np.ndarray]
) -> np.ndarray | None:
    """Weights of squared residuals, shape (*lead sizes) or (*lead sizes, d), or None where all rows count alike.

    `lead`: the trajectory dimensions and time; `targets`: the target variables; `rates`: their measured rates by
    name, shape (*lead sizes, *components). Raises InputError for weights that do not fit, are negative or not finite.
    """
    import xarray as xr

    if weights is None:
        return None
    if isinstance(weights, str) and weights == "relative":
        return _relative(lead, targets, rates)
    array: Any = ds[weights] if isinstance(weights, str) and weights in ds else weights
    if not isinstance(array, xr.DataArray):
        raise InputError(f'weights must be "relative", the name of a variable or a DataArray, got {weights!r}')
    if not np.isfinite(array.values).all() or (array.values < 0).any():
        raise InputError("weights must be finite and not negative")
    sizes = {d: ds.sizes[d] for d in lead}
    own = {d for d in array.dims if d not in lead}
    unknown = own - {d for target in targets for d in target.dims}
    if unknown or any(array.sizes[d] != sizes[d] for d in lead if d in array.dims):
        raise InputError(f"weights of sizes {dict(array.sizes)} do not fit the data: rows {sizes}, targets {targets}")
    if not own:
        return _expanded(array, sizes).transpose(*lead).values.astype(np.float64)
    parts = []
    for target in targets:
        full = _expanded(array, sizes | dict(zip(target.dims, target.shape, strict=True)))
        parts.append(full.transpose(*lead, *target.dims).values.reshape(*sizes.values(), target.size))
    return np.concatenate(parts, axis=-1).astype(np.float64)


def _expanded(array, sizes: Mapping[str, int]):
    """The array repeated along the dimensions that it lacks."""
    return array.expand_dims({d: n for d, n in sizes.items() if d not in array.dims})


def _relative(lead: tuple[str, ...], targets: Sequence[Variable], rates: Mapping[str, np.ndarray]) -> np.ndarray:
    """1 / |rate|^2, the norm taken over the last axis of a vector, and 0 where the rate is 0."""
    parts = []
    for target in targets:
        if target.name not in rates:
            raise InputError(
                f'weights="relative" needs the measured rate of {target.name!r}; the data declare none (attribute '
                "rate_of, or rates={...})"
            )
        rate = rates[target.name]
        size = np.linalg.norm(rate, axis=-1, keepdims=True) if target.dims else np.abs(rate)
        with np.errstate(divide="ignore"):
            weight = np.where(size > 0, 1.0 / size**2, 0.0)
        parts.append(np.broadcast_to(weight, rate.shape).reshape(*rate.shape[: len(lead)], -1))
    return np.concatenate(parts, axis=-1)
