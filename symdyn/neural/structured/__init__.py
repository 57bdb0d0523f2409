"""Networks with the structure of mechanics: energies whose gradients move the state, friction, ports, Lagrangians."""

from symdyn.neural.structured.build import STRUCTURES, structured
from symdyn.neural.structured.energy import Energy
from symdyn.neural.structured.flow import EnergyNetwork, Friction
from symdyn.neural.structured.lagrangian import LagrangianNetwork

__all__ = ["STRUCTURES", "Energy", "EnergyNetwork", "Friction", "LagrangianNetwork", "structured"]
