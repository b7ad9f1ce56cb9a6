"""The sizes of well-known models of the Hub, for models that are not on this machine yet.

Each row was read in a public program that names the model; docs/advice.md says which, row by row, and how weights are
counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Size(NamedTuple):
    """How large a model is."""

    hidden_size: int
    layers: int
    vocabulary: int
    parameters: int


#: By the model's id at the Hub.
SIZES: Final[Mapping[str, Size]] = {
    "Qwen/Qwen2.5-0.5B": Size(896, 24, 151_936, 494_032_768),
    "Qwen/Qwen2.5-0.5B-Instruct": Size(896, 24, 151_936, 494_032_768),
    "Qwen/Qwen2.5-1.5B": Size(1536, 28, 151_936, 1_543_714_304),
    "Qwen/Qwen2.5-1.5B-Instruct": Size(1536, 28, 151_936, 1_543_714_304),
    "Qwen/Qwen2.5-3B": Size(2048, 36, 151_936, 3_085_938_688),
    "Qwen/Qwen2.5-3B-Instruct": Size(2048, 36, 151_936, 3_085_938_688),
    "Qwen/Qwen2.5-7B": Size(3584, 28, 152_064, 7_615_616_512),
    "Qwen/Qwen2.5-7B-Instruct": Size(3584, 28, 152_064, 7_615_616_512),
    "Qwen/Qwen2.5-14B": Size(5120, 48, 152_064, 14_770_033_664),
    "Qwen/Qwen2.5-14B-Instruct": Size(5120, 48, 152_064, 14_770_033_664),
    "Qwen/Qwen2.5-32B": Size(5120, 64, 152_064, 32_763_876_352),
    "Qwen/Qwen2.5-32B-Instruct": Size(5120, 64, 152_064, 32_763_876_352),
    "Qwen/Qwen2.5-72B": Size(8192, 80, 152_064, 72_706_203_648),
    "Qwen/Qwen2.5-72B-Instruct": Size(8192, 80, 152_064, 72_706_203_648),
    "Qwen/Qwen3-0.6B": Size(1024, 28, 151_936, 596_049_920),
    "Qwen/Qwen3-0.6B-Base": Size(1024, 28, 151_936, 596_049_920),
    "Qwen/Qwen3-1.7B": Size(2048, 28, 151_936, 1_720_574_976),
    "Qwen/Qwen3-1.7B-Base": Size(2048, 28, 151_936, 1_720_574_976),
    "Qwen/Qwen3-4B": Size(2560, 36, 151_936, 4_022_468_096),
    "Qwen/Qwen3-4B-Base": Size(2560, 36, 151_936, 4_022_468_096),
    "Qwen/Qwen3-8B": Size(4096, 36, 151_936, 8_190_735_360),
    "Qwen/Qwen3-8B-Base": Size(4096, 36, 151_936, 8_190_735_360),
    "Qwen/Qwen3-14B": Size(5120, 40, 151_936, 14_768_307_200),
    "Qwen/Qwen3-32B": Size(5120, 64, 151_936, 32_762_123_264),
    "meta-llama/Llama-3.1-8B": Size(4096, 32, 128_256, 8_030_261_248),
    "meta-llama/Llama-3.1-8B-Instruct": Size(4096, 32, 128_256, 8_030_261_248),
    "meta-llama/Llama-3.1-70B": Size(8192, 80, 128_256, 70_553_706_496),
    "meta-llama/Llama-3.1-70B-Instruct": Size(8192, 80, 128_256, 70_553_706_496),
    "meta-llama/Llama-3.2-1B": Size(2048, 16, 128_256, 1_235_814_400),
    "meta-llama/Llama-3.2-1B-Instruct": Size(2048, 16, 128_256, 1_235_814_400),
    "meta-llama/Llama-3.2-3B": Size(3072, 28, 128_256, 3_212_749_824),
    "meta-llama/Llama-3.2-3B-Instruct": Size(3072, 28, 128_256, 3_212_749_824),
}
_BY_NAME: Final = {name.lower(): size for name, size in SIZES.items()}


def size_of(model_id: str) -> Size | None:
    """The size of a model of the Hub; None for one that is not in the table. The Hub ignores case."""
    return _BY_NAME.get(model_id.lower())
