"""The one way in for every face: training jobs of this installation, or behind a REST API."""
