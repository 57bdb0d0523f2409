"""Functions of a feature space on disk: the space by its settings, the coefficients, and values to check them by."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from symdyn._archive import DAMAGED, read_archive, write_archive
from symdyn._errors import InputError
from symdyn.spectral.fixed import FixedSpace
from symdyn.spectral.further_spaces import PowerSums
from symdyn.spectral.regression import SpectralModel
from symdyn.spectral.spaces import HermiteFunctions, SphereHarmonics, TorusWaves

FORMAT, VERSION = "symdyn spectral model", 1
SPACES = {cls.__name__: cls for cls in (TorusWaves, SphereHarmonics, HermiteFunctions, PowerSums)}
PROBES = 16  # points at which a file knows the values
AGREE = 1e-8  # relative, of the values there: features come from null spaces, whose bases are a matter of rounding


def save_spectral(model: SpectralModel, path) -> None:
    """Write a function to `path`. The file appears whole or not at all, and holds no code.

    Raises InputError for features of the user's own, and for a folder that is not there.
    """
    space = model.space
    if SPACES.get(type(space).__name__) is not type(space):
        raise InputError(
            f"features of the kind {type(space).__name__} cannot be saved: a file holds no Python code. There are "
            f"{', '.join(SPACES)}; or keep the coefficients yourself"
        )
    numbers = {name: float(getattr(model, name)) for name in ("noise", "evidence", "ridge", "smoothness")}
    fixed = model.fixed
    document = {
        "space": type(space).__name__,
        "settings": {each.name: getattr(space, each.name) for each in fields(space)},  # pyright: ignore[reportArgumentType]
        "scalar": model.scalar,
        **{name: str(value) for name, value in numbers.items()},
        "gap": str(float(fixed.gap)),
        "closure": str(float(fixed.closure)),
    }
    probes = space.draw(PROBES)
    arrays = {
        "coefficients": np.asarray(model.coefficients), "covariance": np.asarray(model.covariance),
        "basis": fixed.basis, "levels": np.asarray(fixed.levels), "probes": probes, "values": model.predict(probes),
    }  # fmt: skip
    write_archive(path, FORMAT, VERSION, document, arrays)


def load_spectral(path) -> SpectralModel:
    """Read a function that `SpectralModel.save` wrote.

    Raises InputError for a file that is absent, damaged, of another kind or version, and where this machine's features
    differ from those that the file was written with.

    Examples
    --------
    >>> import numpy as np, symdyn as sd, tempfile
    >>> space = sd.TorusWaves(1, 9)
    >>> law = sd.fit_invariant(space.draw(30), np.ones(30), space=space, group=None)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     law.save(f"{folder}/law.symdyn")
    ...     sd.load_spectral(f"{folder}/law.symdyn").space
    TorusWaves(dimension=1, most=9, period=1.0)
    """
    document, arrays = read_archive(path, FORMAT, VERSION)
    try:
        model = _built(document, arrays)
        seen, found = arrays["values"], model.predict(arrays["probes"])
        size = max(float(np.abs(seen).max()), float(np.finfo(float).tiny))
        off = float(np.abs(found - seen).max()) / size
    except DAMAGED as error:
        raise InputError(f"{path} is not a {FORMAT}, or is damaged: {error}") from error
    if not off < AGREE:
        raise InputError(
            f"the function of {path} has other values here than where it was saved (by {off:.2g}): its features come "
            "out differently on this machine, or the file is damaged. Fit it again"
        )
    return model


def _built(document: dict[str, Any], arrays: dict[str, np.ndarray]) -> SpectralModel:
    """The function of a file. Raises KeyError, TypeError, ValueError and the like for damaged parts."""
    if document["space"] not in SPACES:
        raise ValueError(f"unknown features {document['space']!r}")
    space = SPACES[document["space"]](**document["settings"])
    gap, closure, noise, evidence, ridge, smoothness = (
        float(document[name]) for name in ("gap", "closure", "noise", "evidence", "ridge", "smoothness")
    )
    coefficients, basis = arrays["coefficients"], arrays["basis"]
    if coefficients.shape[0] != space.size or basis.shape[0] != coefficients.size:
        raise ValueError(f"{coefficients.shape} coefficients do not belong to {space}")
    fixed = FixedSpace(basis, gap, closure, arrays["levels"])
    return SpectralModel(
        coefficients, space, fixed, bool(document["scalar"]), arrays["covariance"], noise, evidence, ridge, smoothness
    )
