from __future__ import annotations

import pytest

from training_pipeline.cli.serve import is_loopback, require_safe_address
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "localhost", "::1"])
def test_this_machine_alone_needs_no_authentication(host: str) -> None:
    require_safe_address(Settings(api_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no-such-host.invalid", ""])
def test_any_other_address_is_refused_without_authentication(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(InvalidRequest, match="this machine only"):
        require_safe_address(Settings(api_host=host))
