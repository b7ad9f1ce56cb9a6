"""Studies and their trials, without training one."""
