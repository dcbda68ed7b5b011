import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cairn_client import Cairn, CairnError
from cairn_client.retries import Outage, parse_retry_after


class Busy(BaseHTTPRequestHandler):
    """Busy twice, then there; it notes the keys that it is sent."""

    answers = []
    keys = []

    def do_GET(self):
        self.keys.append(self.headers["authorization"])
        status = self.answers.pop(0)
        body = b'{"models": []}' if status == 200 else b'{"code": "busy", "detail": "Later."}'
        self.send_response(status)
        if status == 503:
            self.send_header("retry-after", "0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def busy():
    Busy.answers, Busy.keys = [503, 503, 200], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_busy_server_is_asked_again_with_the_key(busy):
    with Cairn(busy, api_key="cairn_secret") as client:
        assert client.models() == {"models": []}
    assert Busy.keys == ["Bearer cairn_secret"] * 3


def test_what_does_not_pass_is_not_asked_again(busy):
    Busy.answers = [404]
    with Cairn(busy) as client, pytest.raises(CairnError) as refused:
        client.models()
    assert (refused.value.code, refused.value.status) == ("busy", 404)
    assert len(Busy.keys) == 1


def test_pauses_grow_and_follow_the_server():
    outage = Outage(60)
    error = CairnError("queue-unavailable", "", status=503)
    pauses = [outage.pause(error) for _ in range(4)]
    assert all(0.75 * 0.5 * 2**i <= pause <= 1.25 * 0.5 * 2**i for i, pause in enumerate(pauses))
    assert outage.pause(CairnError("queue-full", "", status=429, retry_after=7)) == 7
    with pytest.raises(CairnError):
        outage.pause(CairnError("queue-full", "", status=429, retry_after=61))
    with pytest.raises(CairnError):
        outage.pause(CairnError("image-corrupt", ""))


def test_both_forms_of_retry_after():
    assert parse_retry_after("3") == 3
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert parse_retry_after("soon") is None and parse_retry_after(None) is None
