"""`symdyn datasets`: what opens by name."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import typer

from symdyn._errors import InputError


def show(as_json: bool) -> None:
    """All data sets, one a line."""
    from symdyn.cli.tables import echo, table
    from symdyn.data.registry import list_datasets

    found = list_datasets()
    if as_json:
        typer.echo(json.dumps([asdict(info) for info in found], indent=2, ensure_ascii=False))
        return
    rows = [(info.name, info.kind, "yes" if info.available else "download", info.title) for info in found]
    echo(table(("name", "kind", "here", "title"), rows))


def describe(name: str, as_json: bool) -> None:
    """The card of one data set, and what it holds where that needs no download."""
    from symdyn.data.registry import list_datasets, open_dataset

    found = {info.name: info for info in list_datasets()}
    if name not in found:
        raise InputError(f"unknown data set {name!r}; there are {', '.join(found)}")
    card: dict[str, Any] = asdict(found[name])
    if found[name].available:
        data = open_dataset(name)
        card["sizes"] = {str(dim): int(size) for dim, size in data.sizes.items()}
        card["variables"] = {
            str(v): {"dims": list(map(str, data[v].dims)), "units": str(data[v].attrs.get("units", ""))}
            for v in data.data_vars
        }
        card["attributes"] = {str(key): _plain(value) for key, value in data.attrs.items()}
    if as_json:
        typer.echo(json.dumps(card, indent=2, ensure_ascii=False))
    else:
        _print(card)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value if isinstance(value, str | int | float) else str(value)


def _print(card: dict[str, Any]) -> None:
    from symdyn.cli.tables import echo, table

    lines = [(key, card[key]) for key in ("name", "title", "kind", "truth", "source", "licence", "citation")]
    echo(table(("", ""), lines))
    if "variables" not in card:
        echo("not here yet: symdyn.open_dataset fetches it")
        return
    echo(", ".join(f"{dim}: {size}" for dim, size in card["sizes"].items()))
    rows = [(v, "(" + ", ".join(about["dims"]) + ")", about["units"]) for v, about in card["variables"].items()]
    echo(table(("variable", "dimensions", "units"), rows))
    known = {"title", "source", "truth", "license", "references"}
    echo(table(("attribute", "value"), [(k, v) for k, v in card["attributes"].items() if k not in known]))
