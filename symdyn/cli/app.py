"""The commands and their options. What a command does lies in the module of its name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from symdyn.cli import options
from symdyn.cli.faults import INTERRUPTED, guarded

app = typer.Typer(
    name="symdyn",
    help="Governing equations, symmetries and conserved quantities from trajectories and fields.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of the command `symdyn`."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _version(asked: bool) -> bool:
    if asked:
        from symdyn import __version__

        typer.echo(f"symdyn {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


Out = Annotated[Path, typer.Option(help="Folder for figures, laws and results.json; made where absent.")]


@app.command()
@guarded
def demo(
    out: Out = Path("symdyn-demo"),
    quiet: options.Quiet = False,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Do not draw.")] = False,
) -> None:
    """Find gravity, the masses of the planets and general relativity in the ephemeris DE421 (half a minute).

    Every figure found stands beside its truth and a stated bound; exit code 1 where a bound is missed.
    """
    from symdyn.cli.planets import planets

    planets(out, quiet=quiet, figures=not no_figures)


@app.command()
@guarded
def identify(
    files: options.Files,
    rate_of: options.RateOf = None,
    order: options.Order = 1,
    variables: options.Variables = None,
    rates: options.Rates = None,
    time: options.Time = None,
    trajectories: options.Trajectories = None,
    inputs: options.Inputs = None,
    discrete: options.Discrete = False,
    missing: options.Missing = "raise",
    option: options.Option = None,
    library: options.Library = "monomials",
    degree: options.Degree = None,
    terms: options.Terms = None,
    variable: options.Variable = None,
    powers: options.Powers = None,
    group: options.Group = None,
    symmetry: options.Symmetry = None,
    vector: options.Vector = None,
    point: options.Point = None,
    scalar: options.Scalar = None,
    transforms: options.Transforms = None,
    solver: options.Solver = "best-subset",
    threshold: options.Threshold = None,
    max_terms: options.MaxTerms = None,
    selection: options.Selection = "ebic",
    tolerance: options.Tolerance = None,
    differentiation: options.Differentiation = None,
    window: options.Window = None,
    weights: options.Weights = None,
    save: options.Save = None,
    report: options.ReportPage = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    config: options.Config = None,
) -> None:
    """Find the governing equations of trajectories.

    The words are those of the Python function symdyn.identify. Lists are comma-separated, or the option is repeated.

    symdyn identify lorenz --degree 2

    symdyn identify planets --option center=sun --option bodies=mars --library radial --variable position --powers -6:2
    --group "SO(3)" --vector position --vector velocity --weights relative
    """
    given = dict(locals())
    from symdyn.cli.config import write_beside
    from symdyn.cli.law import law
    from symdyn.cli.settings import LawOptions

    law(LawOptions.of(given))
    write_beside("identify", given, save or report)


@app.command()
@guarded
def promote(
    files: options.Files,
    rate_of: options.RateOf = None,
    order: options.Order = 1,
    variables: options.Variables = None,
    rates: options.Rates = None,
    time: options.Time = None,
    trajectories: options.Trajectories = None,
    inputs: options.Inputs = None,
    discrete: options.Discrete = False,
    missing: options.Missing = "raise",
    option: options.Option = None,
    library: options.Library = "monomials",
    degree: options.Degree = None,
    terms: options.Terms = None,
    variable: options.Variable = None,
    powers: options.Powers = None,
    group: options.Group = None,
    vector: options.Vector = None,
    point: options.Point = None,
    scalar: options.Scalar = None,
    transforms: options.Transforms = None,
    penalty: options.Penalty = "log-det",
    differentiation: options.Differentiation = None,
    window: options.Window = None,
    save: options.Save = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    config: options.Config = None,
) -> None:
    """Find a law that keeps every candidate symmetry that the data do not contradict.

    The candidates are the generators of --group; what is kept is enforced, and the law sought again.

    symdyn promote harmonic --degree 3 --group "GL(2)" --vector q
    """
    given = dict(locals())
    from symdyn.cli.config import write_beside
    from symdyn.cli.law import promoted
    from symdyn.cli.settings import LawOptions

    promoted(LawOptions.of(given), penalty)
    write_beside("promote", given, save)


@app.command()
@guarded
def symmetries(
    files: Annotated[
        list[str], typer.Argument(metavar="LAW|FILE...", help="A saved law (.symdyn), data as for identify, or both.")
    ],
    rate_of: options.RateOf = None,
    order: options.Order = 1,
    variables: options.Variables = None,
    rates: options.Rates = None,
    time: options.Time = None,
    trajectories: options.Trajectories = None,
    inputs: options.Inputs = None,
    discrete: options.Discrete = False,
    missing: options.Missing = "raise",
    option: options.Option = None,
    library: options.Library = "monomials",
    degree: options.Degree = None,
    terms: options.Terms = None,
    variable: options.Variable = None,
    powers: options.Powers = None,
    group: options.Group = None,
    vector: options.Vector = None,
    point: options.Point = None,
    scalar: options.Scalar = None,
    transforms: options.Transforms = None,
    candidates: Annotated[
        int | None, typer.Option(help="Degree of the fields that are tried without --group.", min=0, max=4)
    ] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Test the candidates against the noise of the data.")
    ] = False,
    level: Annotated[float, typer.Option(help="Chance of a false verdict of --evidence.")] = 0.05,
    tolerance: Annotated[
        float | None, typer.Option(help="Defect below which a symmetry counts as one, as a share of the rates.")
    ] = None,
    differentiation: options.Differentiation = None,
    window: options.Window = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    config: options.Config = None,
) -> None:
    """Find the continuous and discrete symmetries of a law, or test them on data.

    Without --group all affine motions of the state are tried, or polynomial ones up to --candidates.

    symdyn symmetries law.symdyn

    symdyn symmetries law.symdyn orbit.nc --evidence

    symdyn symmetries orbit.nc --group "SO(3)" --vector position --vector velocity --evidence
    """
    given = dict(locals())
    from symdyn.cli.settings import LawOptions
    from symdyn.cli.symmetries import symmetries_of

    symmetries_of(LawOptions.of(given), candidates, level if evidence else None, tolerance)


@app.command()
@guarded
def simulate(
    law: options.Law,
    start: Annotated[
        options.List, typer.Option(help="NAME=NUMBER or NAME=NUMBER,NUMBER,...: the state at the start; repeat.")
    ] = None,
    until: Annotated[float | None, typer.Option(help="Last time, in the law's unit; the first is 0.")] = None,
    step: Annotated[float | None, typer.Option(help="Between the times; a hundredth of the whole by default.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Start where this file starts, at its times, and compare with it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help=".nc, .csv, .parquet or .npz; without it CSV goes to the terminal.")
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of the integration.")] = 1e-9,
    quiet: options.Quiet = False,
    config: options.Config = None,
) -> None:
    """Integrate a saved law.

    symdyn simulate law.symdyn --start x=1 --start y=0 --start z=20 --until 10 --step 0.01 --out run.nc

    symdyn simulate law.symdyn --data held_out.nc --out run.csv
    """
    given = dict(locals())
    from symdyn.cli.config import write_beside
    from symdyn.cli.simulation import simulated

    simulated(law, start, until, step, data, out, rtol=rtol, quiet=quiet)
    write_beside("simulate", given, out)


@app.command()
@guarded
def report(
    law: options.Law,
    files: options.Files,
    out: Annotated[Path, typer.Option(help="The page (.html).")] = Path("report.html"),
    title: Annotated[str | None, typer.Option(help="Of the page.")] = None,
    time: options.Time = None,
    trajectories: options.Trajectories = None,
    option: options.Option = None,
) -> None:
    """Write a page on a saved law: equations, intervals, figures, and its forecast of data.

    Data that the law has not seen say more than those it was fitted to.
    """
    import symdyn as sd
    from symdyn.cli.settings import LawOptions, data_of
    from symdyn.report import save_report

    found = sd.load(law)
    data, _ = data_of(LawOptions(files, time=time, trajectories=trajectories, option=option))
    typer.echo(f"saved to {save_report(found, data, out, title=title)}")


@app.command()
@guarded
def datasets(
    name: Annotated[str | None, typer.Argument(help="A data set, to see its card and contents.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """List the data sets that open by name, or describe one."""
    from symdyn.cli.catalogue import describe, show

    if name is None:
        show(json)
    else:
        describe(name, json)
