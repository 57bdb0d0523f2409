"""From a trained network to a sparse law: symmetry first, then dictionary regression on what the network says."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from symdyn._errors import InputError, SymdynError, SymdynWarning
from symdyn._types import double_precision
from symdyn.data.differentiate import AbstractDifferentiation
from symdyn.data.recording import Recording
from symdyn.groups import Action
from symdyn.library import AbstractLibrary, Monomials, Subset
from symdyn.model.model import AbstractModel, rates_at
from symdyn.neural.hybrid import by_name, hybrid
from symdyn.neural.law import NeuralLaw
from symdyn.neural.training.result import Training, recorded
from symdyn.regress import Solution, coefficient, find_symmetries, identify
from symdyn.symmetry import Symmetries

FAITHFUL = 0.9  # share of what the network says that a law should explain
COST = 0.02  # of that share: what a symmetry that was found may cost before it is given up
OFF = 0.05  # of a coefficient: differences below this are a network's, and no reason to worry
FAR = 4.0  # errors (of network and data together) between the coefficients from the network and from the data


@dataclass(frozen=True, eq=False)
class Distilled:
    """A sparse law that says what a network says, and how far it can be trusted.

    Attributes
    ----------
    law: the law from the outputs of the network; its standard errors tell how badly the library fits the network, and
        nothing of the network's own errors.
    refit: those of the terms that the data support too, with coefficients from them, whose standard errors know the
        noise; None where there are no terms, or the data cannot be fitted.
    fidelity: the share (R2) of what the network adds to the known part that `law` explains, at the states of the data.
    spread: standard deviation of the coefficients over networks of other seeds, of the shape of `law.coefficients`;
        None for a single network.
    symmetries: what was found in the network; None where an action was given, or none asked for.
    action: the symmetry that was enforced, or None.
    known: the known part of a hybrid law, or None.
    notes: what to beware of.
    """

    law: Solution
    refit: Solution | None
    fidelity: float
    spread: np.ndarray | None
    symmetries: Symmetries | None
    action: Action | None
    known: Any = None
    notes: tuple[str, ...] = ()

    @property
    def model(self) -> AbstractModel:
        """The law to go on with: known part and terms, with coefficients from the data where there are such."""
        found = (self.refit or self.law).model
        return found if self.known is None else hybrid(self.known, replace(found, known=None))

    @property
    def equations(self) -> tuple[str, ...]:
        """The terms that the network was found to stand for, without the known part."""
        return (self.refit or self.law).equations

    @property
    def active_terms(self) -> tuple[str, ...]:
        """Names of the terms that were found, and that the data did not drop."""
        return (self.refit or self.law).active_terms

    def __str__(self) -> str:
        source = "network" if self.refit is None else "data"
        lines = [*self.equations, f"  terms from the network (R2 {self.fidelity:.4f}), coefficients from the {source}"]
        dropped = [] if self.refit is None else [n for n in self.law.active_terms if n not in self.active_terms]
        if dropped:
            lines.append(f"  of the network, but not of the data: {', '.join(dropped)}")
        if self.action is not None:
            lines.append(f"  under {self.action!r}")
        if self.spread is not None and self.spread.size:
            lines.append(f"  coefficients differ by {self.spread.max():.2g} at most between networks (deviation)")
        return "\n".join([*lines, *(f"! {note}" for note in self.notes)])


def distil(
    law: NeuralLaw | Training | Sequence[NeuralLaw],
    data: Any,
    *,
    library: AbstractLibrary | None = None,
    action: Action | Literal["auto"] | None = None,
    candidates: Any = None,
    tolerance: float = 0.3,
    differentiation: AbstractDifferentiation | None = None,
    refit: bool = True,
    reading: dict[str, Any] | None = None,
    **options: Any,
) -> Distilled:
    r"""The sparse law that a trained network stands for: of a hybrid law, of its remainder.

    First the symmetry: one that is known (`action`), or those of the network (`action="auto"`), enforced on the
    coefficients of the library. Then a regression of the network's outputs, at the states of the data, on the library:
    outputs have no noise, so that differences and smoothing are left to the training. Then the data themselves choose
    among the terms that were found, and give them their coefficients (`refit`): a network can be asked as often as one
    likes, and evidence that grows with the number of questions would mean nothing.

    Parameters
    ----------
    law: a neural law, a hybrid one, a training (its best law, and the others for the spread), or several laws.
    data: those that the network was trained on, as `identify` takes them: their states are where it is asked.
    library: candidate terms; `Monomials(2)` by default.
    action: a symmetry to enforce; "auto" for those of the network's part among `candidates`, as `find_symmetries` takes
        them, with a defect below `tolerance`: large, as derivatives of a network are worse than its values. A symmetry
        that costs more than 2 % of the fidelity is given up.
    differentiation: of the data for the refit; by default that of `identify`.
    refit: whether coefficients are taken from the data.
    reading: how data are read, as for `identify`.
    options: further ones of `identify` (solver, selection, constraints).

    Returns `Distilled`. Warns where the law explains less than 90 % of the network, where nothing was found, and where
    a coefficient from the network is further than four errors (of both) from that of the data. Raises InputError for
    maps and data that do not fit.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> data = sd.open_dataset("van_der_pol", times=np.linspace(0, 20, 400), rates=True)
    >>> known = lambda state: {"x": state["y"], "y": -state["x"]}
    >>> net = sd.NeuralLaw.of(sd.StateSpace.of(x=1, y=1), None, (16,), targets="y", key=jax.random.key(0))
    >>> done = sd.train(sd.hybrid(known, net), data, steps=2000, batch=None, every=2000, learning_rate=1e-2)
    >>> found = sd.distil(done, data, library=sd.Monomials(3))
    >>> found.active_terms
    ('y', 'x^2 y')
    """
    if not (action is None or isinstance(action, Action) or action == "auto"):
        raise InputError(f'action is an Action such as sd.SO(2).acting_on(x=sd.Vector), "auto" or None, got {action!r}')
    laws = law.laws if isinstance(law, Training) else (law,) if isinstance(law, NeuralLaw) else tuple(law)
    chosen = law.law if isinstance(law, Training) else laws[0]
    if chosen.discrete:
        raise InputError("distil is for laws of rates; this one is a map to the next sample")
    task = _Task(chosen, recorded(chosen, data, dict(reading or {})), library or Monomials(2), options)
    notes: list[str] = []
    found, symmetries, used = task.under(action, candidates, tolerance, notes)
    fidelity = task.fidelity(found)
    fixed = task.with_terms(found, used)
    again, spread = None, None
    if fixed is None:
        notes.append("no term of the library explains the network")
    else:
        if refit:
            again = _refitted(task, fixed, data, differentiation, reading or {}, notes)
        if len(laws) > 1:
            spread = np.std([_placed(found, task.identified(each, **fixed)) for each in laws], axis=0)
        if fidelity < FAITHFUL:
            notes.append(
                f"the law explains {fidelity:.0%} of what the network says: the library lacks terms, or the network is "
                "not determined by these data"
            )
        if again is not None and (far := _distance(found, again, spread)) > FAR:
            notes.append(f"a coefficient of the network is {far:.1f} errors from that of the data")
    base = None if chosen.known is None else chosen.known.of
    for note in notes:
        warnings.warn(note, SymdynWarning, stacklevel=2)
    return Distilled(found, again, fidelity, spread, symmetries, used, base, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Task:
    """A network, the data whose states it is asked at, and what its outputs are regressed on."""

    law: NeuralLaw
    recording: Recording
    library: AbstractLibrary
    options: dict[str, Any]

    @property
    def targets(self) -> tuple[str, ...]:
        return self.law.corrects or self.law.targets

    def outputs(self, law: AbstractModel) -> list[np.ndarray]:
        """The rates of the targets that a law gives, for each trajectory, (t, d)."""
        columns = law.space.select(law.targets).indices(self.targets)
        with double_precision():
            return [np.asarray(rates_at(law, run.states), float)[:, columns] for run in self.recording.trajectories]

    def identified(self, law: NeuralLaw, **changes: Any) -> Solution:
        """A sparse law from the rates that a network gives."""
        chosen = {"library": self.library, **self.options, **changes}
        return identify(self._asked(law), rate_of=self.targets, known=self.known, **chosen)

    @property
    def known(self) -> Any:
        return None if self.law.known is None else _only(by_name(self.law.known), self.targets)

    def _asked(self, law: NeuralLaw) -> list[Any]:
        """The states of the data with the network's rates as measured ones: trajectories stay what they are."""
        import xarray as xr

        space, out = self.law.space, []
        for run, rates in zip(self.recording.trajectories, self.outputs(law), strict=True):
            live = (run.weights if run.weights.ndim == 1 else run.weights.min(axis=1)) > 0
            table = {v.name: (("time", *v.dims), run.states[live][:, space.slice(v.name)].reshape(-1, *v.shape))
                     for v in space.variables}  # fmt: skip
            place = space.select(self.targets)
            for name in self.targets:
                part = rates[live][:, place.slice(name)].reshape(-1, *space[name].shape)
                table[f"{name}_rate_by_network"] = (("time", *space[name].dims), part)
            made = xr.Dataset(table, coords={"time": run.times[live]})
            for name in self.targets:
                made[f"{name}_rate_by_network"].attrs["measured_rate_of"] = name
            for a, b in self.law.kinematics:
                made[b].attrs["rate_of"] = a
            for v in space.variables:
                made[v.name].attrs |= {"units": v.unit} if v.unit else {}
            out.append(made)
        return out

    def under(self, action, candidates, tolerance: float, notes: list[str]):
        """The law, the symmetries of the network, and the action that was enforced."""
        if action is None or isinstance(action, Action):
            return self.identified(self.law, action=action), None, action
        plain = self.identified(self.law)
        part = self.law if self.law.known is None else self.law.remainder
        states = np.concatenate([run.states for run in self.recording.trajectories])
        points = states[np.unique(np.linspace(0, len(states) - 1, 200).astype(int))]
        symmetries = find_symmetries(part, candidates=candidates, points=points, tolerance=tolerance, discrete=False)
        if not symmetries.generators:
            return plain, symmetries, None
        used = symmetries.action(discrete=False)
        try:
            law = self.identified(self.law, action=used)
        except SymdynError as error:
            notes.append(f"the symmetry of the network could not be enforced: {error}")
            return plain, symmetries, None
        cost = self.fidelity(plain) - self.fidelity(law)
        if cost > COST:
            notes.append(f"the symmetry of the network was not enforced: it costs {cost:.1%} of the fidelity")
            return plain, symmetries, None
        return law, symmetries, used

    def fidelity(self, found: Solution) -> float:
        """The share of what the network adds to the known part that a law explains."""
        said, told = np.concatenate(self.outputs(self.law)), np.concatenate(self.outputs(found.model))
        base = np.concatenate(self.outputs(self.law.remainder)) if self.law.known is not None else said
        size = np.sum(base**2, axis=0)
        share = np.sum((said - told) ** 2, axis=0)[size > 0] / size[size > 0]
        return 1.0 - float(np.mean(share)) if len(share) else 0.0

    def with_terms(self, found: Solution, action: Action | None) -> dict[str, Any] | None:
        """Options of `identify` that fix the terms of a law; None where it has none."""
        table, terms = found.coefficients, found.active_terms
        if not terms:
            return None
        zero = []
        if table.ndim == 2:
            rows = [found.term_names.index(name) for name in terms]
            zero = [
                coefficient(name, target) == 0
                for name, row in zip(terms, rows, strict=True)
                for target, value in zip(found.target_components, table[row], strict=True)
                if value == 0
            ]
        told = (*self.options.get("constraints", ()), *zero)
        return {"library": Subset(self.library, terms), "constraints": told, "action": action}


