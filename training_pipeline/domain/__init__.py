"""The vocabulary and the rules: no I/O, no Dagster, no SQL of our own."""
