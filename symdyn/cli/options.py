"""Options that commands share: their names, help and panels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from symdyn.cli.config import read_into

DATA, TERMS, SOLVER, ROWS, OUTPUT = "Data", "Candidate terms and symmetry", "Solver", "Rows", "Output"
List = list[str] | None

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="NetCDF, Zarr folder, CSV, Parquet, npz, or a data set's name (dataset:NAME); several are trajectories.",
    ),
]
RateOf = Annotated[List, typer.Option(help="Variables whose rate is sought.", rich_help_panel=DATA)]
Order = Annotated[int, typer.Option(help="Order of the time derivative, 1 or 2.", rich_help_panel=DATA)]
Variables = Annotated[List, typer.Option(help="State variables; all by default.", rich_help_panel=DATA)]
Rates = Annotated[List, typer.Option(help="VARIABLE=RATE: a measured rate.", rich_help_panel=DATA)]
Time = Annotated[str | None, typer.Option(help="Time dimension or column.", rich_help_panel=DATA)]
Trajectories = Annotated[
    List,
    typer.Option(
        help="Dimensions (in CSV the column) of separate runs; 'none': all are components.", rich_help_panel=DATA
    ),
]
Inputs = Annotated[
    List, typer.Option(help="Variables given from outside: controls, parameters, time.", rich_help_panel=DATA)
]
Discrete = Annotated[
    bool, typer.Option("--discrete", help="A map to the next sample, not a rate.", rich_help_panel=DATA)
]
Missing = Annotated[str, typer.Option(help="raise | skip samples that are not finite.", rich_help_panel=DATA)]
Option = Annotated[
    List, typer.Option(help="KEY=VALUE: option of a named data set, such as center=sun.", rich_help_panel=DATA)
]
Library = Annotated[str, typer.Option(help="monomials | radial | covariant | pairs | auto.", rich_help_panel=TERMS)]
Degree = Annotated[int | None, typer.Option(help="Degree of monomials or covariant terms.", rich_help_panel=TERMS)]
Terms = Annotated[
    List, typer.Option(help="Covariant term, such as 'position / |position|^3'; repeat.", rich_help_panel=TERMS)
]
Variable = Annotated[str | None, typer.Option(help="Vector of radial terms and pairs.", rich_help_panel=TERMS)]
Powers = Annotated[str | None, typer.Option(help="Powers of the norm: -6:2 or -3,-2,0.5.", rich_help_panel=TERMS)]
Group = Annotated[
    str | None, typer.Option(help="Symmetry to enforce, such as 'SO(3)' or 'Galilei(2)'.", rich_help_panel=TERMS)
]
Symmetry = Annotated[
    str | None,
    typer.Option(
        help="auto: enforce the symmetries that the data support | test: enforce --group if they support it | "
        "promote: keep what they do not contradict of --group.",
        rich_help_panel=TERMS,
    ),
]
Vector = Annotated[List, typer.Option(help="Variable that the group moves as a vector.", rich_help_panel=TERMS)]
Point = Annotated[List, typer.Option(help="As a vector, and by translations.", rich_help_panel=TERMS)]
Scalar = Annotated[List, typer.Option(help="Variable that the group leaves alone.", rich_help_panel=TERMS)]
Transforms = Annotated[
    List,
    typer.Option(help="Any other variable: NAME=KIND, such as 'v=Velocity', 'u=Weight(2)'.", rich_help_panel=TERMS),
]
Solver = Annotated[
    str,
    typer.Option(
        help="best-subset | stlsq | sr3 | frols | ssr | lasso | elastic-net | ridge | least-squares.",
        rich_help_panel=SOLVER,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(help="stlsq, sr3: smallest share of the rate a term may carry.", rich_help_panel=SOLVER),
]
MaxTerms = Annotated[int | None, typer.Option(help="best-subset, frols, ssr: number of terms.", rich_help_panel=SOLVER)]
Selection = Annotated[
    str,
    typer.Option(
        help="ebic | bic | aicc | tolerance | knee | cross-validation | stability: decides among sets of terms.",
        rich_help_panel=SOLVER,
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(help="tolerance: share of the rate given up for a smaller law.", rich_help_panel=SOLVER),
]
Differentiation = Annotated[
    str | None,
    typer.Option(
        help="finite-difference | savitzky-golay | weak | joint; by default the noise decides.",
        rich_help_panel=ROWS,
    ),
]
Window = Annotated[
    int | None, typer.Option(help="Width of savitzky-golay, half width of weak, in samples.", rich_help_panel=ROWS)
]
Weights = Annotated[str | None, typer.Option(help="'relative', or a variable with the weights.", rich_help_panel=ROWS)]
Save = Annotated[Path | None, typer.Option(help="Write the law here (.symdyn).", rich_help_panel=OUTPUT)]
ReportPage = Annotated[
    Path | None,
    typer.Option(help="Write a page on the law here (.html): equations, intervals, figures.", rich_help_panel=OUTPUT),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.", rich_help_panel=OUTPUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the law only.", rich_help_panel=OUTPUT)]
Penalty = Annotated[str, typer.Option(help="log-det | nuclear.", rich_help_panel=SOLVER)]
Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file with options by name; those of the command line go first. Runs that save something write one.",
        callback=read_into,
        is_eager=True,
        rich_help_panel=OUTPUT,
    ),
]
Law = Annotated[Path, typer.Argument(metavar="LAW", help="A saved law (.symdyn).")]
