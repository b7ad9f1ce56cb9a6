"""The built-in base model: a small Llama and a byte-level BPE tokenizer, made offline from the training split alone."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ..config import MIN_POSITIONS, TinySize
from ..encoding.data import read_examples
from ..encoding.templates import CHATML, END, PAD, START

#: The tokenizer learns from this many examples at most: more change nothing but the time it takes.
TOKENIZER_EXAMPLES: Final = 50_000


def create(
    target: Path, train_file: Path, size: TinySize, *, max_length: int, seed: int, ids: Iterable[str] = ()
) -> None:
    """Write model and tokenizer to `target`, all at once. The same input and seed give the same bytes. Idempotent.

    The vocabulary may turn out smaller than `size` says where the training split has too little text. `ids` are the
    pair ids of its lines, in order, for errors.
    """
    if target.exists():
        return
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    # Single digits: a small vocabulary cannot hold every number, and arithmetic is done digit by digit.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        itertools.islice(_texts(train_file, ids), TOKENIZER_EXAMPLES),
        trainers.BpeTrainer(
            vocab_size=size.vocab_size,
            special_tokens=[PAD, START, END],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START],
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHATML
    ids = {"pad_token_id": fast.pad_token_id, "eos_token_id": fast.eos_token_id, "bos_token_id": None}
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(fast),
            hidden_size=size.hidden_size,
            intermediate_size=size.intermediate_size,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.heads,
            max_position_embeddings=max(MIN_POSITIONS, max_length),
            tie_word_embeddings=True,
            **ids,
        )
    )
    model.generation_config = GenerationConfig(**ids)  # type: ignore[no-untyped-call]
    half_done = target.with_name(f"{target.name}.tmp")
    shutil.rmtree(half_done, ignore_errors=True)
    model.save_pretrained(half_done)
    fast.save_pretrained(half_done)
    half_done.rename(target)


def _texts(train_file: Path, ids: Iterable[str]) -> Iterator[str]:
    """What the template writes between special tokens, an example at a time."""
    for example in read_examples(train_file, "train_file", ids=ids):
        parts = [f"tools\n{json.dumps(example.tools)}\n"] if example.tools else []
        for message in example.messages:
            calls = "".join(f"\n<tool_call>{json.dumps(call)}</tool_call>" for call in message.get("tool_calls", ()))
            parts.append(f"{message['role']}\n{message['content']}{calls}\n")
        yield "\n".join(parts)
