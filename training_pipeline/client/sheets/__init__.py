"""What is asked about training sheets: the verbs, here and over HTTP."""
