"""What is asked about studies: the verbs, here and over HTTP."""
