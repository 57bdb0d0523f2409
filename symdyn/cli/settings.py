"""Options as typed become the arguments of `symdyn.identify`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from symdyn._errors import InputError
from symdyn.cli.files import open_all

NAMES = list[str] | None


@dataclass(frozen=True)
class LawOptions:
    """The options of the command, as typed."""

    files: list[str]
    rate_of: NAMES = None
    order: int = 1
    variables: NAMES = None
    rates: NAMES = None
    time: str | None = None
    trajectories: NAMES = None
    inputs: NAMES = None
    discrete: bool = False
    missing: str = "raise"
    option: NAMES = None
    library: str = "monomials"
    degree: int | None = None
    terms: NAMES = None
    variable: str | None = None
    powers: str | None = None
    group: str | None = None
    symmetry: str | None = None
    vector: NAMES = None
    point: NAMES = None
    scalar: NAMES = None
    transforms: NAMES = None
    solver: str = "best-subset"
    threshold: float | None = None
    max_terms: int | None = None
    selection: str = "ebic"
    tolerance: float | None = None
    differentiation: str | None = None
    window: int | None = None
    weights: str | None = None
    save: Path | None = None
    report: Path | None = None
    json: bool = False
    quiet: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> LawOptions:
        """Those among the parameters of a command that are options of a law."""
        return cls(**{each.name: given[each.name] for each in fields(cls) if each.name in given})


def data_of(choice: LawOptions) -> tuple[Any, dict[str, Any]]:
    """The data, and the arguments that say how they are read. Raises InputError for files that cannot be."""
    reading: dict[str, Any] = {
        "rate_of": split(choice.rate_of),
        "order": choice.order,
        "variables": split(choice.variables),
        "rates": _rates(choice.rates),
        "weights": choice.weights,
        "time": choice.time,
        "missing": choice.missing,
        "inputs": split(choice.inputs) or (),
        "discrete": choice.discrete,
    }
    asked = split(choice.trajectories)
    names = (*(reading["variables"] or ()), *(reading["rate_of"] or ()))
    runs, was_column = open_all(
        choice.files, options=choice.option or (), time=choice.time, trajectory=asked[0] if asked else None,
        names=names if reading["variables"] else (),
    )  # fmt: skip
    reading["trajectories"] = () if asked == ("none",) else None if was_column else asked
    return runs if len(runs) > 1 else runs[0], reading


def settings_of(choice: LawOptions) -> dict[str, Any]:
    """The arguments that say how the law is sought."""
    settings: dict[str, Any] = {
        "library": _library(choice),
        "action": action_of(choice),
        "solver": _solver(choice),
        "selection": _selection(choice),
        "differentiation": _differentiation(choice),
    }
    if choice.symmetry is not None:
        settings |= _symmetry(choice, settings.pop("action"))
    return settings


def _symmetry(choice: LawOptions, action: Any) -> dict[str, Any]:
    """What --symmetry makes of the group that was named, if one was."""
    asked = chosen("symmetry", choice.symmetry or "", ("auto", "test", "promote"))
    if asked == "auto":
        return {"symmetry": "auto", "action": action}
    if action is None:
        what = "the symmetry to be tested" if asked == "test" else "the candidates"
        raise InputError(f"--symmetry {asked} needs --group, {what}")
    return {"symmetry" if asked == "test" else "promote": action}


def split(values: NAMES) -> tuple[str, ...] | None:
    """Names from a repeated, comma-separated option; None where the option is absent."""
    if values is None:
        return None
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def _rates(values: NAMES) -> dict[str, str] | None:
    pairs = [text.partition("=") for text in split(values) or ()]
    wrong = [f"{a}{b}{c}" for a, b, c in pairs if not (a and b and c)]
    if wrong:
        raise InputError(f"--rates takes VARIABLE=RATE, got {wrong[0]!r}")
    return {a: c for a, _, c in pairs} or None


def chosen(flag: str, value: str, known: tuple[str, ...]) -> str:
    """One of the known values. Raises InputError for another."""
    if value not in known:
        raise InputError(f"--{flag} is one of {', '.join(known)}, got {value!r}")
    return value


def _only(choice: LawOptions, owner: str, *flags: str) -> None:
    """Refuse options that the choice of `owner` does not read: they would be ignored without a word."""
    for flag in flags:
        if getattr(choice, flag) is not None:
            raise InputError(f"--{flag.replace('_', '-')} has no meaning with {owner}")


def _library(choice: LawOptions):
    import symdyn as sd

    kind = chosen("library", choice.library, ("monomials", "radial", "covariant", "pairs", "auto"))
    owner = f"--library {kind}"
    if kind == "monomials":
        _only(choice, owner, "terms", "powers", "variable")
        return sd.Monomials(2 if choice.degree is None else choice.degree)
    if kind == "auto":
        _only(choice, owner, "degree", "terms", "powers", "variable")
        return "auto"
    if kind == "covariant":
        _only(choice, owner, "variable")
        return _covariant(choice)
    _only(choice, owner, "terms", "degree")
    if choice.variable is None:
        raise InputError(f"{owner} needs --variable, the name of a vector")
    powers = numbers(choice.powers) if choice.powers is not None else None
    if kind == "radial":
        return sd.Radial(choice.variable, powers) if powers else sd.Radial(choice.variable)
    if powers and len(powers) > 1:
        raise InputError(f"{owner} takes one power, got {choice.powers!r}")
    return sd.PairForces(choice.variable, powers[0]) if powers else sd.PairForces(choice.variable)


def _covariant(choice: LawOptions):
    import symdyn as sd

    if choice.terms is not None:
        _only(choice, "--terms", "degree", "powers")
        return sd.Covariant(tuple(choice.terms))
    vectors = split(choice.vector)
    if not vectors:
        raise InputError(
            "--library covariant needs --terms 'position / |position|^3' ..., or --vector NAME ... --degree N"
        )
    more: dict[str, Any] = {} if choice.degree is None else {"degree": choice.degree}
    if choice.powers is not None:
        more["powers"] = numbers(choice.powers)
    return sd.CovariantVectors(vectors, **more)


def numbers(text: str) -> tuple[float, ...]:
    """Numbers from `-6:2` (integers, both ends included) or `-3,-2,0.5`."""
    ends = re.fullmatch(r"\s*([+-]?\d+)\s*:\s*([+-]?\d+)\s*", text)
    if ends:
        first, last = (int(end) for end in ends.groups())
        if 0 <= last - first < 1000:
            return tuple(float(k) for k in range(first, last + 1))
        raise InputError(
            f"--powers {text!r} runs from {first} to {last}; give the smaller end first, at most 1000 powers"
        )
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = (math.nan,)
    if not all(math.isfinite(value) for value in values):
        raise InputError(f"--powers takes -6:2 or -3,-2,0.5, got {text!r}")
    return values


def action_of(choice: LawOptions):
    """The action of --group on the variables that were named, or None."""
    import symdyn as sd

    if choice.group is None:
        _only(choice, "no --group", "point", "scalar", "transforms")
        if choice.library != "covariant":
            _only(choice, "no --group", "vector")
        return None
    kinds = {"vector": sd.Vector, "point": sd.Point, "scalar": sd.Scalar}
    named = {name: rep for kind, rep in kinds.items() for name in split(getattr(choice, kind)) or ()}
    for text in choice.transforms or ():
        name, _, kind = text.partition("=")
        named[name.strip()] = representation(kind)
    if not named:
        raise InputError(
            "--group needs --vector NAME (or --point, --scalar, --transforms NAME=KIND) for every variable of the state"
        )
    return group(choice.group).acting_on(**named)


_CALL = re.compile(r"\s*([A-Za-z]+)\s*(?:\(([-+.\d,\s]*)\))?\s*")  # a name, and numbers in parentheses


def group(text: str):
    """A group of the catalogue by its name: `SO(3)`, `Galilei(2)`. Text is matched, never evaluated."""
    from symdyn.groups import catalogue

    makers = {name.lower(): name for name in catalogue.__all__ if name[0].isupper() and name != "CATALOGUE"}
    found = _CALL.fullmatch(text)
    if found is None or found[1].lower() not in makers:
        raise InputError(f"unknown group {text!r}; there are {', '.join(sorted(makers.values()))}, such as 'SO(3)'")
    return _made(getattr(catalogue, makers[found[1].lower()]), found[2], text, "group")


def representation(text: str):
    """A representation by its name: `Velocity`, `Weight(2)`, `Tensor(2, 0)`. Text is matched, never evaluated."""
    from symdyn.groups import AbstractRepresentation, representations

    known = {
        name.lower(): value
        for name, value in vars(representations).items()
        if isinstance(value, AbstractRepresentation)
        or name in ("Weight", "Density", "Complex", "Spin", "Tensor", "Wavefunction")
    }
    found = _CALL.fullmatch(text)
    if found is None or found[1].lower() not in known:
        raise InputError(f"unknown kind {text!r} in --transforms NAME=KIND; there are {', '.join(sorted(known))}")
    kind = known[found[1].lower()]
    if isinstance(kind, AbstractRepresentation):
        if found[2] is not None:
            raise InputError(f"{text!r} takes no numbers; write {found[1]}")
        return kind
    return _made(kind, found[2], text, "kind")


def _made(make, numbers: str | None, text: str, what: str):
    """A call with plain numbers, integers where they are written so."""
    try:
        values = [float(n) if "." in n else int(n) for n in (numbers or "").split(",") if n.strip()]
        return make(*values)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot make the {what} {text!r}: {error}") from None


def _solver(choice: LawOptions):
    import symdyn as sd

    kinds = {
        "best-subset": sd.BestSubset, "stlsq": sd.STLSQ, "sr3": sd.SR3, "frols": sd.FROLS, "ssr": sd.SSR,
        "lasso": sd.Lasso, "elastic-net": sd.ElasticNet, "ridge": sd.Ridge, "least-squares": sd.LeastSquares,
    }  # fmt: skip
    made = kinds[chosen("solver", choice.solver, tuple(kinds))]
    reads = [name for name in ("threshold", "max_terms") if name in {field.name for field in fields(made)}]
    _only(choice, f"--solver {choice.solver}", *({"threshold", "max_terms"} - set(reads)))
    return made(**{name: getattr(choice, name) for name in reads if getattr(choice, name) is not None})


def _selection(choice: LawOptions):
    import symdyn as sd

    kinds = {
        "ebic": sd.EBIC, "bic": sd.BIC, "aicc": sd.AICc, "tolerance": sd.Tolerance, "knee": sd.Knee,
        "cross-validation": sd.CrossValidation, "stability": sd.StabilitySelection,
    }  # fmt: skip
    made = kinds[chosen("selection", choice.selection, tuple(kinds))]
    if made is sd.Tolerance:
        return sd.Tolerance() if choice.tolerance is None else sd.Tolerance(choice.tolerance)
    _only(choice, f"--selection {choice.selection}", "tolerance")
    return made()


def _differentiation(choice: LawOptions):
    import symdyn as sd

    if choice.differentiation is None:
        _only(choice, "no --differentiation", "window")
        return None
    kind = chosen("differentiation", choice.differentiation, ("finite-difference", "savitzky-golay", "weak", "joint"))
    if kind in ("finite-difference", "joint"):
        _only(choice, f"--differentiation {kind}", "window")
        return sd.FiniteDifference() if kind == "finite-difference" else sd.JointEstimation()
    if kind == "weak":
        return sd.WeakForm(half_width=choice.window)
    return sd.SavitzkyGolay() if choice.window is None else sd.SavitzkyGolay(choice.window)
