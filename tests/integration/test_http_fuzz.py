"""Schemathesis over the running API: whatever is asked, no 5xx, and every answer is a documented one."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from connectors.access.tokens import issue
from streams.registry import LOCAL
from tests.integration.api_server import TOKEN_KEY, served

EXAMPLES = 20
CREDENTIAL = {"Authorization": f"Bearer {issue(TOKEN_KEY, LOCAL, 3600, time.time())}"}
"""Of the operator, so that every route is reached."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def operations(kafka: str, database_url: str, topic_prefix: str) -> Iterator[list[APIOperation]]:
    with served(kafka, database_url, topic_prefix, longest_wait=0.05) as api:
        description = schemathesis.openapi.from_url(f"{api.base_url}/openapi.json", headers=CREDENTIAL)
        yield [found.ok() for found in description.get_all_operations()]


@pytest.mark.parametrize("mode", GenerationMode)
def test_no_request_makes_the_api_fail_or_answer_beside_its_description(
    operations: list[APIOperation], mode: GenerationMode
) -> None:
    tried: Counter[str] = Counter()
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers_as_described(case: schemathesis.Case) -> None:
            answer = case.call(timeout=30, headers=CREDENTIAL)
            case.validate_response(answer, checks=CHECKS)
            tried[case.operation.label] += 1

        try:
            answers_as_described()
        except Unsatisfiable:
            # An operation without parameters or body has nothing that could be wrong.
            assert mode is GenerationMode.NEGATIVE
    assert tried["POST /v1/messages"] >= EXAMPLES // 2
