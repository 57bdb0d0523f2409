"""The commands and their options. What a command does lies in the module of its name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

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
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the laws only.")]


@app.command()
@guarded
def demo(
    out: Out = Path("symdyn-demo"),
    quiet: Quiet = False,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Do not draw.")] = False,
) -> None:
    """Find gravity, the masses of the planets and general relativity in the ephemeris DE421 (half a minute).

    Every figure found stands beside its truth and a stated bound; exit code 1 where a bound is missed.
    """
    from symdyn.cli.planets import planets

    planets(out, quiet=quiet, figures=not no_figures)


DATA, TERMS, SOLVER, ROWS, OUTPUT = "Data", "Candidate terms and symmetry", "Solver", "Rows", "Output"
List = list[str] | None


@app.command()
@guarded
def identify(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="NetCDF, Zarr folder, CSV, npz, or a data set's name (dataset:NAME); several are trajectories.",
        ),
    ],
    rate_of: Annotated[List, typer.Option(help="Variables whose rate is sought.", rich_help_panel=DATA)] = None,
    order: Annotated[int, typer.Option(help="Order of the time derivative, 1 or 2.", rich_help_panel=DATA)] = 1,
    variables: Annotated[List, typer.Option(help="State variables; all by default.", rich_help_panel=DATA)] = None,
    rates: Annotated[List, typer.Option(help="VARIABLE=RATE: a measured rate.", rich_help_panel=DATA)] = None,
    time: Annotated[str | None, typer.Option(help="Time dimension or column.", rich_help_panel=DATA)] = None,
    trajectories: Annotated[
        List,
        typer.Option(
            help="Dimensions (in CSV the column) of separate runs; 'none': all are components.", rich_help_panel=DATA
        ),
    ] = None,
    inputs: Annotated[
        List, typer.Option(help="Variables given from outside: controls, parameters, time.", rich_help_panel=DATA)
    ] = None,
    discrete: Annotated[
        bool, typer.Option("--discrete", help="A map to the next sample, not a rate.", rich_help_panel=DATA)
    ] = False,
    missing: Annotated[
        str, typer.Option(help="raise | skip samples that are not finite.", rich_help_panel=DATA)
    ] = "raise",
    option: Annotated[
        List, typer.Option(help="KEY=VALUE: option of a named data set, such as center=sun.", rich_help_panel=DATA)
    ] = None,
    library: Annotated[
        str, typer.Option(help="monomials | radial | covariant | pairs | auto.", rich_help_panel=TERMS)
    ] = "monomials",
    degree: Annotated[
        int | None, typer.Option(help="Degree of monomials or covariant terms.", rich_help_panel=TERMS)
    ] = None,
    terms: Annotated[
        List, typer.Option(help="Covariant term, such as 'position / |position|^3'; repeat.", rich_help_panel=TERMS)
    ] = None,
    variable: Annotated[
        str | None, typer.Option(help="Vector of radial terms and pairs.", rich_help_panel=TERMS)
    ] = None,
    powers: Annotated[
        str | None, typer.Option(help="Powers of the norm: -6:2 or -3,-2,0.5.", rich_help_panel=TERMS)
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Symmetry to enforce, such as 'SO(3)' or 'Galilei(2)'.", rich_help_panel=TERMS)
    ] = None,
    symmetry: Annotated[
        str | None,
        typer.Option(
            help="auto: enforce the symmetries that the data support | test: enforce --group if they support it | "
            "promote: keep what they do not contradict of --group.",
            rich_help_panel=TERMS,
        ),
    ] = None,
    vector: Annotated[
        List, typer.Option(help="Variable that the group moves as a vector.", rich_help_panel=TERMS)
    ] = None,
    point: Annotated[List, typer.Option(help="As a vector, and by translations.", rich_help_panel=TERMS)] = None,
    scalar: Annotated[List, typer.Option(help="Variable that the group leaves alone.", rich_help_panel=TERMS)] = None,
    transforms: Annotated[
        List,
        typer.Option(help="Any other variable: NAME=KIND, such as 'v=Velocity', 'u=Weight(2)'.", rich_help_panel=TERMS),
    ] = None,
    solver: Annotated[
        str,
        typer.Option(
            help="best-subset | stlsq | sr3 | frols | ssr | lasso | elastic-net | ridge | least-squares.",
            rich_help_panel=SOLVER,
        ),
    ] = "best-subset",
    threshold: Annotated[
        float | None,
        typer.Option(help="stlsq, sr3: smallest share of the rate a term may carry.", rich_help_panel=SOLVER),
    ] = None,
    max_terms: Annotated[
        int | None, typer.Option(help="best-subset, frols, ssr: number of terms.", rich_help_panel=SOLVER)
    ] = None,
    selection: Annotated[
        str,
        typer.Option(
            help="ebic | bic | aicc | tolerance | knee | cross-validation | stability: decides among sets of terms.",
            rich_help_panel=SOLVER,
        ),
    ] = "ebic",
    tolerance: Annotated[
        float | None,
        typer.Option(help="tolerance: share of the rate given up for a smaller law.", rich_help_panel=SOLVER),
    ] = None,
    differentiation: Annotated[
        str | None,
        typer.Option(
            help="finite-difference | savitzky-golay | weak | joint; by default the noise decides.",
            rich_help_panel=ROWS,
        ),
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="Width of savitzky-golay, half width of weak, in samples.", rich_help_panel=ROWS)
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="'relative', or a variable with the weights.", rich_help_panel=ROWS)
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write the law here (.symdyn).", rich_help_panel=OUTPUT)] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write a page on the law here (.html): equations, intervals, figures.", rich_help_panel=OUTPUT
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output.", rich_help_panel=OUTPUT)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the law only.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Find the governing equations of trajectories.

    The words are those of the Python function symdyn.identify. Lists are comma-separated, or the option is repeated.

    symdyn identify lorenz --degree 2

    symdyn identify planets --option center=sun --option bodies=mars --library radial --variable position --powers -6:2
    --group "SO(3)" --vector position --vector velocity --weights relative
    """
    given = dict(locals())
    from symdyn.cli.law import LawOptions, law

    law(LawOptions(**given))


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
