"""A law as one HTML page that needs nothing else: equations, intervals, figures, and where it came from."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn import __version__
from symdyn._archive import replaced
from symdyn._errors import InputError, SymdynError
from symdyn.data.recording import Recording
from symdyn.regress._score import of_its_state
from symdyn.report.law import Forecast, departures, forecast, simulated_beside_data, support_path, term_shares

if TYPE_CHECKING:
    from symdyn import Solution

SHOWN = 6  # components drawn beside the data
ROWS = 60  # of a table
STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; color: #1a1a1a; background: #fff;
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #767676; }
img { max-width: 100%; height: auto; } figure { margin: 1rem 0; } figcaption { color: #444; font-size: .9rem; }
.wide { overflow-x: auto; } pre { overflow-x: auto; background: #f4f4f4; padding: .6rem; }
table { border-collapse: collapse; font-size: .9rem; } th, td { padding: .2rem .7rem; text-align: left;
  border-bottom: 1px solid #ddd; } td.number, th.number { text-align: right;
  white-space: nowrap; font-variant-numeric: tabular-nums; }
.warning { border-left: 4px solid #b34700; padding-left: .7rem; }
"""


def save_report(law: Solution, data: Any, path: str | Path, *, title: str | None = None) -> Path:
    """Write a page on a law of trajectories: equations, intervals, what else was tried, its forecast of the data.

    Parameters
    ----------
    law: what `identify` or `refine` found.
    data: what it is compared with, as `identify` took it: held-out trajectories say more than those it was fitted to.
    path: of the page, `.html`. The file appears whole or not at all, and needs no network to be read.
    title: of the page.

    Returns the path. Raises InputError for laws of fields, data of another state, and a folder that is not there.

    Examples
    --------
    >>> import numpy as np, symdyn as sd, tempfile
    >>> from symdyn.report import save_report
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 10, 0.01))
    >>> law = sd.identify(data)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = save_report(law, data, f"{folder}/lorenz.html").read_text()
    >>> "<h1>" in page, "http" in page
    (True, False)
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    if law.model.terms.space.differentiated:
        raise InputError("a page is made of laws of trajectories; laws of fields print, save and simulate")
    found = forecast(law, data)
    name = title or f"Law of {', '.join(law.model.targets)}"
    sections = [
        f"<h1>{escape(name)}</h1>", _equations(law), _data(of_its_state(law, data)), _coefficients(law), _story(law),
        _figures(law, found), _scores(law, data, found), _provenance(law),
    ]  # fmt: skip
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(name)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )
    with replaced(path) as target:
        target.write(page.encode())
    return path


def _equations(law: Solution) -> str:
    text = "\n".join(law.equations)
    lines = [line.strip() for line in law.latex().split("\\\\") if line.strip()]
    image = _drawn(lambda figure: _typeset(figure, lines), (0.1, 0.1), "Equations: " + text)
    return f'<div class="wide">{image}</div><pre>{escape(str(law))}</pre>'


def _typeset(figure: Any, lines: list[str]) -> None:
    for k, line in enumerate(lines):
        figure.text(0, -6.5 * k, f"${line}$", fontsize=15, va="top")


def _drawn(draw: Callable[[Any], None], size: tuple[float, float], words: str) -> str:
    """A figure as an SVG inside the page. Without its ids it cannot be mixed up with others."""
    from matplotlib.figure import Figure

    figure, stream = Figure(figsize=size, layout=None if size[0] < 1 else "constrained"), io.BytesIO()
    draw(figure)
    figure.savefig(stream, format="svg", bbox_inches="tight", metadata={"Date": None})
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{escape(words, quote=True)}" src="data:image/svg+xml;base64,{data}">'


def _data(recording: Recording) -> str:
    """How many samples of what there were, and between which values."""
    runs, space = recording.trajectories, recording.space
    states = np.concatenate([run.states for run in runs])
    first, last = min(run.times[0] for run in runs), max(run.times[-1] for run in runs)
    unit = f" {recording.time_unit}" if recording.time_unit not in ("", "1") else ""
    samples = f"{len(states)} samples" + (f" in {len(runs)} trajectories" if len(runs) > 1 else " of one trajectory")
    units = [v.unit for v in space.variables for _ in v.component_names]
    values = [states[:, k][np.isfinite(states[:, k])] for k in range(space.size)]
    rows = [
        (name, unit_of, *(f"{v:.4g}" for v in (column.min(), column.max(), column.std())))
        for name, unit_of, column in zip(space.component_names, units, values, strict=True)
    ]
    table = _table(("component", "unit", "least", "largest", "standard deviation"), rows, numeric=range(2, 5))
    return f"<h2>Data</h2><p>{samples}; times from {first:.6g} to {last:.6g}{unit}.</p>{table}"


def _coefficients(law: Solution) -> str:
    lower, upper = law.interval(0.95)
    rows = []
    for at in np.argwhere(law.coefficients):
        k = tuple(at)
        target = law.target_components[k[1]] if len(k) == 2 else ", ".join(law.model.targets)
        value, error = float(law.coefficients[k]), float(law.standard_errors[k])
        digits = max(4, int(np.ceil(np.log10(abs(value) / error))) + 3) if error > 0 else 12
        ends = (f"{float(v):.{min(digits, 15)}g}" for v in (lower[k], upper[k]))
        rows.append((target, law.term_names[k[0]], f"{value:.{min(digits, 15)}g}", f"{error:.2g}", *ends))
    rows.sort(key=lambda row: law.target_components.index(row[0]) if row[0] in law.target_components else 0)
    heads = ("rate of", "term", "coefficient", "standard error", "95 % from", "to")
    return "<h2>Coefficients</h2>" + _table(heads, rows, numeric=range(2, 6))


def _table(heads: Iterable[str], rows: list[tuple[str, ...]], numeric: Iterable[int] = ()) -> str:
    numeric = set(numeric)
    kind = lambda k: ' class="number"' if k in numeric else ""  # noqa: E731
    head = "".join(f'<th scope="col"{kind(k)}>{escape(h)}</th>' for k, h in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{kind(k)}>{escape(cell)}</td>" for k, cell in enumerate(row)) + "</tr>"
        for row in rows[:ROWS]
    )
    more = f"<p>and {len(rows) - ROWS} more</p>" if len(rows) > ROWS else ""
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}'


def _story(law: Solution) -> str:
    """How the law was found, and what is to be doubted."""
    stats, out = law.stats, []
    free = f", of which the symmetry leaves {stats.free}" if law.settings.action is not None else ""
    out.append(
        f"<p>{stats.rows} rows, {stats.candidates} candidate coefficients{free}; {stats.active} in the law. It leaves "
        f"{max(stats.residual, default=0.0):.2g} of the rate unexplained.</p>"
    )
    out += [f'<p class="warning">{escape(str(group))}</p>' for group in law.collinear]
    out += [f"<p>{escape(stage)}</p>" for stage in law.stages]
    return "<h2>How it was found</h2>" + "".join(out)


def _figures(law: Solution, found: Forecast) -> str:
    out = ["<h2>Figures</h2>"]
    if law.stats.shares and any(law.stats.shares):
        height = 1.2 + 0.28 * max(law.stats.active, 1)
        words = "Bars: the share of the rate that each term of the law carries"
        out.append(_figure(lambda f: term_shares(f.subplots(), law), (6.4, height), words))
    if law.choices:
        words = "What the best set of terms of each size leaves of the rate; the chosen size is filled"
        out.append(_figure(lambda f: support_path(f.subplots(), law.choices), (6.4, 4.0), words))
    count = min(len(found.names), SHOWN)
    words = f"Trajectory {found.label}: the data, and the law integrated from the first sample" + (
        f"; {len(found.names) - count} more components are not drawn" if count < len(found.names) else ""
    )
    size = (7.5, 1.2 + 1.5 * count)
    out.append(_figure(lambda f: simulated_beside_data(f.subplots(count, 1, sharex=True), found), size, words))
    if found.simulated is None:
        out.append(f'<p class="warning">The law could not be integrated: {escape(found.failed)}</p>')
    else:
        words = "The distance between the law and the data over time, in units of the spread of the components"
        out.append(_figure(lambda f: departures(f.subplots(), found), (6.4, 4.0), words))
    return "".join(out)


def _figure(draw: Callable[[Any], None], size: tuple[float, float], words: str) -> str:
    return f"<figure>{_drawn(draw, size, words)}<figcaption>{escape(words)}.</figcaption></figure>"


def _scores(law: Solution, data: Any, found: Forecast) -> str:
    if found.simulated is None:
        return ""
    try:
        table = law.score(data)
    except SymdynError as error:  # of another trajectory than the one that is drawn
        return f'<p class="warning">{escape(str(error))}</p>'
    rows = [
        (str(run), str(name), *(f"{float(table[v].sel(trajectory=run, variable=name)):.4g}" for v in SCORES))
        for run in table.trajectory.values
        for name in table.variable.values
    ]
    heads = ("trajectory", "variable", "R²", "relative error")
    return "<h2>Scores of the simulated trajectories</h2>" + _table(heads, rows, numeric=(2, 3))


SCORES = ("r2", "relative_error")


def _provenance(law: Solution) -> str:
    asked = {name: repr(value) for name, value in vars(law.settings).items() if value not in (None, (), False)}
    rows = [("symdyn", __version__), *((f"data: {k}", str(v)) for k, v in law.provenance.items()), *asked.items()]
    return "<h2>Where it came from</h2>" + _table(("what", "value"), rows)
