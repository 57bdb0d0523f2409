"""Evidence for symmetries: equivalence tests of a law's defect, in the space of its coefficients."""
