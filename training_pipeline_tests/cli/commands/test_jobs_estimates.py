from __future__ import annotations

import json

from training_pipeline.app.container import Services
from training_pipeline.testing.jobs.estimated_jobs import estimated
from training_pipeline.testing.system.command_line import Command


def test_how_good_estimates_have_been(command: Command, services: Services) -> None:
    assert "No succeeded job has had an estimate of its time yet." in command("jobs", "estimates")[1]
    newest = [estimated(services.store, 100.0, 90.0 + place, place=place) for place in range(9)][-1]
    assert "9 of 9 jobs within the interval: too few to tell. Meant: 80% within the interval." in command(
        "jobs", "estimates"
    )[1].replace("\n", " ")
    last = estimated(services.store, 100.0, 300.0, place=9, base_model="other")
    code, said, errors = command("jobs", "estimates")
    assert (code, errors) == (0, "")
    said = " ".join(said.split())
    assert "90% of 10 jobs within the interval (60% to 98%), median error 7%." in said
    assert "other, lora, here: 0 of 1 job within the interval: too few to tell" in said
    assert f"{last} triage 1:40 1:20 to 2:05 5:00 -67% outside" in said
    assert newest in said
    found = json.loads(command("jobs", "estimates", "--json")[1])
    assert (found["overall"]["jobs"], len(found["jobs"]), found["kinds"][0]["share"]) == (10, 10, None)
