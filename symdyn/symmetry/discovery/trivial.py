"""Symmetries that every law of a kind has, told apart and named: the flow itself and its kin."""

from __future__ import annotations

import numpy as np

from symdyn.symmetry.discovery.fields import Candidates, TermFields
from symdyn.symmetry.discovery.jet_law import JetLaw, null_rows
from symdyn.symmetry.discovery.subjects import AbstractSubject, Flow, Sample

FLOW = "the flow itself"
ALONG = "the flow times a conserved function"
RESCALED = "the flow times a function: a change of time along each trajectory"
LINEAR = "every linear law has it"
VANISHES = "vanishes at all points"
SOLUTION = "a solution of the linear law, added"


def trivial(
    subject: AbstractSubject, candidates: Candidates, sample: Sample, basis: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    """Trivial members (k, g) of the span of a basis (r, g), by reason; later ones are new beside earlier ones."""
    if not len(basis):
        return []
    found: list[tuple[str, np.ndarray]] = []
    fields = sample.fields @ basis.T
    size = np.linalg.norm(basis * np.linalg.norm(sample.fields, axis=0), axis=1)  # without cancellation
    found.append((VANISHES, (null_rows((fields / size).T) / size) @ basis))
    if isinstance(subject, Flow):
        found += _along(sample, basis)
        found += _powers(subject, candidates, sample, basis)
    if isinstance(subject, JetLaw) and subject.is_linear and len(candidates.parts) == 1:
        part = candidates.parts[0]
        if isinstance(part, TermFields) and part.exponents is not None:
            found.append((SOLUTION, subject.superpositions(part.rows(basis)) @ basis))
    return _fresh(found)


def _along(sample: Sample, basis: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Members that point along the flow everywhere, the flow itself first."""
    assert sample.across is not None
    across = np.einsum("mNg,rg->mNr", sample.across, basis)
    field = (sample.fields @ basis.T).reshape(across.shape)
    size = np.linalg.norm(basis * np.linalg.norm(sample.fields, axis=0), axis=1)
    inside = null_rows((across / size).reshape(-1, len(basis)).T)
    inside = inside / size
    if not len(inside):
        return []
    ours = np.einsum("mNr,kr->mNk", field, inside)
    reason = RESCALED if sample.wide else ALONG
    flow = _constant_multiple(sample, ours)
    if flow is None:
        return [(reason, inside @ basis)]
    return [(FLOW, flow[None] @ inside @ basis), (reason, inside @ basis)]


def _constant_multiple(sample: Sample, ours: np.ndarray) -> np.ndarray | None:
    """Coordinates of the flow itself in fields (m, N, k) along it, where it is among them."""
    velocity = sample.velocity
    assert velocity is not None
    target = velocity.ravel()
    flat = ours.reshape(-1, ours.shape[2])
    found, *_ = np.linalg.lstsq(flat, target, rcond=None)
    return found if np.linalg.norm(flat @ found - target) < 1e-8 * np.linalg.norm(target) else None


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


def _fresh(found: list[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """The same lists without what earlier rows span already."""
    out, span = [], np.zeros((0, 0))
    for reason, rows in found:
        if not len(rows):
            continue
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        span = span if span.size else np.zeros((rows.shape[1], 0))
        kept = []
        for row in rows:
            rest = row - span @ (span.T @ row)
            rest -= span @ (span.T @ rest)
            if np.linalg.norm(rest) > 1e-7:
                span = np.concatenate([span, rest[:, None] / np.linalg.norm(rest)], axis=1)
                kept.append(row)
        if kept:
            out.append((reason, np.array(kept)))
    return out
