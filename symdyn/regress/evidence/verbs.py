"""`symmetry_evidence` and `certify`: is this a symmetry of the law behind the data?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.data.recording import Recording
from symdyn.fields import Fields
from symdyn.regress._identify import settings_of
from symdyn.regress.evidence.choose import Span
from symdyn.regress.evidence.claims import Claim, claims_of
from symdyn.regress.evidence.estimate import Estimate, Fitness, fitness, of_data, of_solution
from symdyn.regress.evidence.frame import POINTS, condition
from symdyn.regress.evidence.judge import judged, over_ellipsoid, with_verdicts, without_support
from symdyn.regress.evidence.result import Evidence, Finding
from symdyn.regress.solution import Settings, Solution, check_level
from symdyn.symmetry import Symmetries, VectorFields
from symdyn.symmetry.discovery.candidates import Place

MISFIT = 1e-3  # chance of so much misfit, below which no verdict is given
HARMLESS = 0.1  # of the tolerance: a misfit that changes the rates by less cannot turn a verdict
OUTSIDE = 0.02  # share of the domain outside the data that is worth a note

Method = Literal["auto", "split", "ellipsoid"]


def symmetry_evidence(
    of: Any,
    candidates: Any,
    *,
    data: Any = None,
    level: float = 0.05,
    tolerance: float = 0.05,
    domain: Any = None,
    time: str = "t",
    **identification: Any,
) -> Evidence:
    r"""Whether generators and elements that were fixed beforehand are symmetries of the law behind data.

    A law F = Theta w has conditions of symmetry that are linear in its weights, $z = L w$ with
    $\mathrm{Cov}\, z = L C L^\top$. The scale-free defect is

    $$\rho = \frac{|[F, \xi]|}{|F| \, |\xi|}, \qquad \rho = \frac{|F \circ g - g F|}{\sqrt 2 \, |F|},$$

    in root mean squares over the domain, with components measured by their spread in it (a motion of the time adds its
    terms). A claim is *supported* where an upper bound of $\rho$ lies below `tolerance` (a test of equivalence: the
    null hypothesis is that the symmetry is broken by more), *contradicted* where a lower bound lies above it or where
    exact symmetry is excluded (Wald) and closeness is not shown, else *undecided*. With several claims the level holds
    for all together (Holm 1979).

    Data are fitted with the whole library, for pruning deletes weak terms that break a symmetry. First a wider library
    is tried: a law outside the library gives no verdicts, for too small a library invents symmetries.

    Parameters
    ----------
    of: data as `identify` takes them, with its further arguments (`library=`, `rates=`, ...); or a law that was
        identified, with the same data besides; or `Fields`, with the arguments of `identify_field`.
    candidates: a group, an `Action`, a `LieAlgebra`, a `Symmetry` or `DiscreteSymmetry` that was found in *other* data,
        or a list of these: each generator and element is one claim. For those found in the same data see `certify`.
    data: what a law was identified from (or a part held out). Without it the law is taken with its own covariance:
        misfit is not tested, and nothing is supported where terms were left out.
    level: chance of a wrong verdict of each kind, in all claims together.
    tolerance: the defect below which a symmetry counts as one.
    domain: where the symmetry shall hold: ranges by variable, `{"x": (-1, 1), ...}`, or states (m, n); by default the
        states of the data (those that a law keeps as its `domain`, where no data are given). Rates in the state of a
        second-order law that were not measured are taken from local quartics of the positions.
    time: the name of the time in fields that move it, and of its dimension in the data where it is not "t".

    A map (`discrete=True`) is tested by its steps $\Phi(x) - x$, against elements and affine fields of the state. Noisy
    states whose rates were not measured go through the weak form, with its covariance: `differentiation=`. On `Fields`
    generators are prolonged to derivatives, F is measured at the jets of the data, misfit is not tested, and there are
    verdicts where noise of the data makes most of the residual.

    Returns `Evidence`. Raises InputError for data, laws and candidates that cannot be used, and for levels and
    tolerances that are not positive.

    References: Wellek 2010, Testing Statistical Hypotheses of Equivalence and Noninferiority; Holm 1979, Scandinavian
    Journal of Statistics 6, 65.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, (800, 2))
    >>> rates = np.stack([-x[:, 1], x[:, 0]], -1) + x * (1 - (x**2).sum(1, keepdims=True))
    >>> rates += 0.03 * rng.normal(size=x.shape)
    >>> data = {"time": np.arange(800.0), "x": x, "dx": rates}
    >>> turn, grow = sd.SO(2).acting_on(x=sd.Vector), sd.Scaling().acting_on(x=sd.Vector)
    >>> found = sd.symmetry_evidence(data, [turn, grow], rates={"x": "dx"}, rate_of="x", library=sd.Monomials(3))
    >>> [each.verdict for each in found.findings]
    ['supported', 'contradicted']
    """
    if isinstance(of, Fields):
        from symdyn.regress.partial.evidence import field_evidence

        _check(level, tolerance)
        if data is not None or domain is not None:
            raise InputError("evidence on fields is asked for at the jets of the data: leave data= and domain= out")
        return field_evidence(of, candidates, level=level, tolerance=tolerance, **identification)
    ready = _prepared(of, data, level, tolerance, domain, _timed(identification, time))
    claims = claims_of(candidates, Place(ready.space, time))
    return ready.evidence(claims, ready.found, "Holm" if len(claims) > 1 else "one claim")


def certify(
    of: Any,
    candidates: Any = None,
    *,
    data: Any = None,
    method: Method = "auto",
    level: float = 0.05,
    tolerance: float = 0.05,
    domain: Any = None,
    time: str = "t",
    **identification: Any,
) -> Evidence:
    r"""Evidence on symmetries that are chosen with the help of the same data.

    What looks best among many candidates looks better than it is. Two remedies:

    "split": generators are chosen from a third of the blocks of rows, among all combinations of the candidates, and
    tested as in `symmetry_evidence` on the others.
    "ellipsoid": the extremes of the defect over the confidence ellipsoid of *all* weights, a trust-region problem. It
    covers every generator at once, those found in all of the data included, and needs no data beside a law with its
    covariance; but it tolerates several times less noise.

    Parameters
    ----------
    of, data, level, tolerance, domain, time, identification: as in `symmetry_evidence`.
    candidates: a space of vector fields to choose from, as `find_symmetries` takes it (all linear fields by default);
        or the `Symmetries` that were found, whose generators and elements then are the claims.
    method: "split", "ellipsoid", or "auto": split where there are data to split and generators to choose.

    Returns `Evidence`; its `supported`, `contradicted` and `undecided` hold the findings. Raises InputError as
    `symmetry_evidence` does, and for a split without data or of symmetries already found.

    References: Cox 1975, Biometrika 62, 441 (splitting); Scheffe 1953, Biometrika 40, 87 (all contrasts at once).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, (1600, 2))
    >>> rates = np.stack([-x[:, 1], x[:, 0]], -1) + x * (1 - (x**2).sum(1, keepdims=True))
    >>> rates += 0.03 * rng.normal(size=x.shape)
    >>> data = {"time": np.arange(1600.0), "x": x, "dx": rates}
    >>> found = sd.certify(data, rates={"x": "dx"}, rate_of="x", library=sd.Monomials(3))
    >>> [each.text for each in found.supported]
    ['x_y d/dx_x - x_x d/dx_y']
    """
    if method not in ("auto", "split", "ellipsoid"):
        raise InputError(f'method is "split", "ellipsoid" or "auto", got {method!r}')
    given = isinstance(candidates, Symmetries)
    ready = _prepared(of, data, level, tolerance, domain, _timed(identification, time))
    moments = ready.found.moments
    can_split = not given and moments is not None and len(moments.blocks) >= 2
    if method == "split" and not can_split:
        raise InputError(
            'a split needs data, and candidates to choose from (not symmetries that were found): use method="ellipsoid"'
        )
    place = Place(ready.space, time)
    candidates = VectorFields(1) if candidates is None else candidates
    if given:
        return ready.over_ellipsoid(claims_of(candidates, place))
    span = Span.of(ready.found.frame, candidates, place, ready.points)
    if method == "ellipsoid" or moments is None or not can_split:
        return ready.over_ellipsoid(span.chosen(ready.found, tolerance))
    first = np.arange(len(moments.blocks)) % 3 == 0
    claims = span.chosen(ready.found.part(first), tolerance)
    return ready.evidence(claims, ready.found.part(~first), "chosen on a third of the data, tested on the rest")


def _timed(identification: dict[str, Any], time: str) -> dict[str, Any]:
    """The arguments of `identify` with the name of the time where it was given: it is the dimension of the data too."""
    return identification if time == "t" else {**identification, "time": time}


@dataclass(frozen=True, eq=False)
class _Ready:
    """A law's estimate with the domain, and what limits its verdicts."""

    found: Estimate
    points: np.ndarray
    space: StateSpace
    level: float
    tolerance: float
    fit: Fitness | None
    notes: tuple[str, ...]

    def evidence(self, claims: tuple[Claim, ...], found: Estimate, method: str) -> Evidence:
        what = [condition(found.frame, each, self.points) for each in claims]
        findings = tuple(judged(found, c, w, self.level, self.tolerance) for c, w in zip(claims, what, strict=True))
        return self._report(with_verdicts(findings, self.level, holm=True), method)

    def over_ellipsoid(self, claims: tuple[Claim, ...]) -> Evidence:
        what = [condition(self.found.frame, each, self.points) for each in claims]
        findings = tuple(
            over_ellipsoid(self.found, c, w, self.level, self.tolerance) for c, w in zip(claims, what, strict=True)
        )
        return self._report(with_verdicts(findings, self.level, holm=False), "ellipsoid of all weights: every claim")

    def _report(self, findings: tuple[Finding, ...], method: str) -> Evidence:
        notes = list(self.notes)
        findings = tuple(self._remarked(each) for each in findings)
        if self.misfit:
            findings = without_support(findings, "misfit")
        elif self.found.pruned:
            supported = [each.verdict == "supported" for each in findings]
            if any(supported):
                changed = without_support(findings, "terms were left out: give data=")
                findings = tuple(b if s else a for a, b, s in zip(findings, changed, supported, strict=True))
        if not findings:
            notes.append("no generator was chosen: none came near the tolerance")
        p_value = None if self.fit is None else self.fit.p_value
        return Evidence(findings, self.level, self.tolerance, method, self.found.freedom, p_value, tuple(notes))

    @property
    def misfit(self) -> bool:
        """Whether a wider library explains more than chance, and enough to matter."""
        return self.fit is not None and self.fit.p_value < MISFIT and self.fit.change > HARMLESS * self.tolerance

    def _remarked(self, each: Finding) -> Finding:
        claim, frame = each.claim, self.found.frame
        if claim.matrix is not None:
            share = outside(self.found, self.points @ claim.matrix.T) - outside(self.found, self.points)
            return replace(each, note=f"moves {100 * share:.0f} % out of the data") if share > OUTSIDE else each
        if claim.field.space.size > self.points.shape[1] or frame.given.discrete:
            return each
        flow = (frame.rates(self.points) @ np.append(self.found.weights, 1.0)).ravel()
        moved = claim.field.moved(self.points)[:, :, 0].ravel()
        cosine = abs(flow @ moved) / max(np.linalg.norm(flow) * np.linalg.norm(moved), 1e-300)
        return replace(each, note="nearly the flow itself, which every law has") if cosine > 0.999 else each


