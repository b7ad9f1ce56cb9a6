"""Model versions as files for elsewhere: an adapter or a whole model, with digests and a parity test."""
