"""The coefficients of a law, and the nonlinear parameters of its library, by matching trajectories to the data."""
