"""What comes of sheets and rows by the rules once more, written in plain Python."""
