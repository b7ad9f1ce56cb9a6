from __future__ import annotations

from training_pipeline.testing.jobs.jobs import new_job, point
from training_pipeline.training_jobs.store.best_values import At, BestAndLast, best_and_last
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.metrics import add_points


def test_the_first_of_the_best_and_the_last_of_each_series(store: JobStore) -> None:
    measured, other, silent = (store.create(new_job(), message="Created.") for _ in range(3))
    losses = [0.9, 0.4, 0.6, 0.4, 0.5]
    points = [point("val_loss", 10 * n, loss) for n, loss in enumerate(losses, start=1)]
    points += [point("val_accuracy", 10 * n, 1 - loss) for n, loss in enumerate(losses, start=1)]
    points += [point("train_loss", 60, 0.0)]
    add_points(store, measured, points, len(points))
    add_points(store, other, [point("train_loss", 7, 3.0)], 1)
    found = best_and_last(store, [measured.id, other.id, silent.id])
    assert found == {
        measured.id: {
            "val_loss": BestAndLast(At(20, 0.4), At(50, 0.5)),
            "val_accuracy": BestAndLast(At(20, 0.6), At(50, 0.5)),
            "train_loss": BestAndLast(At(60, 0.0), At(60, 0.0)),
        },
        other.id: {"train_loss": BestAndLast(At(7, 3.0), At(7, 3.0))},
    }
