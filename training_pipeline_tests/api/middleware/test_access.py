from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from training_pipeline.api.app import create_app
from training_pipeline.api.middleware import access
from training_pipeline.app.container import Services
from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import needs
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API, JOBS
from training_pipeline.testing.servers.bearers import asking_client, bearer
from training_pipeline_tests.api.test_problems import problem

REQUEST = {"training_sheet_id": "small", "model_name": "triage"}


class TestWithoutAuthentication:
    """A browser on this machine reaches what has no authentication, and does what any page tells it to."""

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", ""])
    def test_a_name_that_was_made_to_lead_here_is_not_ours(self, client: TestClient, host: str) -> None:
        for path in (JOBS, f"{API}/training-sheets/small/preview", "/openapi.json", "/"):
            problem(client.get(path, headers={"Host": host}), 403, "foreign_host")
        assert client.get("/healthz", headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
    def test_names_of_this_machine_are(self, client: TestClient, host: str) -> None:
        assert client.get(JOBS, headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
        ],
    )
    def test_no_other_page_can_change_anything(
        self, client: TestClient, services: Services, headers: dict[str, str]
    ) -> None:
        job = services.jobs.create(REQUEST, created_by="ada")
        # These need no body, so a browser asks nobody before it sends them.
        for verb in ("poll", "cancel", "finish", "retry"):
            problem(client.post(f"{JOBS}/{job.id}/{verb}", headers=headers), 403, "cross_origin")
        problem(client.post(JOBS, json=REQUEST, headers=headers), 403, "cross_origin")
        assert services.store.list()[1] == 1
        assert services.store.get(job.id).status == "pending"

    def test_a_page_of_ours_can(self, client: TestClient) -> None:
        ours = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
        assert client.post(JOBS, json=REQUEST, headers=ours).status_code == 201

    @pytest.mark.parametrize("server", ["192.0.2.1", "0.0.0.0", "::ffff:127.0.0.1", "2001:db8::1"])
    def test_whatever_serves_the_app_it_answers_its_own_machine_only(
        self, settings: Settings, services: Services, server: str
    ) -> None:
        name = f"[{server}]" if ":" in server else server
        with TestClient(create_app(settings, services), base_url=f"http://{name}") as client:
            problem(client.get(JOBS, headers={"Host": "localhost"}), 403, "foreign_host")

    def test_behind_a_proxy_of_this_machine_its_address_can_be_named(
        self, settings: Settings, services: Services
    ) -> None:
        named = settings.model_copy(update={"api_public_url": "https://train.localhost"})
        headers = {"Host": "train.localhost", "Origin": "https://train.localhost"}
        with TestClient(create_app(named, services)) as client:
            assert client.post(JOBS, json=REQUEST, headers=headers).status_code == 201
            problem(client.get(JOBS, headers={"Host": "evil.example"}), 403, "foreign_host")


def test_with_tokens_too_a_name_that_was_made_to_lead_here_is_not_ours(settings: Settings, services: Services) -> None:
    named = settings.model_copy(update={"auth": "token", "api_public_url": "https://train.example.org"})
    ada = bearer(services, "ada", Role.VIEWER)
    with TestClient(create_app(named, services), base_url="http://192.0.2.7") as client:
        for host in ("192.0.2.7", "192.0.2.9:8000", socket.gethostname(), "localhost", "train.example.org"):
            assert client.get(JOBS, headers={"Host": host, **ada}).status_code == 200
        for path in (JOBS, "/openapi.json", "/"):
            problem(client.get(path, headers={"Host": "evil.example", **ada}), 403, "foreign_host")


