"""The estimate of a job that is planned or created: from this installation's history and the users' price list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from training_pipeline.backends.local.speed import measured_speed
from training_pipeline.domain.advice.facts import Facts
from training_pipeline.domain.estimate.estimate import Estimate, cost_of, time_of
from training_pipeline.domain.estimate.prices import LOCAL, PriceList, price_list
from training_pipeline.domain.training_config import Accelerator
from training_pipeline.infra.files import NotAFile, read_at_most
from training_pipeline.training_jobs.store.history import past_jobs
from training_pipeline.training_jobs.store.jobs import JobStore


@dataclass(frozen=True, slots=True)
class Estimator:
    """Estimates jobs. The price file is read each time, so that a change of it counts at once."""

    store: JobStore
    price_file: Path | None = None
    speed_file: Path | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def estimate(self, facts: Facts, training_sheet_id: str) -> Estimate:
        """How long a job trains and what it costs, or why that is not known. Reads."""
        machine = facts.model.machine
        jobs, speed = [], None
        if machine is not None:
            jobs = past_jobs(self.store, base_model=facts.base_model, method=facts.config.method, machine=machine)
            speed = None if self.speed_file is None else measured_speed(self.speed_file, machine)
        time = time_of(facts, training_sheet_id, jobs, speed=speed)
        prices = None if self.price_file is None else read_prices(self.price_file)
        cost = cost_of(time, prices, facts.config.accelerator or LOCAL)
        if not isinstance(prices, PriceList):
            return Estimate(time=time, cost=cost)
        notes = prices.notes(self.clock().date(), [LOCAL, *get_args(Accelerator)])
        return Estimate(time=time, cost=cost, currency=prices.currency, notes=tuple(notes))


def usable_prices(file: Path | None) -> PriceList | None:
    """The price list in a file; null where there is none, or it cannot be used. Reads."""
    found = None if file is None else read_prices(file)
    return found if isinstance(found, PriceList) else None


def read_prices(file: Path) -> PriceList | str:
    """The price list in a file, or what is wrong with it. Reads."""
    # Only here: where there is no list, nobody waits for YAML.
    from training_pipeline.sheets.bounded_yaml import LARGEST, BrokenYaml, load

    try:
        return price_list(load(read_at_most(file, LARGEST + 1)))
    except NotAFile as error:
        return f"{file} {error}"
    except OSError as error:
        return f"{file} cannot be read ({error.strerror})"
    except BrokenYaml as broken:
        where = "" if broken.line is None else f"line {broken.line}: "
        return f"{where}{broken.message}"
