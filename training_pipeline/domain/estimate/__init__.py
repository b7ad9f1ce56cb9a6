"""How long a training will take and what it will cost, with an honest interval."""
