"""The training itself: what it is made of, watches, keeps and reports."""
