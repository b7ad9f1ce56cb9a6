"""From a row of somebody's format to the columns of a training sheet: pure functions, one format a module."""
