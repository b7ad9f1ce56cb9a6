from __future__ import annotations

import asyncio
import sys

import pytest

from training_pipeline.domain.bucket_location import parse_location
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.uploads.remote.filesystems import no_redirects, open_filesystem


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("s3://acme/a", "s3fs", "s3"),
        ("gs://acme/a", "gcsfs", "gcs"),
        ("abfss://box@acme.dfs.core.windows.net/a", "adlfs", "azure"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InvalidRequest, match=rf"{package}, which is not installed\.\n.*\[{extra}\]"):
        open_filesystem(parse_location(url))


def test_a_container_without_an_account_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(InvalidRequest, match="in which storage account"):
        open_filesystem(parse_location("az://box/a"))


def test_a_redirect_is_an_error() -> None:
    async def followed() -> list[int]:
        from aiohttp import ClientSession, web

        asked: list[int] = []

        async def elsewhere(_: web.Request) -> web.Response:
            raise web.HTTPFound("/there")

        async def there(_: web.Request) -> web.Response:
            asked.append(1)
            return web.Response()

        app = web.Application()
        app.add_routes([web.get("/here", elsewhere), web.get("/there", there)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with ClientSession(trace_configs=[no_redirects()]) as session:
                with pytest.raises(PermissionError, match="redirect"):
                    await session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/here")
        finally:
            await runner.cleanup()
        return asked

    assert asyncio.run(followed()) == []