class TestRates:
    @pytest.fixture
    def client(self, settings: Settings, services: Services) -> Iterator[TestClient]:
        slow = {"api_requests_per_second": 0.5, "api_failures_per_minute": 3.0}  # five requests at once
        with asking_client(settings, services, **slow) as client:
            yield client

    def test_each_caller_has_a_bucket(self, client: TestClient, services: Services) -> None:
        ada, eve = bearer(services, "ada", Role.VIEWER), bearer(services, "eve", Role.VIEWER)
        assert [client.get(JOBS, headers=ada).status_code for _ in range(5)] == [200] * 5
        late = client.get(JOBS, headers=ada)
        problem(late, 429, "too_many_requests")
        assert 1 <= int(late.headers["Retry-After"]) <= 2
        assert (
            client.get(JOBS, headers=bearer(services, "ada", Role.VIEWER)).status_code == 429
        )  # another token of hers
        assert client.get(JOBS, headers=eve).status_code == 200

    def test_what_needs_no_token_is_counted_by_address_and_probes_are_not(self, client: TestClient) -> None:
        assert [client.get("/").status_code for _ in range(6)] == [404] * 5 + [429]
        assert {client.get("/healthz").status_code for _ in range(20)} == {200}

    def test_failures_are_few_and_shut_nobody_out_who_was_here_before(
        self, client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada, eve = bearer(services, "ada", Role.VIEWER), bearer(services, "eve", Role.VIEWER)
        assert client.get(JOBS, headers=ada).status_code == 200
        wrong = {"Authorization": "Bearer wrong"}
        assert [client.get(JOBS, headers=wrong).status_code for _ in range(3)] == [401] * 3
        late = client.get(JOBS, headers=wrong)
        problem(late, 429, "too_many_failures")
        assert 1 <= int(late.headers["Retry-After"]) <= 20
        assert client.get(JOBS).status_code == 429
        assert client.get(JOBS, headers=ada).status_code == 200
        asked: list[object] = []
        monkeypatch.setattr(client.app.state, "authenticate", asked.append)  # type: ignore[attr-defined]
        assert client.get(JOBS, headers=eve).status_code == 429  # new here: nobody looks it up now
        assert asked == []

    def test_a_token_that_is_revoked_counts_as_a_failure_from_then_on(
        self, client: TestClient, services: Services
    ) -> None:
        ada = bearer(services, "ada", Role.VIEWER)
        assert client.get(JOBS, headers=ada).status_code == 200
        services.tokens.revoke_all_of("ada", by="root")
        assert [client.get(JOBS, headers=ada).status_code for _ in range(4)] == [401] * 3 + [429]

    def test_a_normal_user_never_meets_them(self, settings: Settings, services: Services) -> None:
        with TestClient(create_app(settings, services)) as client:
            assert {client.get(f"{API}/models").status_code for _ in range(300)} == {200}


def test_a_stream_ends_with_its_token(settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "LOOK_SECONDS", 0.05)
    sent = []

    async def ticks() -> AsyncIterator[str]:
        for number in range(500):
            sent.append(number)
            yield f"{number} "
            await asyncio.sleep(0.01)
            if number == 20:
                services.tokens.revoke_all_of("ada", by="root")

    def slow() -> str:
        time.sleep(0.1)
        services.tokens.revoke_all_of("eve", by="root")
        return "done"

    app = create_app(settings.model_copy(update={"auth": "token"}), services)
    app.get("/api/ticks")(lambda: StreamingResponse(ticks()))
    app.get("/api/slow")(slow)
    with TestClient(app) as client:
        assert client.get("/api/slow", headers=bearer(services, "eve", Role.VIEWER)).json() == "done"  # it had begun
        answer = client.get("/api/ticks", headers=bearer(services, "ada", Role.VIEWER))
    assert answer.status_code == 200
    assert 20 < len(answer.text.split()) <= len(sent) < 100  # what made it was stopped as well


def test_no_other_page_can_show_ours_in_a_frame(client: TestClient) -> None:
    assert client.get("/healthz").headers["Content-Security-Policy"] == "frame-ancestors 'none'"


ASK = {"Origin": "https://portal.example.org", "Access-Control-Request-Method": "POST"}


class TestCors:
    def test_it_is_off_by_default(self, client: TestClient) -> None:
        for answer in (client.options(JOBS, headers=ASK), client.get(JOBS, headers=ASK)):
            assert [name for name in answer.headers if name.startswith("access-control")] == []

    def test_origins_can_be_named_and_get_no_cookies(self, settings: Settings, services: Services) -> None:
        named = "https://portal.example.org, https://other.example.org"
        with asking_client(settings, services, api_cors_origins=named) as client:
            asked = client.options(JOBS, headers={**ASK, "Access-Control-Request-Headers": "authorization"})
            assert asked.headers["Access-Control-Allow-Origin"] == "https://portal.example.org"
            assert "Access-Control-Allow-Credentials" not in asked.headers
            headers = {"Origin": "https://portal.example.org", "Sec-Fetch-Site": "cross-site"}
            refused = client.post(JOBS, json=REQUEST, headers=headers)
            assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, headers["Origin"])
            headers |= bearer(services, "ada", Role.OPERATOR)
            assert client.post(JOBS, json=REQUEST, headers=headers).status_code == 201
            foreign = client.options(JOBS, headers={**ASK, "Origin": "https://evil.example"})
            assert "Access-Control-Allow-Origin" not in foreign.headers

    def test_every_method_of_the_api_may_be_asked_for(self, settings: Settings, services: Services) -> None:
        with asking_client(settings, services, api_cors_origins=ASK["Origin"]) as client:
            described = client.get("/openapi.json", headers=bearer(services, "ada", Role.VIEWER)).json()["paths"]
            methods = {method.upper() for path in described.values() for method in path if method != "parameters"}
            assert {"PATCH", "DELETE"} <= methods
            for method in sorted(methods):
                asked = client.options(JOBS, headers={**ASK, "Access-Control-Request-Method": method})
                assert (asked.status_code, asked.text) == (200, "OK"), method

    @pytest.mark.parametrize("fault", ["late", "unforeseen"])
    def test_a_page_can_read_what_went_wrong(
        self, settings: Settings, services: Services, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        over = threading.Event()

        def goes_wrong() -> None:
            if fault == "unforeseen":
                raise ValueError
            over.wait(60)

        monkeypatch.setattr(LocalClient, "training_sheets", needs(Role.VIEWER)(lambda _: goes_wrong()))
        headers = {"Origin": ASK["Origin"], **bearer(services, "ada", Role.VIEWER)}
        limits = {"api_cors_origins": ASK["Origin"], "api_request_seconds": 0.05 if fault == "late" else 60.0}
        with asking_client(settings, services, **limits) as client:
            answer = client.get(f"{API}/training-sheets", headers=headers)
            over.set()
        assert answer.status_code == (503 if fault == "late" else 500)
        assert answer.headers["Access-Control-Allow-Origin"] == ASK["Origin"]
        assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]

    @pytest.mark.parametrize("origins", ["*", "https://*", "portal.example.org", "https://a/b", "https://a,", "null"])
    def test_only_origins_can_be_named(self, origins: str) -> None:
        with pytest.raises(ValueError, match="api_cors_origins"):
            Settings(api_cors_origins=origins)
