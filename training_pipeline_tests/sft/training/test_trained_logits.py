from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM, GPT2Config, GPT2LMHeadModel

from training_pipeline.sft.training import trained_logits
from training_pipeline.sft.training.trained_logits import trained


def batch() -> dict[str, Any]:
    """Two examples of different length, filled up on the right."""
    ids = torch.randint(3, 60, (2, 9), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    labels[0, :4] = labels[1, :2] = labels[1, 6:] = -100
    mask = torch.ones_like(ids)
    ids[1, 6:] = mask[1, 6:] = 0
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def gemma() -> Any:
    """Its logits are bent behind the output layer, and it looks only so far back."""
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config: Any = Gemma2Config(
        vocab_size=64, num_key_value_heads=1, head_dim=8, sliding_window=4, final_logit_softcapping=3.0, **sizes
    )
    return Gemma2ForCausalLM(config)


@pytest.fixture(params=["llama", "gemma", "gpt2"])
def model(request: pytest.FixtureRequest, tiny_folder: Path) -> Any:
    torch.manual_seed(1)
    if request.param == "llama":
        return AutoModelForCausalLM.from_pretrained(tiny_folder)
    if request.param == "gemma":
        return gemma()
    return GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=32, n_embd=16, n_layer=2, n_head=2))


def test_loss_and_gradients_are_those_of_all_logits(model: Any) -> None:
    model.eval()
    given = batch()
    logits = model(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).logits[:, :-1]
    targets = given["labels"][:, 1:]
    expected: Any = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    expected.backward()
    gradients = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    found: Any = trained(model, given)
    found.loss.backward()
    assert found.tokens == 5 + 4
    assert found.predicted == int((logits.argmax(-1) == targets).sum())
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-6)
    for weight, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(weight.grad, gradient, atol=1e-5)


def test_a_batch_without_a_trained_token_has_a_loss_of_nothing(tiny_folder: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_folder)
    given = batch()
    given["labels"].fill_(-100)
    found: Any = trained(model, given)
    found.loss.backward()
    assert (found.loss.item(), int(found.tokens)) == (0.0, 0)


def test_what_it_cannot_do_it_leaves_to_the_library(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_folder)
    monkeypatch.setattr(trained_logits, "MOST_LOGITS", 8)
    assert trained(model, batch()) is None  # too many logits
    monkeypatch.undo()
    head = model.get_output_embeddings()
    model.lm_head = torch.nn.Linear(head.in_features, head.out_features, bias=False)
    monkeypatch.setattr(model, "get_output_embeddings", lambda: head)
    assert trained(model, batch()) is None
    assert not head._forward_pre_hooks
