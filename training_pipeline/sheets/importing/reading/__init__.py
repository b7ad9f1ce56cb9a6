"""From the bytes of a file to its rows, whatever the file is: one reader a kind of file."""
