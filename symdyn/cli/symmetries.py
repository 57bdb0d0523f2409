"""`symdyn symmetries`: of a saved law, or of data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from symdyn._errors import InputError
from symdyn.cli.law import plain, shown, text_of
from symdyn.cli.settings import LawOptions, action_of, data_of, settings_of

SAVED = ".symdyn"


def symmetries_of(choice: LawOptions, degree: int | None, level: float | None, tolerance: float | None) -> None:
    """Find symmetries, or with a `level` test them, and print them."""
    import symdyn as sd

    if degree is not None and choice.group is not None:
        raise InputError("--candidates and --group both name the candidates: give one")
    saved = [name for name in choice.files if Path(name).suffix == SAVED]
    others = [name for name in choice.files if name not in saved]
    if len(saved) > 1 or (saved and others and level is None):
        raise InputError(f"{saved[0]} is a law: give it alone, or with its data and --evidence")
    candidates: Any = sd.VectorFields(degree) if degree is not None else action_of(choice)
    options: dict[str, Any] = {} if tolerance is None else {"tolerance": tolerance}
    law = sd.load(saved[0]) if saved else None
    with shown(choice.quiet):
        if level is not None:
            found = _evidence(law, replace(choice, files=others), candidates, options | {"level": level})
        else:
            law = law or _law(choice)
            found = sd.find_symmetries(law, candidates=candidates, **options)
    if choice.json:
        typer.echo(text_of(_found(found) if level is None else _tested(found)))
        return
    if law is not None and not saved and not choice.quiet:
        typer.echo(f"{law}\n")
    typer.echo(str(found))


def _evidence(law: Any, choice: LawOptions, candidates: Any, options: dict[str, Any]):
    """The evidence of a saved law, of one and its data, or of data, which choose and test in turn."""
    import symdyn as sd

    if not choice.files:
        return sd.certify(law, candidates, **options)
    settings = settings_of(choice)
    settings.pop("action")
    data, reading = data_of(choice)
    clock = reading.pop("time")  # `certify` calls something else so
    if clock not in (None, "time"):
        data = [run.rename({clock: "time"}) for run in data] if isinstance(data, list) else data.rename({clock: "time"})
    if law is not None:
        return sd.certify(law, candidates, data=data, **options)
    return sd.certify(data, candidates, **options, **settings, **reading)


def _law(choice: LawOptions):
    """The law of the data, without a symmetry."""
    import symdyn as sd

    settings = settings_of(choice)
    settings.pop("action")
    data, reading = data_of(choice)
    return sd.identify(data, **settings, **reading)


def _found(found: Any) -> dict[str, Any]:
    from symdyn import __version__

    return {
        "symdyn": __version__,
        "generators": [{"field": str(each), "defect": each.defect} for each in found.generators],
        "trivial": [{"field": str(each), "reason": each.reason} for each in found.trivial],
        "algebra": None if found.name is None else str(found.name),
        "acting": found.acting,
        "discrete": [str(each) for each in found.discrete],
        "order": found.order,
        "exact": found.exact,
        "spectrum": plain(found.spectrum.tolist()),
    }


def _tested(found: Any) -> dict[str, Any]:
    from symdyn import __version__

    names = ("verdict", "defect", "lower", "upper", "p_exact", "p_supported", "p_contradicted")
    claims = [{"claim": each.text, **{name: plain(getattr(each, name)) for name in names}} for each in found.findings]
    about = {"level": found.level, "tolerance": found.tolerance, "method": found.method}
    return {"symdyn": __version__, **about, "fit": plain(found.fit), "claims": claims, "notes": list(found.notes)}
