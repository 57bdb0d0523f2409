"""What `identify` decides by itself: how rates come from noisy states, and which library."""
