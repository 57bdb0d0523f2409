"""Neural laws and the state of a training on disk: zip archives of JSON and plain arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import numpy as np

from symdyn._archive import DAMAGED, read_archive, write_archive
from symdyn._errors import InputError
from symdyn.model.model import rates_at
from symdyn.neural.hybrid import hybrid
from symdyn.neural.law import NeuralLaw, with_scales
from symdyn.regress import Solution
from symdyn.regress.files import decoded, encoded, packed, unpacked

FORMAT, VERSION = "symdyn neural law", 1


def write_law(law: NeuralLaw, path) -> None:
    """Write a law made by `NeuralLaw.of`. The file appears whole or not at all.

    Of a hybrid law the known part goes into the same file, where it is a solution of `identify`.

    Raises InputError for a network of one's own or a known part that is a function (a file holds no code), and a folder
    that is not there.
    """
    if law.recipe is None:
        raise InputError(
            "a law with a network of one's own cannot be saved: a file holds no code. Make it with NeuralLaw.of, or "
            "keep the weights with equinox.tree_serialise_leaves"
        )
    action, widths, dtype, options = law.recipe
    document = {
        "space": encoded(law.space), "targets": encoded(law.targets), "kinematics": encoded(law.kinematics),
        "time_unit": law.time_unit, "inputs": encoded(law.inputs), "discrete": law.discrete,
        "action": encoded(action), "widths": encoded(widths), "dtype": dtype, "options": encoded(dict(options)),
        "scale": encoded(law.scale), "rate_scale": encoded(law.rate_scale),
    }  # fmt: skip
    arrays = {**numbered(law.network), "probe": _probe(law)}
    if law.known is not None:
        if not isinstance(law.known.of, Solution):
            raise InputError(
                "a hybrid law is saved where its known part is a solution of identify: a file holds no code. Save its "
                "`remainder`, and join it with the known part after reading"
            )
        document["known"], own = packed(law.known.of)
        document["corrects"] = encoded(law.corrects)
        arrays |= {f"known_{name}": values for name, values in own.items()}
    elif law.corrects:
        document["corrects"] = encoded(law.corrects)
    write_archive(path, FORMAT, VERSION, document, arrays)


def load_law(path) -> NeuralLaw:
    """Read a law that `NeuralLaw.save` wrote.

    The network is made anew from its recipe, given the weights, and asked for the rates that the file holds for a few
    states: a file that another release would read as another law is refused.

    Raises InputError for a file that is absent, damaged, of another kind or version, or gives other rates.

    Examples
    --------
    >>> import jax, numpy as np, tempfile, symdyn as sd
    >>> law = sd.NeuralLaw.of(sd.StateSpace.of(x=2), None, (4,), key=jax.random.key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     law.save(f"{folder}/law.zip")
    ...     again = sd.load_law(f"{folder}/law.zip")
    >>> bool((again.rate(np.ones(2)) == law.rate(np.ones(2))).all())
    True
    """
    document, arrays = read_archive(path, FORMAT, VERSION)
    try:
        law = NeuralLaw.of(
            decoded(document["space"]), decoded(document["action"]), decoded(document["widths"]), key=jax.random.key(0),
            targets=decoded(document.get("corrects", document["targets"])),
            kinematics=dict(decoded(document["kinematics"])),
            inputs=decoded(document["inputs"]), time_unit=str(document["time_unit"]),
            discrete=bool(document["discrete"]), dtype=document["dtype"], **decoded(document["options"]),
        )  # fmt: skip
        law = eqx.tree_at(lambda m: m.network, law, with_numbered(law.network, arrays))
        law = _whole(law, document, arrays)
        law = with_scales(law, decoded(document["scale"]), decoded(document["rate_scale"]))
        probe, again = arrays["probe"], _probe(law)
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{path} is not a {FORMAT}, or is damaged: {error}") from error
    check_probe(path, probe, again, "rates")
    return law


def check_probe(path, probe: np.ndarray, again: np.ndarray, what: str) -> None:
    """Raise InputError where a law that was read gives other values at one fixed input than when it was written."""
    if probe.shape != again.shape or not np.allclose(probe, again, rtol=1e-3, atol=1e-3 * np.abs(probe).max()):
        raise InputError(f"{path} gives other {what} than when it was written: read it with the symdyn that wrote it")


def _whole(law: NeuralLaw, document: dict[str, Any], arrays: dict[str, np.ndarray]) -> NeuralLaw:
    """A network with the known part of its file, where that has one."""
    targets, corrects = decoded(document["targets"]), decoded(document.get("corrects", ()))
    if "known" in document:
        own = {name.removeprefix("known_"): values for name, values in arrays.items() if name.startswith("known_")}
        law = hybrid(unpacked(document["known"], own), law)
    return replace(law, targets=targets, corrects=corrects) if corrects else law


def _probe(law: NeuralLaw) -> np.ndarray:
    """Rates at a few fixed states (3, d)."""
    states = np.random.default_rng(5).normal(size=(3, law.space.size))
    states = states * (1.0 if law.scale is None else law.scale.array)
    return np.asarray(rates_at(law, states.astype(np.float32)), float)


def numbered(tree, name: str = "leaf") -> dict[str, np.ndarray]:
    """The array leaves of a tree by number."""
    leaves = jax.tree.leaves(eqx.filter(tree, eqx.is_array))
    return {f"{name}_{k}": np.asarray(leaf) for k, leaf in enumerate(leaves)}


def with_numbered(tree, arrays: dict[str, np.ndarray], name: str = "leaf"):
    """A tree with its array leaves replaced. Raises ValueError where shapes or kinds differ."""
    values, static = eqx.partition(tree, eqx.is_array)
    leaves, structure = jax.tree.flatten(values)
    found = []
    for k, leaf in enumerate(leaves):
        given = arrays[f"{name}_{k}"]
        if given.shape != leaf.shape or given.dtype != leaf.dtype:
            raise ValueError(f"array {k} is {given.dtype}{given.shape}, and {leaf.dtype}{leaf.shape} is needed")
        found.append(jax.numpy.asarray(given))
    return eqx.combine(jax.tree.unflatten(structure, found), static)
