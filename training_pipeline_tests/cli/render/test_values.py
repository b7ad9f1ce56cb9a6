from __future__ import annotations

from training_pipeline.cli.render.values import shortened


def test_a_sha_256_is_shortened_and_nothing_else_is() -> None:
    assert [shortened(value) for value in ("a" * 64, "a" * 63, 64, None, [1])] == ["a" * 12, "a" * 63, "64", "-", "[1]"]
