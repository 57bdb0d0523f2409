"""How sure a law is of its terms: fits on resampled blocks of the data."""
