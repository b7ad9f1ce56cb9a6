"""The parts of the page that shows training jobs side by side."""
