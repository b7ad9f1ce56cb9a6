"""What is asked about uses of pairs, revocations and decisions: the verbs, here and over HTTP."""