def _only(function, targets: tuple[str, ...]):
    """The known part of some targets alone."""
    return lambda state: {name: rate for name, rate in function(state).items() if name in targets}


def _refitted(task: _Task, fixed: dict[str, Any], data, differentiation, reading, notes: list[str]) -> Solution | None:
    try:
        told = {"inputs": task.law.inputs, **reading, "rate_of": task.targets}
        return identify(data, known=task.known, differentiation=differentiation, **fixed, **told)
    except SymdynError as error:
        notes.append(f"the coefficients are the network's: the data could not be fitted ({error})")
        return None


def _placed(found: Solution, other: Solution) -> np.ndarray:
    """Coefficients of another law of the same terms, in the places of the whole library."""
    out = np.zeros_like(found.coefficients)
    for name, row in zip(other.term_names, other.coefficients, strict=True):
        out[found.term_names.index(name)] = row
    return out


def _distance(found: Solution, again: Solution, spread: np.ndarray | None) -> float:
    """The largest difference between coefficients from network and data, in errors of both (and between networks)."""
    rows = [found.term_names.index(name) for name in again.term_names]
    other = 0.0 if spread is None else spread[rows]
    errors = np.sqrt(again.standard_errors**2 + found.standard_errors[rows] ** 2 + other**2)
    live = (errors > 0) & (np.abs(found.coefficients[rows] - again.coefficients) > OFF * np.abs(again.coefficients))
    return float(np.max(np.abs(found.coefficients[rows] - again.coefficients)[live] / errors[live], initial=0.0))
