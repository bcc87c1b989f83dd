"""No secret reaches the log, on any path."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from whatssound.logs import redacted, set_up_logs

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        f"GET /socket/websocket?apikey={TOKEN}&vsn=2.0.0",
        f"Authorization: Bearer {TOKEN}",
        f"/socket/websocket?vsn=2.0.0&token={TOKEN}",
        "http://127.0.0.1:8000/#owner=pklhPDJyRH8Ub2IR1NkuaK3L9TDMzXjD",
        "/audio/tracks/1/master.m3u8?exp=17&sig=c2lnbmF0dXJl",
    ],
)
def test_a_secret_is_taken_out_and_the_rest_stays(text: str) -> None:
    shown = redacted(text)
    assert "c2lnbmF0dXJl" not in shown
    assert "pklhPDJy" not in shown
    assert shown.startswith(text[:12])
    assert "[redacted]" in shown or "[token]" in shown


def test_a_log_line_is_json_and_keeps_tokens_out_of_tracebacks_too(capfd: pytest.CaptureFixture[str]) -> None:
    set_up_logs()
    try:
        bearer = TOKEN
        raise RuntimeError(f"refused {bearer}")
    except RuntimeError:
        structlog.get_logger("test").exception("it broke", url=f"/x?apikey={TOKEN}")
        logging.getLogger("a.library").exception("theirs with %s", TOKEN)
    written = capfd.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["event"].split(" ")[0] for line in lines] == ["it", "theirs"]
    assert all("RuntimeError" in line["exception"] for line in lines)
    assert "c2lnbmF0dXJl" not in written
