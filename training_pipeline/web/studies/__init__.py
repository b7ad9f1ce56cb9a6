"""Studies: the list's words, and the parts of a study's page and of the form for a new one."""
