"""How honest the intervals of an evaluation are: simulated evaluations of models whose quality is known.

    python bench/intervals.py                       # 5,000 evaluations a line, about a minute of processor time
    python bench/intervals.py --simulations 500

For each number of questions and accuracy: how often the interval holds the accuracy (Wilson), how often that of a
difference holds the difference, how often a model that is no better is called better, and how often one that is worse
by exactly the margin is shipped. The worst of three kinds of dependence between the two models is shown. Scores that
are no proportions come from a Beta distribution (many answers all right or all wrong) and, as losses do, from a
lognormal one. For losses it is also shown how often a model is shipped that is worse by exactly the margin, by a skewed
loss or by a heavy one of few pairs.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from training_pipeline.models.evaluation.intervals import mean_interval
from training_pipeline.models.evaluation.metrics import METRICS
from training_pipeline.testing.models.simulated_evaluations import (
    TOGETHER,
    against,
    coverage,
    shipped_though_rarely_lost,
    shipped_though_skewed,
)

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
    for n in (30, 100, 400, 1_000):
        few = max(100, simulations // (5 if n < 400 else 10))
        print(f"{n:4}  bits_per_byte, shipped though worse by exactly the margin, or no better")
        for margin in (0.0, 0.05, 0.5):
            rare = [
                100 * shipped_though_rarely_lost(n, share, loss, margin=margin)
                for share in (0.005, 0.01, 0.02, 0.03, 0.1)
                for loss in (0.5, 1, 2, 5, 8)
                if share * loss >= margin
            ]
            skewed = [
                100 * shipped_though_skewed(n, sigma, worse=margin, simulations=few, seed=n)
                for sigma in (0.7, 1.5)
                if margin
            ]
            print(f"      margin {margin:4}: rare heavy losses {max(rare):5.1f}   skewed {max(skewed, default=0):5.1f}")
    print(f"{time.process_time() - began:.0f} s of processor time")


def scores(n: int, simulations: int) -> float:
    """How often the interval holds the mean of a Beta(0.5, 0.2), in percent."""
    rng = np.random.default_rng(n)
    found = [mean_interval(rng.beta(0.5, 0.2, n), bounds=(0, 1)) for _ in range(simulations)]
    return 100 * float(np.mean([each.lower <= 0.5 / 0.7 <= each.upper for each in found]))


def losses(n: int, simulations: int) -> float:
    """How often the interval holds the mean of a lognormal with sigma 0.7, in percent."""
    rng, bounds = np.random.default_rng(n), METRICS["token_loss"].bounds
    found = [mean_interval(rng.lognormal(0, 0.7, n).clip(max=12.5), bounds=bounds) for _ in range(simulations)]
    return 100 * float(np.mean([each.lower <= np.exp(0.245) <= each.upper for each in found]))


if __name__ == "__main__":
    main()
