"""Sphinx: MyST pages, some with executed cells; the examples of the repository as pages; the API by autodoc."""

import os
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))
# the kernels that execute pages start in other folders
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import symdyn  # noqa: E402

# examples/*.py are pages: the same files, copied at each build
PAGES = HERE / "examples"
shutil.rmtree(PAGES, ignore_errors=True)
PAGES.mkdir()
for script in sorted((ROOT / "examples").glob("*.py")):
    # a page on measured data is left out where its file is not in the cache folder
    wanted = re.findall(r"^# needs the data set (\w+)$", script.read_text(encoding="utf-8"), re.MULTILINE)
    if all(info.available for info in symdyn.list_datasets() if info.name in wanted):
        shutil.copy(script, PAGES)

project = "symdyn"
author = copyright = "the symdyn authors"
version = release = symdyn.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
exclude_patterns = ["_build", "conf.py", "**/.ipynb_checkpoints"]

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "force"  # a cache would not notice that the package changed
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 900
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"symdyn {release}"
python_maximum_signature_line_length = 88
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
default_role = "code"


# Docstrings are plain text: `code` in single backticks, and sections whose entries read "name: text" without types.
# Napoleon would take such a text for a type, so they are put into reStructuredText here.

_SECTIONS = {"Args": "Parameters", "Parameters": "Parameters", "Attributes": "Attributes", "Raises": "Raises"}
_SECTIONS |= {"Returns": "Returns", "Examples": "Examples"}
_ENTRY = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*): +(.*)")


def _escaped(text: str) -> str:
    """Plain text outside backticks; literal text inside them."""
    pieces = re.split(r"`+([^`]+)`+", text)
    plain = [re.sub(r"([*|\\]|_\b)", r"\\\1", piece) for piece in pieces[0::2]]
    code = [f"``{piece}``" for piece in pieces[1::2]]
    return "".join(a + b for a, b in zip(plain, [*code, ""], strict=True))


def _heading(lines: list[str], k: int) -> tuple[str | None, int]:
    """The section that begins at line k, underlined or with a colon, and the number of lines that its heading takes."""
    line, below = lines[k], lines[k + 1] if k + 1 < len(lines) else ""
    if line in _SECTIONS and below and set(below) == {"-"}:
        return _SECTIONS[line], 2
    if line.endswith(":") and line[:-1] in _SECTIONS and below.startswith(" "):
        return _SECTIONS[line[:-1]], 1
    return None, 0


def _definitions(lines: list[str]) -> list[str]:
    """Entries "name: text", continued on deeper lines, as a definition list."""
    out: list[str] = []
    for line in lines:
        entry = None if line.startswith(" ") else _ENTRY.match(line)
        if entry:
            out += [", ".join(f"**{_escaped(name)}**" for name in entry[1].split(", ")), f"    {_escaped(entry[2])}"]
        else:
            out.append(f"    {_escaped(line.strip())}" if out else _escaped(line))
    return out


def _sentences(lines: list[str]) -> list[str]:
    """Several entries "name: text; ..." may share a line in `Parameters`; each gets its own line."""
    return [part for line in lines for part in re.split(r"(?<=\.) (?=\w+: )", line)]


def docstring_to_rest(app, what, name, obj, options, lines: list[str]) -> None:
    """Rewrite a docstring in place."""
    out: list[str] = []
    k = 0
    while k < len(lines):
        section, taken = _heading(lines, k)
        if section:
            k += taken
            block = []
            while k < len(lines) and lines[k].strip() and section != "Examples":
                block.append(lines[k])
                k += 1
            margin = min((len(line) - len(line.lstrip()) for line in block), default=0)
            block = [line[margin:] for line in block]
            out += ["", f".. rubric:: {section}", ""]
            out += [_escaped(line) for line in block] if section == "Returns" else _definitions(_sentences(block))
            out.append("")
        elif lines[k].startswith(">>>"):
            out += ["", "::", ""] if not out or out[-1] else ["::", ""]
            while k < len(lines) and lines[k].strip():
                out.append(f"    {lines[k]}")
                k += 1
            out.append("")
        else:
            out.append(_escaped(lines[k]))
            k += 1
    lines[:] = out


def readable_signature(app, what, name, obj, options, signature, result):
    """The default of a field that is made anew each time is no Python text, and would spoil the whole signature."""
    return (signature.replace("<factory>", "..."), result) if signature else None


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", readable_signature)
    app.connect("autodoc-process-docstring", docstring_to_rest)
