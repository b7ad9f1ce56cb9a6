"""What is asked about model versions: the verbs, here and over HTTP."""
