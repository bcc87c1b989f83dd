"""The API keeps its own description: whatever is sent, each answer is one that OpenAPI names, in its shape."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway_server import serving
from http_rig import opened
from whatssound.config import Limits

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 20


def _no_sockets(*_: object, **__: object) -> object:
    raise AssertionError("nobody opens a socket here")


def attack(url: str, people: Iterator[dict[str, str]]) -> int:
    """Send hypothesis' ideas to every operation; how many requests that were. Raises on a broken promise."""
    api = schemathesis.openapi.from_url(f"{url}/docs/openapi.json")
    sent = 0
    for found in api.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def try_it(case: Any) -> None:
            nonlocal sent
            sent += 1
            case.call_and_validate(headers=next(people), checks=CHECKS)

        try_it()
    return sent


@pytest.mark.slow
async def test_no_request_brings_an_answer_that_the_description_does_not_name(tmp_path: Path) -> None:
    limits = Limits(guests_per_minute=1_000_000, upload_bytes=100_000)
    async with opened(tmp_path, limits=limits) as rig, serving(_no_sockets, rig.app) as port:
        people = itertools.cycle([await rig.owner(), await rig.guest(), rig.reader(), await rig.owner(), {}])
        assert await asyncio.to_thread(attack, f"http://127.0.0.1:{port}", people) > 100
