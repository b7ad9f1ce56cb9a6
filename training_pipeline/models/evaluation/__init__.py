"""How good a model is: figures with intervals from scores of single pairs, and two models on the same pairs."""
