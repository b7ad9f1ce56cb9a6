"""Tokens a second of our training program, of TRL's SFTTrainer alone and of a bare PyTorch loop: the same pairs, model,
optimizer, batch size and number format.

    python bench/train.py                            # 2,000 pairs, 4 M parameters, 12 rounds of 20 steps
    python bench/train.py --vocab-size 16384 --rounds 8
    python bench/train.py --only program --profile   # where our own steps spend their time

Each contender is a process of its own with one thread, which trains only while it is its turn; the turns of a round
follow each other, in another order each round, so that a busy machine hits all alike. Every contender sees every pair
once, so all of them train on the same tokens in the end. Tokens are those that are no padding. Seconds of the
processor leave out that other programs had it, and have in them what our program does beside its steps. The
pairs are random words as many as questions and answers in words of primary-school arithmetic have (9 to 183 and 4 to
216), their lengths log-normal as there.

`loop, grouped` is the bare loop on the batches that our program makes: what is left between the two is the program.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CONTENDERS = ("program", "trl", "loop", "loop, grouped")
SEED = 42
RATE = 1e-3
#: Mean and deviation of the logarithm of the number of words, and the most and fewest there are.
QUESTION = (3.74, 0.37, 9, 183)
ANSWER = (3.81, 0.54, 4, 216)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=20, help="steps of a turn")
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocab-size", type=int, default=2048)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--profile", action="store_true", help="print where the processor was, with cProfile")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    needed = given.batch * (given.warm_up + given.rounds * given.steps + 1)
    if given.pairs < needed:  # nobody may come to the end of an epoch, where our program evaluates
        parser.error(f"--pairs must be {needed} at least")
    if given.contender:
        train(given)
        return
    with tempfile.TemporaryDirectory(prefix="tp-bench-") as folder:
        make(Path(folder), given)
        turns = measure(Path(folder), given)
    report(turns, given)


def make(folder: Path, given: argparse.Namespace) -> None:
    """The pairs, and the built-in model that all train."""
    from training_pipeline.sft.config import TinySize
    from training_pipeline.sft.model import tiny

    rng = random.Random(SEED)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(rng.choices(letters, range(27, 1, -1), k=rng.randint(2, 8))) for _ in range(2000)]
    often = [1 / (place + 5) for place in range(len(words))]

    def text(mean: float, deviation: float, fewest: int, most: int) -> str:
        count = round(rng.lognormvariate(mean, deviation))
        return " ".join(rng.choices(words, often, k=min(most, max(fewest, count))))

    for name, count in (("train", given.pairs), ("validation", 40)):
        rows = [
            {
                "messages": [
                    {"role": "user", "content": text(*QUESTION)},
                    {"role": "assistant", "content": text(*ANSWER)},
                ]
            }
            for _ in range(count)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    size = TinySize(given.vocab_size, given.hidden_size, given.layers, 3 * given.hidden_size, 4)
    tiny.create(folder / "base", folder / "train.jsonl", size, max_length=1024, seed=SEED)


def measure(folder: Path, given: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """What each contender said of each of its turns."""
    alone = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, *sys.argv, "--folder", str(folder), "--contender"]
    processes = {
        name: subprocess.Popen(
            [*command, name], env=os.environ | alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in given.only
    }
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in processes}

    def hear(name: str) -> dict[str, float]:
        for line in processes[name].stdout or ():
            if line.startswith('{"'):
                told: dict[str, float] = json.loads(line)
                return told
        sys.exit(f"{name} ended before its turns were over")

    try:
        for name in processes:
            print(f"{name}: {hear(name)['parameters']:,} parameters", flush=True)
        for number in range(given.rounds):
            for name in random.Random(number).sample(list(processes), len(processes)):
                stdin = processes[name].stdin
                assert stdin is not None
                stdin.write("go\n")
                stdin.flush()
                told = hear(name)
                turns[name].append(told)
                print(f"round {number + 1}, {name}: {told}", flush=True)
    finally:
        for process in processes.values():
            if process.stdin:
                process.stdin.close()
            process.wait()
    return turns


def report(turns: dict[str, list[dict[str, float]]], given: argparse.Namespace) -> None:
    """Tokens a second, and how they compare. Of each figure the median over the rounds; `all` is over all steps."""
    rates = {
        kind: {name: [turn["tokens"] / turn[kind] for turn in told] for name, told in turns.items()}
        for kind in ("clock", "processor")
    }
    print(f"{given.rounds} rounds of {given.steps} steps, batch size {given.batch}, {given.precision}, one thread")
    for kind, rate in rates.items():
        print(f"tokens a second of the {kind}")
        for name, told in turns.items():
            overall = sum(turn["tokens"] for turn in told) / sum(turn[kind] for turn in told)
            shown = [f"{name:<15}{statistics.median(rate[name]):9,.0f}", f"all {overall:9,.0f}"]
            for other in ("trl", "loop"):
                if other in rate and name != other:
                    ratios = [mine / its for mine, its in zip(rate[name], rate[other], strict=True)]
                    whole = sum(turn["tokens"] for turn in turns[other]) / sum(turn[kind] for turn in turns[other])
                    shown.append(f"of {other} {statistics.median(ratios):5.2f} (all {overall / whole:5.2f})")
            print("  " + "   ".join(shown))


class Turns:
    """Lets its process train only while it is its turn, and tells what was done in it."""

    def __init__(self, given: argparse.Namespace, parameters: int) -> None:
        self.given, self.parameters = given, parameters
        self.done = self.tokens = 0
        self.left = given.warm_up
        self.began = (0.0, 0.0)
        self.profile: Any = None

    def step(self) -> None:
        """After each step. Ends the process with the last turn."""
        self.done += 1
        self.left -= 1
        if self.left:
            return
        if self.done == self.given.warm_up:
            told: dict[str, float] = {"parameters": self.parameters}
        else:
            clock, processor = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
            told = {"tokens": self.tokens, "clock": clock, "processor": processor}
        if self.profile:
            self.profile.disable()
        print(json.dumps(told), flush=True)
        if not sys.stdin.readline():
            self.end()
        if self.given.profile:
            import cProfile

            self.profile = self.profile or cProfile.Profile()
            self.profile.enable()
        self.tokens, self.left = 0, self.given.steps
        self.began = time.perf_counter(), time.process_time()

    def end(self) -> None:
        """End at once: what training does at its end is not measured."""
        if self.profile:
            import pstats

            for order in ("tottime", "cumulative"):
                pstats.Stats(self.profile, stream=sys.stderr).sort_stats(order).print_stats(45)
        os._exit(0)


def train(given: argparse.Namespace) -> None:
    """Be one of the contenders."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    start: dict[str, Callable[[argparse.Namespace], None]] = {
        "program": program,
        "trl": trl,
        "loop": loop,
        "loop, grouped": loop,
    }
    start[given.contender](given)


