"""`symdyn identify` and `symdyn promote`: the law is found, printed and saved."""

from __future__ import annotations

import json
import math
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import typer

from symdyn._errors import InputError
from symdyn._progress import progress
from symdyn.cli.settings import LawOptions, chosen, data_of, settings_of


def law(choice: LawOptions) -> None:
    """Find the law, print it and save it where asked."""
    check_folder(choice.save, choice.report)
    with shown(choice.quiet):
        solution, data = find(choice)
    if choice.save is not None:
        solution.save(choice.save)
    if choice.report is not None:
        from symdyn.report import save_report

        save_report(solution, data, choice.report)
    if choice.json:
        typer.echo(text_of(as_json(solution)))
        return
    typer.echo(str(solution))
    if choice.quiet:
        return
    _print_evidence(solution)
    for path in (choice.save, choice.report):
        if path is not None:
            typer.echo(f"saved to {path}")


def find(choice: LawOptions):
    """Call `symdyn.identify` with the options of the command: the law, and the data."""
    import symdyn as sd

    settings = settings_of(choice)
    data, reading = data_of(choice)
    return sd.identify(data, **settings, **reading), data


def promoted(choice: LawOptions, penalty: str) -> None:
    """Promote the symmetries of a group, print the law and what became of each candidate, and save the law."""
    import symdyn as sd

    kinds = {"log-det": sd.LogDet, "nuclear": sd.NuclearNorm}
    kind = kinds[chosen("penalty", penalty, tuple(kinds))]
    if choice.group is None:
        raise InputError("promote needs --group, the candidates, and how it moves the variables (--vector NAME, ...)")
    check_folder(choice.save)
    settings = settings_of(choice)
    candidates = settings.pop("action")
    if penalty != "log-det":
        candidates = sd.Promote(candidates, kind())
    data, reading = data_of(choice)
    with shown(choice.quiet):
        found = sd.promotion(data, candidates, **settings, **reading)
    if choice.save is not None:
        found.law.save(choice.save)
    if choice.json:
        kept = [] if found.kept is None else [str(found.kept)]
        tried = [str(each) for each in found.tried]
        typer.echo(text_of(as_json(found.law) | {"kept": kept, "tried": tried}))
        return
    typer.echo(str(found.law))
    if choice.quiet:
        return
    _print_evidence(found.law)
    if found.evidence is not None:
        typer.echo(str(found.evidence))
    if choice.save is not None:
        typer.echo(f"saved to {choice.save}")


def shown(quiet: bool):
    """Progress on a terminal, unless it is not wanted."""
    return nullcontext() if quiet or not sys.stderr.isatty() else progress()


def check_folder(*paths: Path | None) -> None:
    """Raise InputError for a folder that does not exist: before the work, not after."""
    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise InputError(f"cannot save to {path}: the folder {path.parent} does not exist")


def text_of(value: Any) -> str:
    """JSON for people and machines."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def as_json(solution) -> dict[str, Any]:
    """The law and its evidence as plain values; what is not finite is null."""
    from symdyn import __version__

    stats = solution.stats
    return {
        "symdyn": __version__,
        "result": solution.result.name,
        "equations": list(solution.equations),
        "targets": list(solution.target_components),
        "terms": list(solution.term_names),
        "active_terms": list(solution.active_terms),
        "coefficients": plain(solution.coefficients.tolist()),
        "standard_errors": plain(solution.standard_errors.tolist()),
        "units": {v.name: v.unit for v in solution.model.space.variables},
        "time_unit": solution.model.time_unit,
        "collinear": [
            {"terms": list(g.terms), "reason": g.reason, "uncertainty": plain(g.uncertainty)}
            for g in solution.collinear
        ],
        "rows": stats.rows,
        "candidates": stats.candidates,
        "free": stats.free,
        "active": stats.active,
        "residual": plain(list(stats.residual)),
        "shares": plain([list(row) for row in stats.shares]),
        "choices": [
            {
                "target": choice.target,
                "chosen": choice.chosen,
                "candidates": [
                    {"terms": list(c.terms), "residual": plain(c.residual), "score": plain(c.score)}
                    for c in choice.candidates
                ],
            }
            for choice in solution.choices
        ],
        "stages": list(solution.stages),
        "provenance": dict(solution.provenance),
    }


def plain(value: Any) -> Any:
    """Lists and numbers for JSON, with null for what is not finite."""
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if not isinstance(value, float) or math.isfinite(value) else None


def _print_evidence(solution) -> None:
    import symdyn as sd
    from symdyn.cli.tables import echo, table

    coefficients, errors = solution.coefficients, solution.standard_errors
    names, columns = solution.term_names, solution.target_components
    rows = []
    for k, name in enumerate(names):
        if coefficients.ndim == 1:
            if coefficients[k]:
                rows.append((", ".join(solution.model.targets), name, coefficients[k], errors[k]))
        else:
            rows += [(columns[c], name, coefficients[k, c], errors[k, c]) for c in coefficients[k].nonzero()[0]]
    rows.sort(key=lambda row: row[0])
    shown = [(target, name, f"{value:.8g}", f"{error:.2g}") for target, name, value, error in rows]
    echo(table(("rate of", "term", "coefficient", "standard error"), shown, numeric=(2, 3)))
    stats = solution.stats
    free = (
        f", {stats.free} of {stats.candidates} coefficients left free by the symmetry"
        if solution.settings.action
        else ""
    )
    joint = isinstance(solution.settings.differentiation, sd.JointEstimation)  # then it is that of the states
    share = "spread of the states" if joint else "rate"
    typer.echo(
        f"{stats.rows} rows, {stats.candidates} candidate coefficients{free}, {stats.active} in the law; "
        f"residual {max(stats.residual):.2g} of the {share}"
    )
