"""Which models learned from a row: an index over the manifests of all datasets."""
