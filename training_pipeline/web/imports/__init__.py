"""The page that makes a training sheet of a file."""
