"""The life of a training job: what is stored, the verbs, and the poller."""
