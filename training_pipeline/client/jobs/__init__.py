"""What is asked about training jobs: the verbs, here and over HTTP."""
