"""Symmetries that every law of a kind has, told apart and named: the flow itself and its kin."""

from __future__ import annotations

import numpy as np

from symdyn.symmetry.discovery.fields import Candidates, TermFields, monomials_at
from symdyn.symmetry.discovery.jet_law import JetLaw, null_rows
from symdyn.symmetry.discovery.subjects import AbstractSubject, Flow, Sample

FLOW = "the flow itself"
ALONG = "the flow times a conserved function"
RESCALED = "the flow times a function: a change of time along each trajectory"
LINEAR = "every linear law has it"
VANISHES = "vanishes at all points"
SOLUTION = "a solution of the linear law, added"
KEPT = ""  # set aside: known, and not trivial


def trivial(
    subject: AbstractSubject, candidates: Candidates, sample: Sample, basis: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    """Trivial members (k, g) of the span of a basis (r, g), by reason; later ones may repeat earlier ones."""
    if not len(basis):
        return []
    found: list[tuple[str, np.ndarray]] = []
    fields = sample.fields @ basis.T
    size = np.linalg.norm(basis * np.linalg.norm(sample.fields, axis=0), axis=1)  # without cancellation
    found.append((VANISHES, (null_rows((fields / size).T) / size) @ basis))
    if isinstance(subject, Flow):
        found += _along(candidates, sample, basis)
        found += _powers(subject, candidates, sample, basis)
    if isinstance(subject, JetLaw) and subject.is_linear and len(candidates.parts) == 1:
        part = candidates.parts[0]
        if isinstance(part, TermFields) and part.exponents is not None:
            found.append((SOLUTION, subject.superpositions(part.rows(basis)) @ basis))
    return [(reason, rows) for reason, rows in found if len(rows)]


def _along(candidates: Candidates, sample: Sample, basis: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Members that move points along the flow everywhere: the flow itself, its multiples, changes of time.

    With X = d/dt + V, members f X say nothing at all; members f V and tau d/dt differ by those, and are symmetries
    where f is conserved (a polynomial, where the fields are). The shift of time is kept, as what every law without
    explicit time has.
    """
    assert sample.velocity is not None
    X, late = sample.velocity, int(sample.wide)
    field = (sample.fields @ basis.T).reshape(*X.shape, len(basis))
    size = np.linalg.norm(basis * np.linalg.norm(sample.fields, axis=0), axis=1)
    beside = null_rows(_across(X[:, late:], field[:, late:], size)) / size
    single = candidates.single
    if single is not None and single.exponents is not None and sample.points is not None:
        # 1 / v times the flow x' = v is the shift of x: no multiple in the sense of polynomials
        f = np.einsum("mi,mir,kr->mk", X[:, late:], field[:, late:], beside)
        f /= np.maximum((X[:, late:] ** 2).sum(1), 1e-300)[:, None]
        Q = np.linalg.qr(monomials_at(single.exponents, sample.points))[0]
        rest = f - Q @ (Q.T @ f)
        beside = null_rows(rest.T / np.maximum(np.linalg.norm(f, axis=0), 1e-9)[:, None]) @ beside
    if not len(beside):
        return []
    flow = _member(field, beside, X)
    if not late:
        return [(FLOW, flow @ basis), (ALONG, beside @ basis)]
    with_time = null_rows(_across(X, field, size)) / size
    clock = _member(field, beside, np.eye(1, X.shape[1]) * np.ones((len(X), 1)))
    if not len(flow):
        flow = _member(field, beside, np.where(np.arange(X.shape[1]) < 1, 0.0, X))
    rows = [(FLOW, flow), (RESCALED, with_time), (KEPT, clock), (ALONG, beside)]
    return [(reason, values @ basis) for reason, values in rows]


def _across(X: np.ndarray, field: np.ndarray, size: np.ndarray) -> np.ndarray:
    """What of fields (m, N, r) is not along vectors (m, N), one row a field of norm about one."""
    share = np.einsum("mi,mir->mr", X, field) / np.maximum((X**2).sum(1), 1e-300)[:, None]
    return ((field - X[:, :, None] * share[:, None, :]) / size).reshape(-1, field.shape[2]).T


def _member(field: np.ndarray, among: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The combination of fields (m, N, r) among some (k, r) that has given values (m, N): shape (1, r) or (0, r)."""
    flat, target = np.einsum("mNr,kr->mNk", field, among).reshape(-1, len(among)), wanted.ravel()
    found, *_ = np.linalg.lstsq(flat, target, rcond=None)
    close = np.linalg.norm(flat @ found - target) < 1e-8 * np.linalg.norm(target)
    return found[None] @ among if close and target.any() else np.zeros((0, among.shape[1]))


def _powers(subject: Flow, candidates: Candidates, sample: Sample, basis: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """For a linear law x' = A x: the fields A^k x, which commute with it whatever A is."""
    V = subject.law.polynomial
    if V is None or V.n != candidates.space.size or V.degree > 1 or np.any(V.constant_part):
        return []
    points, scale, A = sample.points, sample.scale, V.linear_part
    assert points is not None
    assert scale is not None
    flat = sample.fields @ basis.T
    rows, power = [], np.eye(V.n)
    for _ in range(V.n):
        target = (points @ power.T / scale).ravel()
        coordinates, *_ = np.linalg.lstsq(flat, target, rcond=None)
        if np.linalg.norm(flat @ coordinates - target) < 1e-8 * np.linalg.norm(target):
            rows.append(coordinates @ basis)
        power = A @ power
    return [(LINEAR, np.array(rows).reshape(-1, basis.shape[1]))]