def _check(level: float, tolerance: float) -> None:
    check_level(level)
    if not tolerance > 0:
        raise InputError(f"the tolerance is a positive share of the rates, got {tolerance!r}")


def _prepared(of, data, level: float, tolerance: float, domain, identification: dict[str, Any]) -> _Ready:
    _check(level, tolerance)
    fit, notes = None, []
    if isinstance(of, Solution) and data is None:
        if identification:
            raise InputError(f"unknown arguments {', '.join(identification)}: the law was identified already")
        found = of_solution(of)
        notes.append("misfit was not tested: give data=")
    else:
        found, recording, settings = _from_data(of, data, identification)
        fit = fitness(found, recording, settings)
        if fit is None:
            notes.append("misfit was not tested: too few rows for a wider library")
    points = domain_points(domain, found)
    ready = _Ready(found, points, found.frame.space, level, tolerance, fit, tuple(notes))
    return replace(ready, notes=(*notes, *_limits(ready)))


def _from_data(of, data, identification) -> tuple[Estimate, Recording, Settings]:
    if isinstance(of, Solution):
        if identification:
            raise InputError(f"unknown arguments {', '.join(identification)}: the law's settings hold them")
        return of_data(data, of.settings)
    if data is not None:
        raise InputError("give data once: data= goes with a law that was identified")
    return of_data(of, settings_of(**identification))


