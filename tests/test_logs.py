"""Log lines name events, statuses and routes, never what stands in an address."""

from __future__ import annotations

import json
import logging

import pytest
import structlog
from django.test import Client

TOKEN = "CMoMuO9CNMGVlcyRipc4tReOUHG2-2rTvUrGHWCaQWo"


def written(record: logging.LogRecord) -> str:
    """The line as it goes out."""
    formatters = [each.formatter for each in logging.getLogger().handlers]
    ours = next(
        each for each in formatters if isinstance(each, structlog.stdlib.ProcessorFormatter)
    )
    return ours.format(record)


@pytest.mark.django_db(databases=["default", "owner"])
@pytest.mark.parametrize("page", ["open", "message", "unsubscribe", "no-such-page"])
def test_a_page_that_is_not_found_leaves_no_token(
    page: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = Client().get(f"/abcdefgh23/{page}/{TOKEN}")
    assert answer.status_code == 404
    lines = [written(each) for each in caplog.records]
    assert not [line for line in lines if TOKEN in line]
    (line,) = [json.loads(line) for line in lines if "request_answered" in line]
    assert line["status"] == 404
    if page != "no-such-page":
        assert page in line["route"]
