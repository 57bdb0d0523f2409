"""How a quantity transforms: representations of groups that act on R^n, and the algebra of them.

`a + b` is the direct sum, `3 * a` are copies, `a * b` is the tensor product, `a ** k` its power, `a.dual` the dual.
"""

from symdyn.groups.representations.adjoint import Adjoint
from symdyn.groups.representations.base import (
    AbstractLinear,
    AbstractRepresentation,
    DirectSum,
    Dual,
    LinearSum,
    Product,
)
from symdyn.groups.representations.spacetime import Block, Place, Spatial, TimeOdd, Velocity, Wavefunction
from symdyn.groups.representations.spin import Complex, Spin, Spinor
from symdyn.groups.representations.tensors import Alt, Sym, Tensor
from symdyn.groups.representations.vectors import (
    Axial,
    Covector,
    Density,
    PhaseSpace,
    Point,
    Pseudoscalar,
    Scalar,
    Vector,
    Weight,
)

__all__ = [
    "AbstractLinear",
    "AbstractRepresentation",
    "Adjoint",
    "Alt",
    "Axial",
    "Block",
    "Complex",
    "Covector",
    "Density",
    "DirectSum",
    "Dual",
    "LinearSum",
    "PhaseSpace",
    "Place",
    "Point",
    "Product",
    "Pseudoscalar",
    "Scalar",
    "Spatial",
    "Spin",
    "Spinor",
    "Sym",
    "Tensor",
    "TimeOdd",
    "Vector",
    "Velocity",
    "Wavefunction",
    "Weight",
]
