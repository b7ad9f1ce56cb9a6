from __future__ import annotations

import json

from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.testing.system.command_line import Command


def test_an_index_is_compared_and_made_anew(command: Command, services: Services, done: TrainingJob) -> None:
    assert isinstance(done.data.dataset, DatasetRef)
    assert command("index", "check") == (0, "1 datasets compared, 0 with problems.\n", "")
    with services.store.begin() as connection:
        connection.execute(text("DELETE FROM use_datasets"))
    code, out, _ = command("index", "check")
    assert (code, out.count("index rebuild --missing")) == (1, 1)
    code, _, err = command("uses", "--pair", "p-0003")
    assert (code, "index rebuild --missing" in err) == (1, True)
    for options in (("--missing",), ()):
        code, out, err = command("index", "rebuild", *options)
        assert (code, err) == (0, "")
        assert done.data.dataset.digest in out
        assert json.loads(command("index", "check", "--json")[1]) == {"datasets": 1, "problems": []}
    done.data.dataset.manifest_file.unlink()
    code, out, _ = command("index", "check", "--json")
    assert (code, json.loads(out)["problems"][0]["digest"]) == (1, done.data.dataset.digest)
    code, out, err = command("index", "rebuild")
    assert (code, "0 datasets were added to the index, 1 could not be." in out) == (1, True)
    assert str(done.data.dataset.manifest_file) in err
