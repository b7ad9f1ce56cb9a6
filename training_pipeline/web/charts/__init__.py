"""Charts of metric series, and how they are looked at."""
