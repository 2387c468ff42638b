"""How each fault is played out."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from tests.zenodo import messages, state
from tests.zenodo.engine import Connection, Reset
from tests.zenodo.faults import Fault, Kind
from tests.zenodo.messages import Answer, ApiError

HTML = "text/html"


@dataclasses.dataclass
class Scene:
    """What a fault can play with; `act` carries out the request and gives the true answer."""

    zenodo: state.Zenodo
    request: messages.Request
    connection: Connection
    stopping: threading.Event
    timers: list[threading.Timer]
    act: Callable[[], Answer]


def gateway(status: int) -> Answer:
    """HTML of the gateway, not JSON."""
    title = {502: "502 Bad Gateway", 503: "503 Service Unavailable", 504: "504 Gateway Time-out"}[status]
    text = f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n</body>\n</html>"
    return Answer(status, text, content_type=HTML)


def play(fault: Fault, scene: Scene) -> Answer:
    """The answer that the fault leaves; raises `Reset` where it leaves none."""
    kind = fault.kind
    if kind in _WITHOUT_ACTING:
        return _WITHOUT_ACTING[kind](fault, scene)
    return _ACTING[kind](fault, scene)


def _limited(fault: Fault, scene: Scene) -> Answer:
    headers = {
        "X-RateLimit-Limit": "30",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(time.time()) + fault.retry_after),
        "Retry-After": str(fault.retry_after),
    }
    return Answer(429, {"message": "30 per 1 minute", "status": 429}, headers)


def _server_error(fault: Fault, scene: Scene) -> Answer:
    return ApiError(500, messages.SERVER_ERROR).answer()


def _unavailable(fault: Fault, scene: Scene) -> Answer:
    answer = gateway(503)
    answer.headers["Retry-After"] = str(fault.retry_after)
    return answer


def _reset_before(fault: Fault, scene: Scene) -> Answer:
    raise Reset


def _reset_mid_body(fault: Fault, scene: Scene) -> Answer:
    read = 0
    for chunk in scene.connection.chunks(1024):
        read += len(chunk)
        if read >= (fault.at or 1):
            break
    raise Reset


def _stall(fault: Fault, scene: Scene) -> Answer:
    scene.stopping.wait(fault.delay or None)
    raise Reset


def _html_200(fault: Fault, scene: Scene) -> Answer:
    return Answer(
        200, "<!DOCTYPE html><html><body>We are down for maintenance</body></html>", content_type=HTML
    )


def _huge_error(fault: Fault, scene: Scene) -> Answer:
    return Answer(500, "<p>Traceback</p>\n" * ((fault.at or 4 << 20) // 17), content_type=HTML)


def _redirect(fault: Fault, scene: Scene) -> Answer:
    return Answer(302, b"", {"Location": fault.host.rstrip("/") + scene.connection.path}, HTML)


def _any(fault: Fault, scene: Scene) -> Answer:
    kind = HTML if isinstance(fault.body, str) else "application/json"
    return Answer(fault.status, fault.body, content_type=kind)


def _denied(fault: Fault, scene: Scene) -> Answer:
    return messages.denied().answer()


def _slow_read(fault: Fault, scene: Scene) -> Answer:
    def chunks() -> Iterator[bytes]:
        for chunk in scene.connection.chunks(16 << 10):
            scene.stopping.wait(fault.delay)
            yield chunk

    scene.request.chunks = chunks
    return scene.act()


def _truncated(fault: Fault, scene: Scene) -> Answer:
    keep = fault.at if fault.at is not None else max(1, (scene.request.length or 2) // 2)

    def chunks() -> Iterator[bytes]:
        kept = 0
        for chunk in scene.connection.chunks():
            piece = chunk[: max(0, keep - kept)]
            kept += len(piece)
            if piece:
                yield piece

    scene.request.chunks = chunks
    scene.act()
    return gateway(502)


def _timeout_publish(fault: Fault, scene: Scene) -> Answer:
    body = b"".join(scene.connection.chunks())
    scene.request.chunks = lambda: iter([body])
    if fault.delay:
        timer = threading.Timer(fault.delay, scene.act)
        timer.daemon = True
        scene.timers.append(timer)
        timer.start()
    else:
        scene.act()
    return gateway(504)


def _reset_after(fault: Fault, scene: Scene) -> Answer:
    scene.act()
    raise Reset


def _error_after(fault: Fault, scene: Scene) -> Answer:
    scene.act()
    return _server_error(fault, scene)


def _cut_answer(fault: Fault, scene: Scene) -> Answer:
    answer = scene.act()
    whole = answer.body.read_bytes() if hasattr(answer.body, "read_bytes") else answer.encoded()
    cut = {**answer.headers, "Content-Length": str(len(whole))}
    return dataclasses.replace(answer, body=whole[: len(whole) // 2], headers=cut, cut=True)


def _wrong_md5(fault: Fault, scene: Scene) -> Answer:
    answer = scene.act()
    body = answer.body
    if isinstance(body, dict) and str(body.get("checksum", "")).startswith("md5:"):
        wrong = "0" * 32
        if fault.stored:
            bucket = scene.request.path.split("/")[3]
            with scene.zenodo.lock:
                if found := scene.zenodo.in_bucket(bucket):
                    found[1].files[body["key"]].md5 = wrong
        body["checksum"] = f"md5:{wrong}"
    return answer


def _no_checksum(fault: Fault, scene: Scene) -> Answer:
    answer = scene.act()
    answer.body = _without(answer.body, "checksum")
    return answer


def _without(body: Any, name: str) -> Any:
    if isinstance(body, dict):
        return {key: _without(value, name) for key, value in body.items() if key != name}
    return [_without(each, name) for each in body] if isinstance(body, list) else body


def _other_bucket(fault: Fault, scene: Scene) -> Answer:
    answer = scene.act()
    if isinstance(answer.body, dict) and "bucket" in answer.body.get("links", {}):
        links = answer.body["links"]
        links["bucket"] = fault.host.rstrip("/") + urlsplit(links["bucket"]).path
    return answer


def _changed(fault: Fault, scene: Scene) -> Answer:
    answer = scene.act()
    answer.body = copy.deepcopy(answer.body)
    for name, value in fault.fields.items():
        *way, last = (int(each) if each.isdigit() else each for each in name.split("."))
        place: Any = answer.body
        for step in way:
            place = place[step]
        if fault.kind is Kind.WRONG_TYPES:
            place[last] = value
        else:
            del place[last]
    return answer


Player = Callable[[Fault, Scene], Answer]
_WITHOUT_ACTING: dict[Kind, Player] = {
    Kind.LIMITED: _limited,
    Kind.SERVER_ERROR: _server_error,
    Kind.BAD_GATEWAY: lambda fault, scene: gateway(502),
    Kind.UNAVAILABLE: _unavailable,
    Kind.GATEWAY_TIMEOUT: lambda fault, scene: gateway(504),
    Kind.DENIED: _denied,
    Kind.RESET_BEFORE: _reset_before,
    Kind.RESET_MID_BODY: _reset_mid_body,
    Kind.STALL: _stall,
    Kind.HTML_200: _html_200,
    Kind.HUGE_ERROR: _huge_error,
    Kind.REDIRECT: _redirect,
    Kind.ANSWER: _any,
}
_ACTING: dict[Kind, Player] = {
    Kind.SLOW_READ: _slow_read,
    Kind.TRUNCATED: _truncated,
    Kind.PUBLISH_TIMEOUT: _timeout_publish,
    Kind.RESET_AFTER: _reset_after,
    Kind.ERROR_AFTER: _error_after,
    Kind.CUT_ANSWER: _cut_answer,
    Kind.WRONG_MD5: _wrong_md5,
    Kind.NO_CHECKSUM: _no_checksum,
    Kind.OTHER_BUCKET: _other_bucket,
    Kind.WRONG_TYPES: _changed,
    Kind.MISSING_FIELDS: _changed,
}
assert set(itertools.chain(_WITHOUT_ACTING, _ACTING)) == set(Kind)
