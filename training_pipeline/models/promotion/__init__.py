"""Whether a model is good enough to be used."""