def program(given: argparse.Namespace) -> None:
    """Our training program as it is, in this process."""
    from training_pipeline.sft.config import parse
    from training_pipeline.sft.environment import set_environment
    from training_pipeline.sft.run_dir import RunDir, Status
    from training_pipeline.sft.stop import StopRequest

    set_environment([str(given.folder / "base")])
    from training_pipeline.sft.training import train as module

    trainer: Any = module
    prepare = trainer.prepare

    def watched(*arguments: Any) -> Any:
        prepared = prepare(*arguments)
        prepared.trainer.add_callback(counted(Turns(given, prepared.base.parameters), prepared.trainer))
        return prepared

    trainer.prepare = watched
    config = parse(configuration(given))
    run = RunDir(config.run_dir)
    run.create()
    module.train(config, run, Status(run.status), StopRequest())


def configuration(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "schema": 1,
        "run_dir": str(given.folder / "run"),
        "train_file": str(given.folder / "train.jsonl"),
        "validation_file": str(given.folder / "validation.jsonl"),
        "base_model": str(given.folder / "base"),
        "model_name": "bench",
        "epochs": 1,
        "learning_rate": RATE,
        "batch_size": given.batch,
        "max_length": 1024,
        "precision": given.precision,
        "seed": SEED,
    }


def counted(turns: Turns, trainer: Any) -> Any:
    """A callback that tells `turns` of each step; the trainer tells it the tokens that the step trains on."""
    from transformers import TrainerCallback

    training_step = trainer.training_step

    def counting(model: Any, inputs: dict[str, Any], *others: Any) -> Any:
        turns.tokens += int(inputs["attention_mask"].sum())
        return training_step(model, inputs, *others)

    trainer.training_step = counting

    class Step(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            turns.step()

    return Step()


def rows(given: argparse.Namespace) -> Any:
    """The pairs as our program encodes them, so that all train on the same tokens and labels."""
    from datasets import Dataset
    from transformers import AutoTokenizer

    from training_pipeline.sft.encoding.chat_format import chat_format
    from training_pipeline.sft.encoding.token_file import write_tokens

    chat = chat_format(AutoTokenizer.from_pretrained(given.folder / "base"), str(given.folder / "base"))
    target = given.folder / f"tokens-{given.contender}" / "train.arrow"
    write_tokens(given.folder / "train.jsonl", "train_file", chat, 1024, target)
    return Dataset.from_file(str(target))


def trl(given: argparse.Namespace) -> None:
    """TRL's trainer with what it needs to train the same, and nothing else."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    model = AutoModelForCausalLM.from_pretrained(given.folder / "base", dtype="float32")
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(given.folder / "trl"),
            per_device_train_batch_size=given.batch,
            num_train_epochs=1,
            learning_rate=RATE,
            lr_scheduler_type="cosine",
            warmup_steps=0.05,
            bf16=given.precision == "bf16",
            gradient_checkpointing=False,
            use_cpu=True,
            seed=SEED,
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        ),
        train_dataset=rows(given),
        processing_class=AutoTokenizer.from_pretrained(given.folder / "base"),
    )
    trainer.add_callback(counted(Turns(given, model.num_parameters()), trainer))
    trainer.train()


def loop(given: argparse.Namespace) -> None:
    """PyTorch and the model."""
    import torch
    from transformers import AutoModelForCausalLM, get_cosine_schedule_with_warmup

    model: Any = AutoModelForCausalLM.from_pretrained(given.folder / "base", dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, fused=True)
    planned = -(-given.pairs // given.batch)
    schedule = get_cosine_schedule_with_warmup(optimizer, planned // 20, planned)
    turns = Turns(given, model.num_parameters())
    bf16 = given.precision == "bf16"
    model.train()
    for ids, labels, mask in batches(given):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        loss: Any = torch.nn.functional.cross_entropy(logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        turns.tokens += int(mask.sum())
        turns.step()


def batches(given: argparse.Namespace) -> Iterator[tuple[Any, Any, Any]]:
    """Token ids, labels and attention mask of each batch, filled up to its longest example."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    found = [(torch.tensor(row["input_ids"]), torch.tensor(row["labels"])) for row in rows(given)]
    order = order_of(given, [len(ids) for ids, _ in found])
    for start in range(0, len(order), given.batch):
        taken = [found[place] for place in order[start : start + given.batch]]
        yield (
            pad_sequence([ids for ids, _ in taken], batch_first=True),
            pad_sequence([labels for _, labels in taken], batch_first=True, padding_value=-100),
            pad_sequence([torch.ones_like(ids) for ids, _ in taken], batch_first=True),
        )


def order_of(given: argparse.Namespace, lengths: list[int]) -> list[int]:
    if given.contender == "loop, grouped":
        from training_pipeline.sft.training.by_length import ByLength

        return list(ByLength(lengths, seed=SEED, batch=given.batch))
    import torch

    return [int(place) for place in torch.randperm(len(lengths))]


if __name__ == "__main__":
    main()
