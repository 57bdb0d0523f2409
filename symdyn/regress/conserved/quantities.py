"""`conserved_quantities`: from a law, a function or data to the quantities that do not change along trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import jax
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.data.door import read
from symdyn.data.reading import Reading
from symdyn.data.recording import Recording
from symdyn.library import AbstractLibrary
from symdyn.regress.conserved.fit import MISJUDGED, drift_of, fitted, judged
from symdyn.regress.conserved.statistics import along
from symdyn.regress.symmetries.find import array_of, check_points, is_data, subject_of
from symdyn.symmetry.conserved.null_space import conserved_by, scalar_terms
from symdyn.symmetry.conserved.result import (
    ConservedQuantities,
    ConservedQuantity,
    Drift,
    independent,
    term_gradients,
)
from symdyn.symmetry.discovery.subjects import Flow, OneStep, scale_of

_FEWEST = 8  # trajectories
_LONGER = 2  # terms by which a function of others may exceed the longest of them
_RANK = 0.05  # of gradients of quantities that are known with errors


def conserved_quantities(
    of: Any,
    *,
    library: AbstractLibrary,
    kind: Literal["flow", "map"] | None = None,
    space: StateSpace | None = None,
    points: Any = None,
    tolerance: float = 1e-8,
    drift: float = 0.1,
    held_out: float = 0.3,
    key: jax.Array | None = None,
    **reading: Any,
) -> ConservedQuantities:
    r"""The combinations of a library's terms that are constant along trajectories, simple ones first.

    Of a law $\dot x = F(x)$ they are the null space of $C \mapsto \nabla C \cdot F$ over the library: solved in whole
    numbers for polynomials that have them, else at points. From data they are the combinations whose variance along
    trajectories is that of the noise while they differ between trajectories (many runs from different starts are
    needed); they are fitted on some of the trajectories and judged on the others. Constants, and polynomials of other
    conserved quantities, are left out; other functions of those before them are marked (`dependent`).

    Parameters
    ----------
    of: a law that was identified, or its model; polynomial rates as text, `{"x": "y", "y": "-x"}`; a JAX function of
        one flat state; or a data set with several trajectories, a list of these, or a mapping of arrays.
    library: candidate terms of C; simple ones should come first, and the constant is not needed. Terms like log(x),
        cos(angle) or 1/r are yours to offer: `Monomials(2) + Elementary("log")`, `Function(...)`.
    kind: for a function, "flow" (the default) or "map", x -> the next x.
    space: the names of the variables, where `of` does not say.
    points: states (m, n) at which conditions are taken, for laws; by default random ones, of size 0.5 to 1.5.
    tolerance: largest scale-free defect for laws that are not solved in whole numbers; for a law from noisy data, the
        accuracy of its coefficients.
    drift: for data, the largest drift, as a share of the spread between trajectories, that counts as none.
    held_out: for data, the share of the trajectories that judge.
    key: a JAX PRNG key for random points, and for which trajectories judge.
    reading: for data, what `identify` takes to read them: `variables`, `time`, `trajectories`, `missing`.

    Returns `ConservedQuantities`. Raises InputError for arguments that do not fit, terms that are not finite, and data
    with fewer than 8 trajectories: along a single one, what is constant is a relation, not known to be conserved.

    References: Kaiser, Kutz, Brunton 2018, arXiv:1811.00961 (null space); Fuller 1987, Measurement Error Models,
    section 2.3 (the eigenproblem with noise).

    Examples
    --------
    >>> import symdyn as sd
    >>> top = {"x": "y z", "y": "-2 x z", "z": "x y"}
    >>> print(sd.conserved_quantities(top, library=sd.Monomials(4)))
    2 conserved quantities (exact)
      2 x^2 + y^2
      x^2 - z^2
    >>> hunt = {"prey": "prey - prey hunter", "hunter": "prey hunter - 2 hunter"}
    >>> print(sd.conserved_quantities(hunt, library=sd.Monomials(2) + sd.Elementary("log"))[0])
    prey + hunter - 2 log(prey) - log(hunter)
    """
    seed = 20250826 if key is None else int(jax.random.randint(key, (), 0, 2**31 - 1))
    if is_data(getattr(of, "model", of), None):
        return _from_data(read(of, Reading(**reading)), library, drift, held_out, seed)
    if reading:
        raise InputError(f"unknown arguments {', '.join(reading)}: they are for reading data")
    if space is not None and (space.derivatives or space.coordinates):
        raise InputError("on jets conservation laws have densities and fluxes: sd.conservation_laws finds them")
    given = array_of(points, "points")
    if callable(of) and kind is None and not hasattr(of, "space"):
        kind = "flow"
    subject = subject_of(of, kind, space, (), given, "", None, None, {})
    if not isinstance(subject, Flow | OneStep):
        raise InputError("conserved quantities are those of a flow, a map or data")
    if given is not None:
        check_points(subject, given)
    terms = scalar_terms(library, subject.place.narrow)
    step = isinstance(subject, OneStep)
    return conserved_by(subject.law, terms, points=given, tolerance=float(tolerance), seed=seed, step=step)


def conserved_drift(
    quantities: ConservedQuantity | Sequence[ConservedQuantity] | ConservedQuantities,
    data: Any,
    *,
    drift: float = 0.1,
    **reading: Any,
) -> tuple[Drift, ...]:
    """How given quantities drift along the trajectories of data, beside what the noise of the data makes.

    Parameters
    ----------
    quantities: one or several, of one library.
    data: as for `conserved_quantities`; one trajectory is not enough for the spread that drifts are measured by.
    drift: as for `conserved_quantities`.
    reading: as for `conserved_quantities`.

    Returns one `Drift` for each. Raises InputError where the data lack the variables, or have one trajectory.

    Examples
    --------
    >>> import jax, symdyn as sd
    >>> found = sd.conserved_quantities({"x": "y", "y": "-x"}, library=sd.Monomials(2))
    >>> runs = sd.make_dataset("damped_oscillator", trajectories=8, key=jax.random.key(0))
    >>> sd.conserved_drift(found, runs)[0].verdict
    'drifts'
    """
    several = [quantities] if isinstance(quantities, ConservedQuantity) else list(quantities)
    recording = read(data, Reading(**reading))
    if not several:
        return ()
    space = several[0].space
    if recording.space.component_names != space.component_names:
        raise InputError(
            f"the quantities are of {', '.join(space.component_names)}, and the data of "
            f"{', '.join(recording.space.component_names)}"
        )
    if len(recording.trajectories) < 2:
        raise InputError("a drift is measured by the spread between trajectories, and the data have one")
    found = along(recording, several[0].terms, 7)
    every = np.arange(len(found.times))
    return tuple(drift_of(q.coefficients.array, found, every, drift) for q in several)


def _from_data(
    recording: Recording, library: AbstractLibrary, drift: float, held_out: float, seed: int
) -> ConservedQuantities:
    count = len(recording.trajectories)
    if count < _FEWEST:
        raise InputError(
            f"conserved quantities need {_FEWEST} trajectories from different starts, got {count}: along a single one "
            "what is constant is a relation. Or identify the law first, and ask for those of its model"
        )
    if not 0 < held_out < 1 or not drift > 0:
        raise InputError(f"held_out is a share between 0 and 1 and drift above 0, got {held_out!r} and {drift!r}")
    terms = scalar_terms(library, recording.space)
    found = along(recording, terms, seed)
    order = np.random.default_rng(seed).permutation(count)
    judges = min(max(round(held_out * count), 2), count - 4)
    train, judge = np.sort(order[judges:]), np.sort(order[:judges])
    fits, spectrum, used = fitted(found, train, drift)
    good, rejected = [], []
    for fit in fits:
        measured = judged(fit, found, judge, drift)
        one = ConservedQuantity(terms, Frozen(fit.weights), errors=Frozen(fit.errors), drift=measured)
        (good if measured.verdict == "conserved" else rejected).append(one)
    good, rank = _marked(good, found.middle)
    keep = _worthwhile(good)
    rejected += [q for q, k in zip(good, keep, strict=True) if not k]
    good = [q for q, k in zip(good, keep, strict=True) if k]
    left_out = tuple(name for j, name in enumerate(terms.names) if j not in used)
    return ConservedQuantities(
        recording.space, tuple(good), rank, spectrum, False, tuple(rejected), left_out, found.sigma
    )


def _worthwhile(good: list[ConservedQuantity]) -> list[bool]:
    """Which are worth reporting: a function of others has to be clearly conserved, and about as short as they are.

    A long combination of many terms can follow a function of the others as well as noisy data can tell.
    """
    longest = max([len(q.support) for q in good if not q.dependent], default=0)
    clear = [q.drift is not None and q.drift.size**2 <= MISJUDGED * q.drift.floor**2 for q in good]
    return [not q.dependent or (c and len(q.support) <= longest + _LONGER) for q, c in zip(good, clear, strict=True)]


def _marked(good: list[ConservedQuantity], states: np.ndarray) -> tuple[list[ConservedQuantity], int]:
    """The quantities with `dependent` set, by their gradients at states (k, n), and how many are independent."""
    if not good:
        return good, 0
    states = states[:40]
    gradients = term_gradients(good[0].terms, states)
    weights = np.array([q.coefficients.array for q in good])
    scaled = np.einsum("rp,mpn->mrn", weights, gradients) * scale_of(states)
    new = independent(scaled[np.isfinite(scaled).all(axis=(1, 2))], _RANK)
    return [replace(q, dependent=not bool(n)) for q, n in zip(good, new, strict=True)], int(new.sum())
