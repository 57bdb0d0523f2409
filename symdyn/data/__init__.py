"""From a user's data to rows of a regression: the door, differentiation, the weak form, and the shipped datasets."""
