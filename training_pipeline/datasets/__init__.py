"""From a training sheet to a stored dataset: judge, split, write once under the digest, read back."""
