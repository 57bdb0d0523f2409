"""Conserved quantities of data: what stays constant along trajectories, beside the noise."""
