from __future__ import annotations

import pytest
from databricks.sdk.service.sql import ServiceError, ServiceErrorCode, StatementStatus

from training_pipeline.databricks.statement_errors import failed_statement
from training_pipeline.domain.errors import BackendUnreachable, PipelineError, SheetUnreadable, Unavailable


def failed(message: str, code: ServiceErrorCode = ServiceErrorCode.BAD_REQUEST) -> PipelineError:
    return failed_statement(StatementStatus(error=ServiceError(error_code=code, message=message)), "wh-1")


def test_what_does_not_exist_is_named() -> None:
    error = failed("[TABLE_OR_VIEW_NOT_FOUND] The table `main`.`training`.`pairs` cannot be found. SQLSTATE: 42P01")
    assert isinstance(error, SheetUnreadable)
    assert "main.training.pairs" in error.message
    assert "SELECT" in error.hint


def test_a_grant_that_is_missing_is_named_with_its_object() -> None:
    error = failed(
        "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have USE SCHEMA on Schema 'main.training'."
    )
    assert isinstance(error, BackendUnreachable)
    assert "USE SCHEMA on schema main.training" in error.message
    assert "Grant USE SCHEMA on schema main.training" in error.hint


@pytest.mark.parametrize("code", [ServiceErrorCode.TEMPORARILY_UNAVAILABLE, ServiceErrorCode.DEADLINE_EXCEEDED])
def test_what_may_pass_is_worth_another_try(code: ServiceErrorCode) -> None:
    error = failed("The warehouse is busy.", code)
    assert type(error) is Unavailable
    assert code.value in error.message


def test_a_value_that_the_warehouse_quotes_is_never_shown() -> None:
    error = failed("[CAST_INVALID_INPUT] The value 'the patient is ill' of the type STRING cannot be cast to DOUBLE.")
    assert isinstance(error, SheetUnreadable)
    assert "CAST_INVALID_INPUT" in error.message
    assert "patient" not in str(error)


def test_a_statement_that_says_nothing_may_be_tried_again() -> None:
    assert type(failed_statement(None, "wh-1")) is Unavailable