def _limits(ready: _Ready) -> list[str]:
    """Notes on misfit, coverage and laws that are linear."""
    notes, found = [], ready.found
    if ready.misfit and ready.fit is not None:
        notes.append(
            f"the library is too small: a wider one changes the rates by {100 * ready.fit.change:.2g} % "
            f"(p = {ready.fit.p_value:.1g}); no verdicts"
        )
    share = outside(found, ready.points)
    if share > OUTSIDE:
        notes.append(f"{100 * share:.0f} % of the domain lies outside the data: there the law is extrapolated")
    if not found.white:
        notes.append(f"residuals are correlated in time: {found.freedom:.0f} independent pieces of the data count")
    exponents = found.frame.terms.monomials()
    if found.frame.given.discrete:
        notes.append(
            "a map is fitted to the samples as they are: noise of measurement, beside that of the steps, biases it"
        )
    if exponents is not None and int(exponents.sum(1).max(initial=0)) <= 1:
        notes.append("the library is linear: every matrix that commutes with the law's is a symmetry")
    return notes


def domain_points(domain: Any, found: Estimate) -> np.ndarray:
    """States (m, n) of the domain: low-discrepancy points of a box, given states, or those of the data."""
    space = found.frame.space
    if domain is None:
        if found.states is None:
            raise InputError(
                "where shall the symmetry hold? neither the law nor the data tell states: give "
                'domain={"x": (-1, 1), ...}'
            )
        return found.states
    if not isinstance(domain, Mapping):
        points = np.asarray(domain, float)
        if points.ndim != 2 or points.shape[1] != space.size or not np.isfinite(points).all():
            raise InputError(f"a domain of states has the shape (m, {space.size}), got {points.shape}")
        return points
    from scipy.stats import qmc

    low, high = np.full(space.size, np.nan), np.full(space.size, np.nan)
    for name, ends in domain.items():
        places = space.indices((name,)) if name in space.names else _component(space, name)
        low[places], high[places] = ends
    missing = [name for name, a, b in zip(space.component_names, low, high, strict=True) if not a < b]
    if missing:
        raise InputError(f"the domain needs a range (low, high) of {', '.join(missing)}")
    return low + (high - low) * qmc.Halton(space.size, rng=np.random.default_rng(7)).random(POINTS)


def _component(space: StateSpace, name: str) -> np.ndarray:
    found = [k for k, own in enumerate(space.component_names) if own == name]
    if not found:
        raise InputError(f"the domain names {name!r}; the components are {', '.join(space.component_names)}")
    return np.array(found)


def outside(found: Estimate, points: np.ndarray) -> float:
    """The share of points where the library extrapolates: their leverage is beyond any of the data (Cook's hull)."""
    if found.states is None:
        return 0.0
    own = found.frame.values(found.states)
    scale = np.maximum(np.sqrt(np.mean(own**2, axis=0)), 1e-300)
    factor = np.linalg.qr(own / scale, mode="r")
    inverse = np.linalg.pinv(factor, rcond=1e-8)

    def leverage(values: np.ndarray) -> np.ndarray:
        return np.sum((values / scale @ inverse) ** 2, axis=1)

    return float(np.mean(leverage(found.frame.values(points)) > 1.5 * leverage(own).max()))
