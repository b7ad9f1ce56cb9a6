"""To come."""

from training_pipeline.web.site import Site


def register(site: Site) -> None:
    """Add the page."""
