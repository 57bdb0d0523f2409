"""`symdyn demo`: the planets job with its tables, figures and files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import typer

from symdyn._errors import InputError
from symdyn.cli.faults import MISSED
from symdyn.cli.law import as_json, plain

if TYPE_CHECKING:
    from symdyn.demo import Check, Planets


def planets(out: Path, *, quiet: bool, figures: bool) -> None:
    """Run the job, print it, write its files into `out`; exit code 1 where a bound is missed."""
    from symdyn import demo
    from symdyn.cli.tables import echo

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {out}: {error.strerror}") from error
    start = perf_counter()
    with _progress(quiet) as progress:
        found = demo.run(progress)
        progress("writing the laws" + (" and the figures" if figures else ""))
        written = write(found, out, figures=figures)
    seconds = perf_counter() - start
    if quiet:
        for law in found.laws.values():
            typer.echo(str(law))
    else:
        _print(found, echo)
        kinds = Counter(path.suffix for path in written)
        typer.echo(f"written to {out}: {', '.join(f'{count} {suffix}' for suffix, count in kinds.items())}")
    missed = [check for check in found.checks if not check.ok]
    if not quiet or missed:
        verdict = f"{len(missed)} bounds missed" if missed else "all bounds kept"
        typer.echo(f"{verdict} ({len(found.checks)} figures, {seconds:.0f} s)", err=bool(missed))
    if missed:
        raise typer.Exit(MISSED)


def _progress(quiet: bool):
    """A context that gives a function to call with the title of each stage; a spinner where stderr is a terminal."""
    from contextlib import contextmanager

    from rich.console import Console

    if quiet:
        return nullcontext(lambda title: None)
    console = Console(stderr=True, highlight=False, markup=False)

    @contextmanager
    def shown():
        with console.status("starting") as status:
            last: list[tuple[str, float]] = []

            def step(title: str | None) -> None:
                if last:
                    name, begun = last.pop()
                    console.print(f"{name} ({perf_counter() - begun:.1f} s)")
                if title is not None:
                    status.update(title)
                    last.append((title, perf_counter()))

            yield step
            step(None)

    return shown()


def write(found: Planets, out: Path, *, figures: bool) -> list[Path]:
    """Write results.json, every law as .symdyn and as NetCDF, and the figures; returns the paths."""
    laws, results = out / "laws", out / "results.json"
    laws.mkdir(exist_ok=True)
    results.write_text(json.dumps(as_results(found), indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    written = [results]
    for name, law in found.laws.items():
        law.save(laws / f"{name}.symdyn")
        law.to_xarray().to_netcdf(laws / f"{name}.nc")
        written += [laws / f"{name}.symdyn", laws / f"{name}.nc"]
    if figures:
        from symdyn.report import save_figures

        written += save_figures(found, out / "figures")
    return written


def as_results(found: Planets) -> dict[str, Any]:
    """Everything found as plain values: the checks, the masses and the laws."""
    bodies = found.bodies
    return {
        "ok": found.ok,
        "data": {k: str(found.data.attrs[k]) for k in ("title", "source", "references", "frame", "sha256", "comment")},
        "checks": [_check(check) for check in found.checks],
        "gm_km3_s-2": {
            name: {"fitted": float(gm), "standard_error": float(error), "de421": float(truth)}
            for name, gm, error, truth in zip(bodies.bodies, bodies.gm, bodies.error, bodies.truth, strict=True)
        },
        "laws": {name: as_json(law) for name, law in found.laws.items()},
        "seconds": found.seconds,
    }


def _check(check: Check) -> dict[str, Any]:
    fields = ("stage", "what", "value", "truth", "bound", "error", "unit", "relative", "deviation", "ok")
    return {name: plain(getattr(check, name)) for name in fields}


def _print(found: Planets, echo: Callable[..., None]) -> None:
    for name, law in found.laws.items():
        if name != "n-body":  # its eleven terms are the table of the masses
            typer.echo("\n    ".join([f"{name}:", *str(law).splitlines()]))
    typer.echo("")
    echo(_masses(found))
    for stage, checks in groupby(found.checks, key=lambda check: check.stage):
        echo(_checks(stage, tuple(checks)))
    echo(
        "An error is one standard error, from the scatter of the data; it knows nothing of terms that a law lacks.",
        "DE421 integrates Newton and the first post-Newtonian order, fitted to observations: this is the law that the",
        "ephemeris obeys. Jupiter's GM comes out high by its own mass: relative to the Sun the law has GM + Gm.",
    )


def _masses(found: Planets):
    from symdyn.cli.tables import table

    bodies = found.bodies
    rows = [
        (name, f"{gm:.10g}", f"{error:.2g}", f"{truth:.10g}", f"{gm / truth - 1:+.1e}")
        for name, gm, error, truth in zip(bodies.bodies, bodies.gm, bodies.error, bodies.truth, strict=True)
    ]
    header = ("body", "GM fitted [km3 s-2]", "standard error", "constant of DE421", "deviation")
    return table(header, rows, numeric=(1, 2, 3, 4), title="Eleven masses at once")


def _checks(stage: str, checks: tuple[Check, ...]):
    from symdyn.cli.tables import mark, table

    rows = []
    for check in checks:
        error = "" if check.error is None else f"{check.error:.1g}"
        unit = f" {check.unit}" if check.unit else ""
        kind = "" if check.relative else " abs"
        rows.append((
            check.what, f"{check.value:.9g}", error, f"{check.truth:.9g}{unit}", f"{check.deviation:.1e}",
            f"{check.bound:.0e}{kind}" if check.bound else "exact", mark(check.ok),
        ))  # fmt: skip
    header = ("figure", "found", "error", "truth", "deviation", "bound", "")
    return table(header, rows, numeric=(1, 2, 4, 5), title=stage)
