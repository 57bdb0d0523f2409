"""From a recording to the rows of a regression and their streamed moments."""
