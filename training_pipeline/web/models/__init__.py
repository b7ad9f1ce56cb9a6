"""Parts of the pages of model versions."""
