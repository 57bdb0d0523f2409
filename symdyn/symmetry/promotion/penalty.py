"""The penalty as a function of coefficients, for a user's own loss and optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from symdyn._types import StateSpace
from symdyn.groups import AbstractRepresentation, Action, BoundAction
from symdyn.library import AbstractLibrary, AbstractTerms
from symdyn.symmetry.enforce import bound_conditions
from symdyn.symmetry.promotion.lie_map import lie_map
from symdyn.symmetry.promotion.measure import AbstractMeasure, UniformBox
from symdyn.symmetry.promotion.norms import Block
from symdyn.symmetry.promotion.settings import AbstractPenalty, LogDet, NuclearNorm
from symdyn.symmetry.promotion.solve import arranged, by_name


class BrokenSymmetry(eqx.Module):
    """By how much the function with given coefficients breaks candidate symmetries: a differentiable number.

    The singular values enter through the Gram matrix M'M as sqrt(sigma^2 + eps^2) (or log), so that the gradient exists
    where they vanish. Write it for one set of coefficients; vmap over several.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> penalty = sd.broken_symmetry(
    ...     sd.Monomials(2), sd.SO(2).acting_on(x=sd.Vector), values=sd.Scalar, space=sd.StateSpace.of(x=2))
    >>> round_, oval = jnp.array([0.0, 0, 0, 1, 0, 1])[:, None], jnp.array([0.0, 0, 0, 1, 0, 3])[:, None]
    >>> bool(penalty(round_) < 1e-3), bool(penalty(oval) > 0.1), jax.grad(penalty)(oval).shape
    (True, True, (6, 1))
    """

    entries: Any
    shift: Any
    blocks: tuple[Block, ...] = eqx.field(static=True)
    logarithm: bool = eqx.field(static=True)
    eps: float = eqx.field(static=True)

    def matrix(self, coefficients: Float[Array, "..."]) -> Float[Array, "k g"]:
        """The Lie derivatives along generators of unit size, as columns."""
        A, shift = (jax.lax.stop_gradient(jnp.asarray(x, coefficients.dtype)) for x in (self.entries, self.shift))
        return (A @ coefficients.reshape(-1)).reshape(shift.shape) + shift

    def __call__(self, coefficients: Float[Array, "..."]) -> Float[Array, ""]:
        """The penalty for coefficients of shape (p, d), or (p,) for vector terms."""
        M, total = self.matrix(coefficients), jnp.zeros((), coefficients.dtype)
        for b in self.blocks:
            part = M[:, b.start : b.stop]
            squares = jnp.sum(part**2)[None] if b.grouped else jnp.linalg.eigvalsh(part.T @ part)
            smooth = jnp.maximum(squares, 0.0) + self.eps**2
            total = total + b.weight * jnp.sum(0.5 * jnp.log(smooth) if self.logarithm else jnp.sqrt(smooth))
        return total


def broken_symmetry(
    library: AbstractLibrary | AbstractTerms,
    action: Action | BoundAction,
    *,
    targets: Sequence[str] | str | None = None,
    values: AbstractRepresentation | tuple[AbstractRepresentation, ...] | None = None,
    order: int = 1,
    space: StateSpace | None = None,
    penalty: AbstractPenalty | None = None,
    measure: AbstractMeasure | None = None,
    norm: str = "frobenius",
    eps: float = 1e-6,
) -> BrokenSymmetry:
    """A penalty on broken symmetry for a loss of one's own, as `promote` uses it.

    Parameters
    ----------
    library, action, targets, values, order, space: as `enforce` takes them.
    penalty: `NuclearNorm()` by default, `LogDet()` (its floor replaces `eps`) or `GroupNorm()`.
    measure: `UniformBox(-1, 1)` by default.
    norm: what makes a generator one of unit size, as in `promote`.
    eps: singular values are smoothed below this size.

    Returns a `BrokenSymmetry`. Raises InputError as `promote` does.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> move, line = sd.T(1).acting_on(x=sd.Point), sd.StateSpace.of(x=1)
    >>> penalty = sd.broken_symmetry(sd.Monomials(1), move, targets="x", space=line)
    >>> round(float(penalty(jnp.array([[5.0], [2.0]]))), 3)  # x' = 5 + 2 x: the slope breaks the translation
    2.0
    """
    asked = NuclearNorm() if penalty is None else penalty
    terms, conditions = bound_conditions(library, action, targets, values, space, order)
    whole = lie_map(terms, conditions, measure or UniformBox(), norm=norm, named=by_name(asked))
    broken, blocks = arranged(whole, asked)
    floor = asked.floor if isinstance(asked, LogDet) and asked.floor else eps
    return BrokenSymmetry(broken.matrix.toarray(), broken.shift, blocks, isinstance(asked, LogDet), float(floor))
