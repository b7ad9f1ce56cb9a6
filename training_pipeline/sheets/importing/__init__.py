"""Making a training sheet of a file that somebody has."""
