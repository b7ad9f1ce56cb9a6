"""Questions that are nearly equal."""
