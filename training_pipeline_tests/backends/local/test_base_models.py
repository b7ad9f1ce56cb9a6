from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from training_pipeline.backends.hub import HubModel
from training_pipeline.backends.local.base_models import ChosenModel, ModelCatalogue
from training_pipeline.backends.local.machine import Machine
from training_pipeline.backends.local.model_facts import model_facts
from training_pipeline.domain.errors import BaseModelChanged, FieldProblem, InvalidRequest
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.sft.config import BUILTIN_TINY
from training_pipeline.testing.servers.hub import ScriptedHub
from training_pipeline.testing.trainers.local_backend import stand_in_backend


def model(directory: Path, **config: object) -> Path:
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config))
    return directory


@pytest.fixture
def models(tmp_path: Path) -> Path:
    model(tmp_path / "models" / "small", architectures=["LlamaForCausalLM"], max_position_embeddings=512)
    model(tmp_path / "models" / "owner" / "big", model_type="qwen3")
    (tmp_path / "models" / "no-model").mkdir()
    return tmp_path / "models"


def test_the_built_in_model_is_the_default(models: Path) -> None:
    offers = ModelCatalogue(models).offers()
    assert [offer.id for offer in offers] == [BUILTIN_TINY, str(models / "owner" / "big"), str(models / "small")]
    assert [offer.default for offer in offers] == [True, False, False]
    assert "LlamaForCausalLM" in offers[2].description
    assert offers[2].context_length == 512
    assert ModelCatalogue(None).choose(None) == ChosenModel(BUILTIN_TINY, from_scratch=True)
    assert len(ModelCatalogue(models / "missing").offers()) == 1


def test_a_local_model_goes_by_name_or_path(models: Path, tmp_path: Path) -> None:
    catalogue = ModelCatalogue(models)
    assert catalogue.choose("small") == ChosenModel(str(models / "small"), context_length=512)
    assert catalogue.choose(str(models / "small")) == catalogue.choose("small")
    assert catalogue.choose("owner/big") == ChosenModel(str(models / "owner" / "big"))
    elsewhere = model(tmp_path / "elsewhere")
    assert catalogue.choose(str(elsewhere)) == ChosenModel(str(elsewhere))
    gpt_2 = model(tmp_path / "gpt-2", n_positions=1024)
    assert catalogue.choose(str(gpt_2)) == ChosenModel(str(gpt_2), context_length=1024)


def test_a_hugging_face_id_is_taken_as_it_is() -> None:
    assert ModelCatalogue(None).choose("Qwen/Qwen3-0.6B") == ChosenModel("Qwen/Qwen3-0.6B")


def test_only_what_is_allowed_may_be_named(models: Path, tmp_path: Path) -> None:
    ours, theirs = model(tmp_path / "ours" / "one"), model(tmp_path / "theirs" / "one")
    (tmp_path / "ours" / "link").symlink_to(theirs)
    (tmp_path / "link").symlink_to(ours)
    (tmp_path / "ours" / "no-model").mkdir()
    (model(tmp_path / "ours" / "no-json") / "config.json").write_text("{")
    catalogue = ModelCatalogue(models, allowed=[f"{tmp_path}/ours/*", "Qwen/*"])

    def is_taken(name: str) -> bool:
        return isinstance(catalogue.choose(name), ChosenModel)

    named = ["small", "builtin:tiny", str(models / "small"), str(ours), str(tmp_path / "link"), "Qwen/Qwen3-0.6B"]
    assert [name for name in named if not is_taken(name)] == []
    assert catalogue.choose(str(tmp_path / "link")) == ChosenModel(str(ours)), "where it leads now"
    refused = [
        *(tmp_path / "ours" / name for name in ("none", "no-model", "no-json")),
        theirs,
        tmp_path / "theirs" / "none",
        tmp_path / "ours" / "link",
        f"{tmp_path}/ours/../theirs/one",
    ]
    for name in (*map(str, refused), "meta-llama/Llama-3.2-1B"):
        problem = catalogue.choose(name)
        assert isinstance(problem, FieldProblem)
        assert problem.code == "not_allowed"
        told = problem.message.replace(name, "NAME")  # the same, whether there is such a model or not
        assert told.startswith("there is no base model NAME that may be used here. On offer: builtin:tiny, ")
        assert told.endswith(f"or a model that matches {tmp_path}/ours/*, Qwen/*")


