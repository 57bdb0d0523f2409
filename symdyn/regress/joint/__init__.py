"""Joint estimation of the trajectory and the coefficients: nodes, their normal equations, and the choice of terms."""
