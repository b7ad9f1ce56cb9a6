"""The client of training jobs: of this installation, or of a remote REST API."""