def test_links_that_are_exchanged_after_the_choice_lead_nowhere_else(tmp_path: Path) -> None:
    ours, theirs = model(tmp_path / "ours" / "one"), model(tmp_path / "theirs" / "one")
    catalogue = ModelCatalogue(None, allowed=[f"{tmp_path}/ours/*"])
    assert catalogue.choose(str(ours)) == ChosenModel(str(ours))
    assert catalogue.identify(str(ours), None).files
    ours.rename(tmp_path / "away")
    ours.symlink_to(theirs)
    with pytest.raises(BaseModelChanged, match="leads elsewhere"):
        catalogue.identify(str(ours), None)
    (tmp_path / "ours" / "two").symlink_to(tmp_path / "away")
    with pytest.raises(BaseModelChanged):  # where it may lead by itself, but was a folder
        ModelCatalogue(None, allowed=["*"]).identify(str(tmp_path / "ours" / "two"), None)


def test_a_folder_with_a_link_to_what_may_not_be_named_is_not_taken(tmp_path: Path) -> None:
    ours, theirs = model(tmp_path / "ours" / "one"), model(tmp_path / "theirs" / "one")
    catalogue = ModelCatalogue(None, allowed=[f"{tmp_path}/ours/*"])
    (ours / "blobs").mkdir()
    (ours / "blobs" / "a").write_text("{}")
    (ours / "a.json").symlink_to("blobs/a")
    assert catalogue.choose(str(ours)) == ChosenModel(str(ours)), "as in a cache of the Hub"
    (ours / "model.safetensors").symlink_to(theirs / "config.json")
    problem = catalogue.choose(str(ours))
    assert isinstance(problem, FieldProblem)
    assert problem.code == "not_allowed"
    with pytest.raises(BaseModelChanged):
        catalogue.identify(str(ours), None)
    assert ModelCatalogue(None).choose(str(ours)) == ChosenModel(str(ours)), "where everything may be named"


def test_a_model_is_known_by_its_files_or_its_commit(models: Path) -> None:
    catalogue = ModelCatalogue(models, hub=ScriptedHub({"Qwen/Qwen3-0.6B": HubModel("c0ffee", "apache-2.0")}))
    assert catalogue.identify(BUILTIN_TINY, None) == BaseModelRecord(reference=BUILTIN_TINY)
    known = {"reference": "Qwen/Qwen3-0.6B", "revision": "c0ffee", "licence": "apache-2.0"}
    assert catalogue.identify("Qwen/Qwen3-0.6B", None) == BaseModelRecord(**known, resolved_at="launch")
    assert catalogue.identify("Qwen/Qwen3-0.6B", "c0ffee") == BaseModelRecord(**known, resolved_at="creation")
    assert catalogue.identify("Qwen/unknown", None) == BaseModelRecord(reference="Qwen/unknown")
    assert catalogue.revision("Qwen/Qwen3-0.6B") == "c0ffee"
    assert catalogue.revision(BUILTIN_TINY) is catalogue.revision(str(models / "small")) is None
    small = models / "small"
    config = hashlib.sha256((small / "config.json").read_bytes()).hexdigest()
    before = catalogue.identify(str(small), None)
    assert before == BaseModelRecord(reference=str(small), files={"config.json": config})
    (small / "model.safetensors").write_bytes(b"weights")
    assert catalogue.identify(str(small), None).digest != before.digest


@pytest.mark.parametrize(
    "name", ["builtin:tini", "smal", "gpt", "", "a/b/c", "../small", "a--b/c", "https://x/y", "a/b.git"]
)
def test_what_is_unknown_is_refused_with_what_is_on_offer(models: Path, name: str) -> None:
    problem = ModelCatalogue(models).choose(name)
    assert isinstance(problem, FieldProblem)
    assert (problem.pointer, problem.code) == ("/base_model", "unknown")
    assert str(models / "small") in problem.message
    near = {"builtin:tini": "builtin:tiny", "smal": "small"}.get(name)
    assert (f"did you mean '{near}'" in problem.message) == (near is not None) or name == "../small"


