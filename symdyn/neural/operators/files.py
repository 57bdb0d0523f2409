"""Operators on disk: zip archives of JSON and plain arrays."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import equinox as eqx
import jax
import numpy as np

from symdyn._archive import DAMAGED, read_archive, write_archive
from symdyn._errors import InputError
from symdyn.fields import Box, Grid, Periodic, Sphere
from symdyn.neural.files import check_probe, numbered, with_numbered
from symdyn.neural.operators.kernels import GaussHermite, Shells
from symdyn.neural.operators.law import OperatorLaw, network_of
from symdyn.regress.files import decoded, encoded

FORMAT, VERSION = "symdyn neural operator", 1
PARTS = {cls.__name__: cls for cls in (Periodic, Box, Sphere, Shells, GaussHermite)}


def write_operator(law: OperatorLaw, path) -> None:
    """Write a law made by `OperatorLaw.of`. The file appears whole or not at all.

    Raises InputError for a folder that is not there, and a law whose matrices are written out.
    """
    if law.recipe is None:
        raise InputError(
            "a law with an operator of one's own cannot be saved: a file holds no code; use OperatorLaw.of"
        )
    action, widths, kernels, promote, kept, places, dtype = law.recipe
    document = {
        "axes": [_packed(axis) for axis in law.grid.space], "space": encoded(law.space),
        "vectors": encoded(law.vectors), "step": law.step, "time_unit": law.time_unit, "residual": law.residual,
        "centre": encoded(law.centre), "scale": encoded(law.scale), "rate_scale": encoded(law.rate_scale),
        "action": encoded(action), "widths": encoded(widths), "kernels": _packed(kernels), "promote": promote,
        "kept": encoded(kept), "places": places, "dtype": dtype,
    }  # fmt: skip
    write_archive(path, FORMAT, VERSION, document, {**numbered(law.network), "probe": _probe(law)})


def load_operator(path) -> OperatorLaw:
    """Read a law that `OperatorLaw.save` wrote.

    The operator is made anew from its recipe, given the weights, and asked for the next field that the file holds for
    one field: a file that another release would read as another law is refused.

    Raises InputError for a file that is absent, damaged, of another kind or version, or gives other fields.

    Examples
    --------
    >>> import jax, numpy as np, tempfile, symdyn as sd
    >>> data = sd.make_fields("navier_stokes", shape=16, times=np.linspace(0, 1, 5))
    >>> fields = sd.open_fields(data, ["vorticity"], periodic=["y", "x"])
    >>> law = sd.OperatorLaw.of(fields, sd.SO(2), (4,), key=jax.random.key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     law.save(f"{folder}/law.zip")
    ...     again = sd.load_operator(f"{folder}/law.zip")
    >>> u = np.ones((1, 16, 16))
    >>> bool((again.advance(u) == law.advance(u)).all())
    True
    """
    document, arrays = read_archive(path, FORMAT, VERSION)
    try:
        recipe = (
            decoded(document["action"]), decoded(document["widths"]), _unpacked(document["kernels"]),
            bool(document["promote"]), decoded(document["kept"]), int(document["places"]), document["dtype"],
        )  # fmt: skip
        grid, space = Grid(tuple(_unpacked(axis) for axis in document["axes"])), decoded(document["space"])
        vectors = decoded(document["vectors"])
        network = network_of(grid, space, vectors, recipe, jax.random.key(0))
        law = OperatorLaw(
            with_numbered(network, arrays), grid, space, vectors, float(document["step"]), str(document["time_unit"]),
            bool(document["residual"]), decoded(document["centre"]), decoded(document["scale"]),
            decoded(document["rate_scale"]), recipe,
        )  # fmt: skip
        probe, again = arrays["probe"], _probe(law)
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{path} is not a {FORMAT}, or is damaged: {error}") from error
    check_probe(path, probe, again, "fields")
    return law


def _probe(law: OperatorLaw) -> np.ndarray:
    """What a step makes of one fixed field."""
    values = np.random.default_rng(5).normal(size=(law.space.size, *law.grid.shape))
    wide = (-1, *(1,) * len(law.grid.shape))
    if law.scale is not None and law.centre is not None:
        values = law.centre.array.reshape(wide) + values * law.scale.array.reshape(wide)
    return np.asarray(eqx.filter_jit(lambda law, x: law.advance(x))(law, values.astype(law.dtype)), float)


def _packed(part: Any) -> dict[str, Any]:
    """An axis or a family of kernels as JSON holds it."""
    if PARTS.get(type(part).__name__) is not type(part):
        raise InputError(f"{type(part).__name__} cannot be saved: a file holds no code")
    return {"type": type(part).__name__, **{f.name: encoded(getattr(part, f.name)) for f in fields(part)}}


def _unpacked(value: dict[str, Any]) -> Any:
    return PARTS[value["type"]](**{n: decoded(v) for n, v in value.items() if n != "type"})
