"""The registered model as MLflow loads it: chats in, the assistant's answers out. This file travels with the model."""

from __future__ import annotations

import itertools
from typing import Any

import mlflow
from mlflow import pyfunc


class Chat(pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    """Answers chats with the fine-tuned model in the artifact `model`."""

    def load_context(self, context: Any) -> None:
        """Load weights and tokenizer, to a GPU where there is one; no code from outside is run."""
        import runpy

        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder = context.artifacts["model"]
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype="auto"
        )
        self.model = model.to(self.device).eval()
        # The trainer's own way from chats to tokens.
        self.written: Any = runpy.run_path(context.artifacts["plain_text"])
        self.chats: Any = self.written["PlainText"](self.tokenizer, self.tokenizer.chat_template)

    # Without hints on the input: MLflow would take them for a schema, where the signature is one.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """One answer for each chat in the column `messages`; `max_new_tokens` is a parameter.

        The column `tools`, which may be left out, holds the definitions of the tools that may be called, as JSON text.
        """
        import torch

        del context
        most = int((params or {}).get("max_new_tokens", 256))
        answers = []
        defined = model_input["tools"] if "tools" in model_input else itertools.repeat(None)
        for messages, tools in zip(model_input["messages"], defined, strict=False):
            chat = [self.written["as_message"](message) for message in messages]
            given = self.written["as_tools"](tools if isinstance(tools, str | list) else None)
            prompt = torch.tensor([self.chats.prompt(chat, tools=given)], device=self.device)
            with torch.inference_mode():
                output = self.model.generate(
                    input_ids=prompt,
                    attention_mask=torch.ones_like(prompt),
                    max_new_tokens=most,
                    do_sample=False,
                    pad_token_id=self.tokenizer.pad_token_id,
                )
            answers.append(self.tokenizer.decode(output[0, prompt.shape[1] :], skip_special_tokens=True))
        return answers


mlflow.models.set_model(Chat())
