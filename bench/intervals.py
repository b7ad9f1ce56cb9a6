"""How honest the intervals of an evaluation are: simulated evaluations of models whose quality is known.

    python bench/intervals.py                       # 5,000 evaluations a line, about a minute of processor time
    python bench/intervals.py --simulations 500

For each number of questions and accuracy: how often the interval holds the accuracy (Wilson), how often that of a
difference holds the difference, how often a model that is no better is called better, and how often one that is worse
by exactly the margin is shipped. The worst of three kinds of dependence between the two models is shown. Scores that
are no proportions come from a Beta distribution (many answers all right or all wrong) and, as losses do, from a
lognormal one.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from training_pipeline.models.evaluation.intervals import mean_interval
from training_pipeline.testing.models.simulated_evaluations import TOGETHER, against, coverage

MARGINS = (0.02, 0.05)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--simulations", type=int, default=5_000)
    simulations = arguments.parse_args().simulations
    began = time.process_time()
    print(f"{simulations:,} evaluations a figure; percent")
    print("   n  accuracy   held  held (difference)  called better   shipped at -0.02   at -0.05")
    for n in (30, 100, 400):
        for accuracy in (0.5, 0.8, 0.95):
            held = coverage(n, accuracy, simulations=simulations, seed=n)
            null = [
                against(n, accuracy, worse=0, together=each, margin=0, simulations=simulations, seed=n + place)
                for place, each in enumerate(TOGETHER)
            ]
            worse = {
                margin: [
                    against(
                        n, accuracy, worse=margin, together=each, margin=margin, simulations=simulations, seed=n + place
                    )
                    for place, each in enumerate(TOGETHER)
                ]
                for margin in MARGINS
            }
            every = [*null, *(rates for found in worse.values() for rates in found)]
            shipped = "".join(f"{100 * max(rates.shipped for rates in worse[margin]):14.1f}" for margin in MARGINS)
            print(
                f"{n:4}  {accuracy:8}  {100 * held:5.1f}  {100 * min(rates.covers for rates in every):17.1f}"
                f"  {100 * max(rates.better for rates in null):13.1f}{shipped}"
            )
    print(f"{time.process_time() - began:.0f} s of processor time")
    for n in (30, 100, 400):
        few = max(100, simulations // (5 if n < 400 else 10))
        print(f"{n:4}  scores within 0 and 1: {scores(n, few):5.1f}   losses: {losses(n, few):5.1f}   ({few:,} each)")
    print(f"{time.process_time() - began:.0f} s of processor time")


def scores(n: int, simulations: int) -> float:
    """How often the interval holds the mean of a Beta(0.5, 0.2), in percent."""
    rng = np.random.default_rng(n)
    found = [mean_interval(rng.beta(0.5, 0.2, n), bounds=(0, 1)) for _ in range(simulations)]
    return 100 * float(np.mean([each.lower <= 0.5 / 0.7 <= each.upper for each in found]))


def losses(n: int, simulations: int) -> float:
    """How often the interval holds the mean of a lognormal with sigma 0.7, in percent."""
    rng = np.random.default_rng(n)
    found = [mean_interval(rng.lognormal(0, 0.7, n), bounds=None) for _ in range(simulations)]
    return 100 * float(np.mean([each.lower <= np.exp(0.245) <= each.upper for each in found]))


if __name__ == "__main__":
    main()
