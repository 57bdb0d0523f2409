"""What evidence looks like: a finding for each claim, and the table of all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from symdyn.regress.evidence.claims import Claim

Verdict = Literal["supported", "contradicted", "undecided"]


@dataclass(frozen=True, eq=False)
class Finding:
    """The evidence on one generator or element.

    Attributes
    ----------
    claim: what is claimed, a field or a matrix.
    defect: the scale-free defect without what noise adds on average.
    lower, upper: bounds of it, each wrong with probability `level` (all of them at once, for the ellipsoid).
    statistic, rank: of Wald's test of exact symmetry.
    p_exact: small where exact symmetry is excluded.
    p_supported: small where the defect is below the tolerance.
    p_contradicted: small where the defect is above the tolerance.
    verdict: "supported", "contradicted" or "undecided".
    note: what to know besides.
    """

    claim: Claim = field(repr=False)
    defect: float
    lower: float
    upper: float
    statistic: float
    rank: int
    p_exact: float
    p_supported: float
    p_contradicted: float
    verdict: Verdict = "undecided"
    note: str = ""

    @property
    def text(self) -> str:
        """The generator or element in words."""
        return self.claim.text

    def __str__(self) -> str:
        note = f"   ({self.note})" if self.note else ""
        exact = f"exact: p = {_probability(self.p_exact)}"
        return f"{self.verdict:12s} {self.text}: defect {_number(self.defect)} in [{_number(self.lower)}, " + (
            f"{_number(self.upper)}]; {exact}{note}"
        )


@dataclass(frozen=True, eq=False)
class Evidence:
    """The evidence on all claims. Prints as a table.

    `findings`: one for each claim; `level`, `tolerance`; `method`: how several claims are kept from adding their
    chances of error; `fit`: the chance of so much misfit if the library held the law, None where it was not tested;
    `freedom`: degrees of freedom of the covariance; `notes`: what limits the verdicts.
    """

    findings: tuple[Finding, ...]
    level: float
    tolerance: float
    method: str
    freedom: float
    fit: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def supported(self) -> tuple[Finding, ...]:
        """The claims whose defect is below the tolerance."""
        return self._with("supported")

    @property
    def contradicted(self) -> tuple[Finding, ...]:
        """The claims that are not exact, and not known to be within the tolerance."""
        return self._with("contradicted")

    @property
    def undecided(self) -> tuple[Finding, ...]:
        """The claims on which the data do not decide."""
        return self._with("undecided")

    def _with(self, verdict: Verdict) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.verdict == verdict)

    def to_xarray(self):
        """The findings as a Dataset over `claim`."""
        import xarray as xr

        names = ("defect", "lower", "upper", "statistic", "rank", "p_exact", "p_supported", "p_contradicted")
        names = (*names, "verdict", "note")
        data = {name: ("claim", [getattr(each, name) for each in self.findings]) for name in names}
        attrs = {"level": self.level, "tolerance": self.tolerance, "method": self.method, "notes": list(self.notes)}
        return xr.Dataset(data, {"claim": [each.text for each in self.findings]}, attrs)

    def __str__(self) -> str:
        lines = [
            f"evidence at level {self.level:g}, tolerance {self.tolerance:g} of the rates ({self.method})",
            *(f"  {each}" for each in self.findings),
            *(f"! {note}" for note in self.notes),
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        counts = [f"{len(getattr(self, v))} {v}" for v in ("supported", "contradicted", "undecided")]
        return f"<Evidence: {', '.join(counts)}>\n{self}"


def _number(value: float) -> str:
    return f"{value:.2g}"


def _probability(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 else "< 1e-4"
