"""From conditions and an estimate of the weights to findings: bounds of the defect, tests, verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symdyn.regress.evidence.bounds import NormTest, ellipsoid_radius
from symdyn.regress.evidence.claims import Claim
from symdyn.regress.evidence.estimate import Estimate
from symdyn.regress.evidence.frame import Condition
from symdyn.regress.evidence.result import Finding, Verdict

SPENT = 0.1  # of the level: on the size of the rates, which the defect is measured by
ROUNDING = 1e-9  # of the size of the rates: defects below are no evidence


def judged(found: Estimate, claim: Claim, what: Condition, level: float, tolerance: float) -> Finding:
    """The finding on one claim that was fixed before the data were seen; verdicts come later."""
    test, low, high, middle = _test(found, what, SPENT * level)
    below, above = test.interval((1 - SPENT) * level)
    statistic, rank, p_exact = test.wald()
    if not found.white:
        p_exact = test.above(0.0)
    return Finding(
        claim, test.estimate / (middle * what.size), below / (high * what.size),
        above / (low * what.size) if low > 0 else np.inf, statistic, rank, p_exact,
        _support(test, low, what, tolerance),
        min(test.above(tolerance * high * what.size) / (1 - SPENT), 1.0),
    )  # fmt: skip


def support(found: Estimate, what: Condition, level: float, tolerance: float) -> float:
    """The p-value of a defect of the tolerance or more: that of the finding, without the rest."""
    test, low, *_ = _test(found, what, SPENT * level)
    return _support(test, low, what, tolerance)


def _support(test: NormTest, low: float, what: Condition, tolerance: float) -> float:
    return min(test.below(tolerance * low * what.size) / (1 - SPENT), 1.0) if low > 0 else 1.0


def over_ellipsoid(found: Estimate, claim: Claim, what: Condition, level: float, tolerance: float) -> Finding:
    """The finding on one claim by the extremes of the defect over the ellipsoid of all weights: for all at once.

    The level is spent once, however many claims are made, and however they were found.
    """
    test, *_ = _test(found, what, 0.5)
    radius = ellipsoid_radius(len(found.weights), found.freedom, level)
    speed = NormTest.of(*_image(found, what.speed), found.freedom)
    (low, high), (slow, fast) = test.over_ellipsoid(radius), speed.over_ellipsoid(radius)
    statistic, rank, p_exact = test.wald()
    lower = low / (fast * what.size)
    upper = high / (slow * what.size) if slow > 0 else np.inf
    # p-values here say on which side of the level a claim is: the ellipsoid is drawn at one level
    return Finding(
        claim, test.estimate / (max(speed.estimate, 1e-300) * what.size), lower, upper, statistic, rank,
        0.5 * level if lower > 0 else max(p_exact, 2 * level), 0.5 * level if upper < tolerance else 1.0,
        0.5 * level if lower > tolerance else 1.0,
    )  # fmt: skip


def _image(found: Estimate, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r = len(found.weights)
    return rows[:, :r] @ found.weights + rows[:, r], rows[:, :r] @ found.covariance @ rows[:, :r].T


def _test(found: Estimate, what: Condition, level: float) -> tuple[NormTest, float, float, float]:
    """The test of the numerator of the defect, and of the size of the rates a lower and upper bound and an estimate."""
    from scipy.special import stdtrit

    v, spread = _image(found, what.speed)
    squared, drift = float(v @ v), float(np.trace(spread))
    deviation = np.sqrt(4 * max(float(v @ spread @ v), 0.0) + 2 * float(np.sum(spread**2)))
    reach = stdtrit(min(found.freedom, 1e6), 1 - level) * deviation
    low, high = (float(np.sqrt(max(squared - drift + s * reach, 0.0))) for s in (-1, 1))
    middle = float(np.sqrt(max(squared - drift, 1e-300)))
    z, covariance = _image(found, what.rows)
    floor = ROUNDING * float(np.sqrt(squared)) * what.size + 1e-300
    return NormTest.of(z, covariance, found.freedom, floor), low, max(high, 1e-300), middle


def with_verdicts(findings: tuple[Finding, ...], level: float, holm: bool) -> tuple[Finding, ...]:
    """The same with verdicts; with several claims, each kind of error has the level in all (Holm 1979).

    Supported: the defect is below the tolerance. Contradicted: it is above, or exact symmetry is excluded and nothing
    says that the defect is within the tolerance.
    """
    kinds = [[getattr(each, name) for each in findings] for name in ("p_supported", "p_contradicted", "p_exact")]
    within, beyond, inexact = (rejected(np.array(p), level, holm) for p in kinds)
    out = []
    for k, each in enumerate(findings):
        verdict: Verdict = "supported" if within[k] else "contradicted" if beyond[k] or inexact[k] else "undecided"
        note = each.note
        if within[k] and inexact[k]:
            note = _with(note, "exact symmetry is excluded")
        out.append(replace(each, verdict=verdict, note=note))
    return tuple(out)


def rejected(p: np.ndarray, level: float, holm: bool) -> np.ndarray:
    """Which null hypotheses are rejected, at this level each, or in all by Holm's steps."""
    if not holm:
        return p <= level
    order = np.argsort(p)
    passed = np.cumprod(p[order] * np.arange(len(p), 0, -1) <= level).astype(bool)
    out = np.zeros(len(p), bool)
    out[order] = passed
    return out


def without_support(findings: tuple[Finding, ...], why: str) -> tuple[Finding, ...]:
    """The same with nothing supported and nothing contradicted, and why."""
    return tuple(replace(each, verdict="undecided", note=_with(each.note, why)) for each in findings)


def _with(note: str, more: str) -> str:
    return f"{note}; {more}" if note else more
