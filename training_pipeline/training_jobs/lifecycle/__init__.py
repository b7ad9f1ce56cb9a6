"""The life of a training job: create, claim, launch, finalize, fail."""