def test_a_path_that_is_no_model_says_why(models: Path) -> None:
    catalogue = ModelCatalogue(models)
    (models / "no-json").mkdir()
    (models / "no-json" / "config.json").write_text("{")
    said = {name: catalogue.choose(str(models / name)) for name in ("missing", "no-model", "no-json")}
    codes = {name: problem.code for name, problem in said.items() if isinstance(problem, FieldProblem)}
    assert codes == {"missing": "not_found", "no-model": "not_a_model", "no-json": "unreadable"}


BROKEN = {
    "config.json": [
        *(f'{{"architectures": {said}}}' for said in ("5", '{"a": 1}', "[]", "[null]", '""')),
        *('{"model_type": ["a"]}', '{"text_config": 5}', "[1]", '{"max_position_embeddings": 1%s}' % ("0" * 4000)),
        *("[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, "\xff"),
    ],
    "model.safetensors": [
        *(
            len(header).to_bytes(8, "little").decode("latin-1") + header
            for header in (
                "[" * 5000,
                *(f'{{"a": {{"shape": {shape}}}}}' for shape in ('"x"', '["x"]', "[1e999]", "[-1]", f"[{10**400}]")),
            )
        )
    ],
    "README.md": ["---\nlicense: 1%s\n---\n" % (":1" * 100_000), "---\n" + "[" * 100_000 + "\n---\n"],
}


@pytest.mark.parametrize(("name", "said"), [(name, said) for name, all_of_it in BROKEN.items() for said in all_of_it])
def test_a_broken_folder_is_listed_and_stops_nothing(models: Path, name: str, said: str) -> None:
    (models / "small" / name).write_text(said, encoding="latin-1")
    catalogue = ModelCatalogue(models)
    offer = catalogue.offers()[2]
    assert offer.id == str(models / "small")
    assert offer.parameters is None
    assert (offer.context_length or 0) < 2**63
    assert "small" in catalogue.choose("smal").message  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "README.md", "tokenizer_config.json"])
@pytest.mark.parametrize("place", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_neither_does_what_is_no_file(models: Path, name: str, place: Callable[[Path], None]) -> None:
    folder = models / "small"
    (folder / name).unlink(missing_ok=True)
    place(folder / name)
    catalogue = ModelCatalogue(models)
    assert str(folder) in [offer.id for offer in catalogue.offers()]
    assert model_facts(str(folder), Machine("m", 1, gpu=False)).parameters is None
    assert (name != "config.json") == isinstance(catalogue.choose(str(folder)), ChosenModel)


def test_a_plan_refuses_everything_at_once_and_leaves_no_auto(tmp_path: Path) -> None:
    backend = stand_in_backend(tmp_path)
    config = TrainingConfig(batch_size=8, gradient_accumulation_steps=3)
    with pytest.raises(InvalidRequest) as refused:
        backend.plan("builtin:huge", config, train_pairs=100)
    assert [problem.pointer for problem in refused.value.problems] == [
        "/base_model",
        "/training_config/gradient_accumulation_steps",
    ]
    plan = backend.plan(None, TrainingConfig(), train_pairs=400)
    assert plan.base_model == BUILTIN_TINY
    assert (plan.config.epochs, plan.config.method, plan.config.max_length) == (8, "full", 384)
    assert plan.config.precision in {"bf16", "fp32"}


def test_an_offer_says_size_licence_and_whether_the_memory_holds_it(models: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1000, 1000], "data_offsets": [0, 4_000_000]}}).encode()
    (models / "small" / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (models / "small" / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    for memory, held in ((10**9, True), (10**6, False)):
        tiny, unknown, small = ModelCatalogue(models, machine=Machine("m", memory, gpu=False)).offers()
        assert (small.parameters, small.licence, small.fits) == (1_000_000, "apache-2.0", held)
        assert (tiny.fits, unknown.parameters, unknown.licence, unknown.fits) == (True, None, None, None)
