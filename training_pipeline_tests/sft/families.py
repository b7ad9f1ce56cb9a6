"""Tiny base models whose tokenizers and chat templates are in the manner of well-known families."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

_PAD: Final = "<pad>"


@dataclass(frozen=True)
class Family:
    """`eos` is what the tokenizer and the generation configuration say; `end` is how the template ends an answer."""

    name: str
    template: str
    eos: str
    end: str
    special: tuple[str, ...] = ()
    #: Added tokens that the tokenizer does not call special.
    added: tuple[str, ...] = ()
    bos: str | None = None
    #: A piece of the sentence with which the trainer refuses it, if it does.
    refused: str | None = None
    #: What the model has to write before an answer, by itself.
    lead: str = ""


_IM: Final = "{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}"
_FOR: Final = "{%- for m in messages -%}"
_END: Final = "{%- endfor -%}"

CHATML: Final = Family(
    "ChatML",
    _FOR + _IM + _END + "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}",
    eos="<|endoftext|>",
    end="<|im_end|>",
    special=("<|im_start|>", "<|im_end|>"),
)
LLAMA_3: Final = Family(
    "Llama-3",
    "{{- bos_token -}}{{- '<|start_header_id|>system<|end_header_id|>\\n\\nToday: ' + strftime_now('%d %b %Y') + "
    "'<|eot_id|>' -}}"
    + _FOR
    + "{{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + m['content'] | trim + '<|eot_id|>' -}}"
    + _END
    + "{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}",
    bos="<|begin_of_text|>",
    eos="<|end_of_text|>",
    end="<|eot_id|>",
    special=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
)
MISTRAL: Final = Family(
    "Mistral",
    "{{- bos_token -}}"
    + _FOR
    + "{%- if m['role'] == 'user' -%}{{- '[INST] ' + m['content'] + ' [/INST]' -}}"
    + "{%- elif m['role'] == 'assistant' -%}{{- ' ' + m['content'] | trim + eos_token -}}"
    + "{%- else -%}{{- raise_exception('only user and assistant') -}}{%- endif -%}"
    + _END,
    bos="<s>",
    eos="</s>",
    end="</s>",
    special=("[INST]", "[/INST]"),
)
GEMMA: Final = Family(
    "Gemma",
    "{{- bos_token -}}"
    + _FOR
    + "{%- if m['role'] == 'system' -%}{{- raise_exception('no system role') -}}{%- endif -%}"
    + "{{- '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' + m['content'] | trim "
    + "+ '<end_of_turn>\\n' -}}"
    + _END
    + "{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}",
    bos="<bos>",
    eos="<eos>",
    end="<end_of_turn>",
    added=("<start_of_turn>", "<end_of_turn>"),
)
PHI_3: Final = Family(
    "Phi-3",
    _FOR
    + "{%- if m['role'] == 'assistant' -%}{{- '<|assistant|>\\n' -}}"
    + "{% generation %}{{- m['content'] -}}{% endgeneration %}{% generation %}{{- '<|end|>\\n' -}}{% endgeneration %}"
    + "{%- else -%}{{- '<|' + m['role'] + '|>\\n' + m['content'] + '<|end|>\\n' -}}{%- endif -%}"
    + _END
    + "{%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}",
    eos="<|endoftext|>",
    end="<|end|>",
    special=("<|user|>", "<|assistant|>", "<|system|>", "<|end|>"),
)
DEEPSEEK: Final = Family(
    "DeepSeek",
    "{{- bos_token -}}"
    + _FOR
    + "{%- if m['role'] == 'user' -%}{{- '<\uff5cUser\uff5c>' + m['content'] -}}"
    + "{%- elif m['role'] == 'assistant' -%}"
    + "{{- '<\uff5cAssistant\uff5c>' + m['content'].split('</think>')[-1] + eos_token -}}"
    + "{%- else -%}{{- m['content'] -}}{%- endif -%}"
    + _END
    + "{%- if add_generation_prompt -%}{{- '<\uff5cAssistant\uff5c><think>\\n' -}}{%- endif -%}",
    bos="<\uff5cbegin▁of▁sentence\uff5c>",
    eos="<\uff5cend▁of▁sentence\uff5c>",
    end="<\uff5cend▁of▁sentence\uff5c>",
    added=("<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>", "<think>", "</think>"),
)
QWEN_3: Final = Family(
    "Qwen3",
    _FOR
    + "{%- if m['role'] == 'assistant' and loop.last -%}"
    + "{{ '<|im_start|>assistant\\n<think>\\n' }}"
    + "{{- m['content'].split('</think>')[0].split('<think>')[-1].strip('\\n') if '</think>' in m['content'] }}"
    + "{{- '\\n</think>\\n\\n' + m['content'].split('</think>')[-1].lstrip('\\n') + '<|im_end|>\\n' }}"
    + "{%- elif m['role'] == 'assistant' -%}"
    + "{{ '<|im_start|>assistant\\n' + m['content'].split('</think>')[-1].lstrip('\\n') + '<|im_end|>\\n' }}"
    + "{%- else -%}"
    + _IM
    + "{%- endif -%}"
    + _END
    + "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}",
    eos="<|endoftext|>",
    end="<|im_end|>",
    special=("<|im_start|>", "<|im_end|>"),
    added=("<think>", "</think>"),
    lead="<think>\n\n</think>\n\n",
)
NEMOTRON: Final = Family(
    "Nemotron",
    "{{- '<extra_id_0>System\\n' -}}"
    + _FOR
    + "{{- '\\n<extra_id_1>' + m['role'] | capitalize + '\\n' + m['content'] -}}"
    + _END
    + "{%- if add_generation_prompt -%}{{- '\\n<extra_id_1>Assistant\\n' -}}{%- endif -%}",
    eos="</s>",
    end="",
    special=("<extra_id_0>", "<extra_id_1>"),
    refused="writes no end token as the last part of every answer",
)
NEMOTRON_NANO: Final = Family(
    "Nemotron Nano",
    "{{- '<SPECIAL_10>System\\n' -}}"
    + _FOR
    + "{{- '\\n<SPECIAL_11>' + m['role'] | capitalize + '\\n' + m['content'] -}}"
    + "{%- if m['role'] == 'assistant' -%}{{- '<SPECIAL_12>' -}}{%- endif -%}"
    + _END
    + "{%- if add_generation_prompt -%}{{- '\\n<SPECIAL_11>Assistant\\n<think>\\n' -}}{%- endif -%}",
    eos="</s>",
    end="<SPECIAL_12>",
    special=("<SPECIAL_10>", "<SPECIAL_11>", "<SPECIAL_12>"),
    added=("<think>", "</think>"),
)
FAMILIES: Final = (CHATML, LLAMA_3, MISTRAL, GEMMA, PHI_3, DEEPSEEK, QWEN_3, NEMOTRON, NEMOTRON_NANO)


def tokenizer_of(family: Family, texts: list[str]) -> Any:
    """A byte-level tokenizer of 512 tokens at most that learned from `texts`, with the family's tokens and template."""
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bare.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    bare.add_special_tokens([_PAD, *(token for token in (family.bos, family.eos, *family.special) if token)])
    bare.add_tokens([AddedToken(token, special=False, normalized=False) for token in family.added])
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bare,
        bos_token=family.bos,
        eos_token=family.eos,
        pad_token=_PAD,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = family.template
    return tokenizer


def save_base(family: Family, folder: Path, texts: list[str]) -> Path:
    """A base model that was never trained, in `folder`."""
    tokenizer: Any = tokenizer_of(family, texts)
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    set_seed(3)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=96,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            **ids,
        )
    )
    model.generation_config = GenerationConfig(**ids)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def texts_of(rows: list[dict[str, Any]]) -> list[str]:
    """What a tokenizer learns from."""
    return [json.dumps([message["content"] for message in row["messages"]], ensure_ascii=False) for row in rows]
