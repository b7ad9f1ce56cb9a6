from __future__ import annotations

from training_pipeline.domain.storable import storable


def test_nul_is_replaced_and_nothing_else() -> None:
    assert storable("a\0b\n\ufffd") == "a\ufffdb\n\ufffd"
