"""Models are asked questions, and their answers scored or judged."""
