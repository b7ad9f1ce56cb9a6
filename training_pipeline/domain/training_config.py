"""How to fine-tune, and what a user asks for: the configuration and the request of a training job."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.annotations import Note, Tags
from training_pipeline.domain.errors import FieldProblem

Auto = Literal["auto"]
#: The GPU nodes of Databricks.
Accelerator = Literal["GPU_1xA10", "GPU_1xH100", "GPU_8xH100", "GPU_8xB300"]
#: The greatest max_length.
MOST_TOKENS: Final = 131_072
#: The greatest batch_size.
MOST_BATCH: Final = 1024


class TrainingConfig(BaseModel):
    """The fine-tuning configuration. Every "auto" is replaced by the value used before the job is stored.

    A value out of its bounds is refused when the job is created.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1, le=50)] | Auto = Field(
        "auto", description="Number of passes over the training split.", examples=[3]
    )
    learning_rate: Annotated[float, Field(ge=1e-7, le=1e-1)] | Auto = Field(
        "auto", description="Peak learning rate.", examples=[0.0001]
    )
    batch_size: Annotated[int, Field(ge=1, le=MOST_BATCH)] | Auto = Field(
        "auto", description="Examples per optimizer step, over all devices and accumulation steps.", examples=[8]
    )
    method: Literal["full", "lora"] | Auto = Field(
        "auto", description="Full fine-tuning, or LoRA adapters (PEFT).", examples=["lora"]
    )
    lora_rank: Annotated[int, Field(ge=1, le=512)] = Field(16, description="LoRA: rank of the adapters.", examples=[16])
    lora_alpha: Annotated[int, Field(ge=1, le=1024)] = Field(
        32, description="LoRA: scale of the adapters.", examples=[32]
    )
    lora_dropout: Annotated[float, Field(ge=0, le=0.9)] = Field(
        0.0, description="LoRA: dropout in the adapters.", examples=[0.05]
    )
    max_length: Annotated[int, Field(ge=16, le=MOST_TOKENS)] | Auto = Field(
        "auto", description="Maximum tokens per example; longer ones are truncated and counted.", examples=[1024]
    )
    gradient_accumulation_steps: Annotated[int, Field(ge=1, le=256)] = Field(
        1, description="Backward passes per optimizer step; must divide batch_size.", examples=[1]
    )
    warmup_ratio: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.05, description="Share of the steps used for warm-up.", examples=[0.05]
    )
    lr_scheduler: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="Learning rate schedule after warm-up.", examples=["cosine"]
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Decoupled weight decay of AdamW.", examples=[0.01]
    )
    max_grad_norm: Annotated[float, Field(gt=0, le=100)] = Field(
        1.0, description="Maximum norm for gradient clipping.", examples=[1.0]
    )
    early_stopping_patience: Annotated[int, Field(ge=0, le=100)] = Field(
        0,
        description="Stop after this many evaluations without a better validation loss; 0 disables early stopping.",
        examples=[3],
    )
    evaluations_per_epoch: Annotated[int, Field(ge=1, le=20)] = Field(
        1, description="Evaluations per epoch.", examples=[2]
    )
    checkpoint_minutes: Annotated[float, Field(gt=0, le=1440)] = Field(
        5.0, description="Time between checkpoints, lost at most if the trainer is killed.", examples=[5.0]
    )
    precision: Literal["bf16", "fp32"] | Auto = Field(
        "auto", description="Number format of the computation.", examples=["bf16"]
    )
    exact_match_questions: Annotated[int, Field(ge=0, le=1000)] = Field(
        0,
        description="Validation questions that the model answers before and after training, scored by exact match.",
        examples=[50],
    )
    allow_never_stops: bool = Field(
        False,
        description="Keep a model that ends none of its answers to validation questions; otherwise the job fails.",
        examples=[False],
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        42, description="Seed for initialisation and shuffling.", examples=[42]
    )
    accelerator: Accelerator | Auto | None = Field(
        "auto",
        description="Databricks: type of the GPU node; null for the local backend.",
        examples=["auto", "GPU_1xH100"],
    )
    accelerator_count: Annotated[int, Field(ge=1, le=64)] | Auto | None = Field(
        "auto", description="Databricks: total number of GPUs; null for the local backend.", examples=["auto", 1]
    )
    timeout_minutes: Annotated[float, Field(gt=0, le=43200)] = Field(
        1440.0, description="Time limit in minutes; after it the job ends as `timeout`.", examples=[120.0]
    )


#: What a part of the full name of a model cannot hold: Unity Catalog, an address or a filter would not take it.
_NOT_IN_NAMES: Final = re.compile(r"[./:'\s\x00-\x1f\x7f]")


class JobRequest(BaseModel):
    """A user's request for a training job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training_sheet_id: str = Field(
        min_length=1, max_length=128, description="Id of the training sheet to train on.", examples=["sheet-123"]
    )
    model_name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Name of the model to register.", examples=["triage-model"]
    )
    base_model: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        description="Base model to fine-tune. Default: the backend's default model.",
        examples=["builtin:tiny"],
    )
    training_config: TrainingConfig = Field(
        TrainingConfig(),
        description='Fine-tuning configuration; missing keys are "auto" or have their default.',
        examples=[{"epochs": 3, "learning_rate": 0.0001}],
    )
    train_val_split: float = Field(
        0.8, ge=0.1, le=0.95, description="Share of the pairs in the training split.", examples=[0.8]
    )
    split_seed: str | None = Field(
        None,
        max_length=128,
        description="Seed of the split. Default: derived from the training sheet's id.",
        examples=["2026-11"],
    )
    split_predecessor: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        description="Training job whose split is kept. Default: the last succeeded one of the same training sheet and "
        "model name.",
        examples=["tj-20261123-072145-9f3a2c"],
    )
    fresh_split: bool = Field(
        False,
        description="Make a new split, without a predecessor: it may validate on pairs that an earlier model was "
        "trained on.",
        examples=[False],
    )
    register_to_uc: bool = Field(
        True, description="Register a model version; otherwise the model is kept as an artifact.", examples=[True]
    )
    uc_catalog: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="Unity Catalog: catalog for the model, a name without . / : ' and blanks.",
        examples=["ml"],
    )
    uc_schema: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="Unity Catalog: schema for the model, a name without . / : ' and blanks.",
        examples=["models"],
    )
    note: Note = ""
    tags: Tags = Field(default_factory=list)


def problems_of_names(request: JobRequest) -> list[FieldProblem]:
    """The names in Unity Catalog under which no model can be registered.

    Asked of what is to be created, not of what is on record: earlier versions took any name.
    """
    if not request.register_to_uc:
        return []
    return [
        FieldProblem(f"/{field}", "invalid_name", f"must be a name without . / : ' and blanks (got {name!r})")
        for field in ("uc_catalog", "uc_schema")
        if (name := getattr(request, field)) is not None and _NOT_IN_NAMES.search(name)
    ]
