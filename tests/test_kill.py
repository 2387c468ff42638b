"""Killed anywhere, and then the same command again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.conftest import Store
from tests.faults import remotes
from tests.faults.__main__ import Choice, each
from tests.faults.kinds import FOREVER, Fault, Faults, Kind
from tests.faults.product import Order, Ran, Zygote
from tests.faults.proxy import Proxy
from tests.servers.rclone import Rclone
from tests.zenodo import ZenodoServer

pytestmark = pytest.mark.timeout(300)
MIB = 1 << 20
LIMIT = 7.0
"""Seconds from a signal to the end."""


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as started:
        yield started


def after(proxy: Proxy, count: int, number: signal.Signals) -> Callable[[int], float]:
    """Send a signal when so many requests have come."""

    def act(pid: int) -> float:
        assert proxy.wait_for(count, 30)
        time.sleep(0.2)
        os.kill(pid, number)
        return time.monotonic()

    return act


def order(store: Store, url: str, workspace: Path, **more: Callable[[int], float]) -> Order:
    inputs = {"in-dir": "out", "s3-dir": f"s3://{store.bucket}/p", "n-jobs": "2"}
    return Order(inputs, workspace, {**store.environment, "AWS_ENDPOINT_URL_S3": url}, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Kind.SIGTERM, Kind.SIGINT, Kind.SIGKILL])
def test_at_any_moment(kind: Kind, localstack_url: str, rclone_store: Rclone, tmp_path: Path) -> None:
    stores = {"localstack": remotes.localstack_at(localstack_url), "rclone": remotes.rclone_at(rclone_store)}
    found = each(range(400, 406), Choice(kind), stores, str(tmp_path))
    assert not {result.seed: result.broken for result in found if result.broken}


@pytest.mark.parametrize(
    ("where", "kind", "number"),
    [
        ("list", Kind.STALL, signal.SIGTERM),
        ("list", Kind.STALL_IN_ANSWER, signal.SIGINT),
        ("part", Kind.STALL, signal.SIGINT),
        ("part", Kind.STALL_IN_BODY, signal.SIGTERM),
        ("catalog", Kind.STALL, signal.SIGTERM),
        ("catalog", Kind.STALL_IN_ANSWER, signal.SIGINT),
    ],
)
def test_a_cancel_does_not_wait_for_a_dead_network(
    where: str, kind: Kind, number: signal.Signals, s3_server: Store, workspace: Path, zygote: Zygote
) -> None:
    """With the patience of every day, not the shortened one."""
    in_process.fill(workspace, {"big": in_process.noise(17 * MIB), "small": b"1"})
    s3_server.client.put_object(Bucket=s3_server.bucket, Key="p/catalog.yaml", Body=b"old")
    with Proxy(s3_server.url, Faults([Fault(kind, where, FOREVER)])) as proxy:
        count = {"list": 1, "part": 5, "catalog": 9}[where]
        wanted = order(s3_server, proxy.url, workspace, act=after(proxy, count, number))
        wanted.hurried = False
        ran = zygote.run(wanted)
    assert ran.code == 130, ran.log
    assert 0 < ran.after_signal < LIMIT
    assert "cancelled" in ran.summary.lower()
    assert ran.outputs["failed"].isdigit()
    if kind is not Kind.STALL_IN_ANSWER:  # then the store has it, and the run cannot know
        assert s3_server.read("p/catalog.yaml") == b"old"


def test_a_killed_run_is_continued_within_the_file(s3_server: Store, workspace: Path, zygote: Zygote) -> None:
    data = in_process.noise(60 * MIB)
    in_process.fill(workspace, {"big": data})
    with Proxy(s3_server.url, Faults([Fault(Kind.STALL, "part", FOREVER, skip=3)])) as proxy:
        ran = zygote.run(order(s3_server, proxy.url, workspace, act=after(proxy, 9, signal.SIGKILL)))
    assert ran.code == -signal.SIGKILL
    assert s3_server.keys() == []
    with Proxy(s3_server.url, Faults()) as proxy:
        again = zygote.run(order(s3_server, proxy.url, workspace))
    assert again.code == 0, again.log
    assert sum(exchange.operation == "part" for exchange in proxy.exchanges) == 8 - 3
    assert s3_server.read("p/big") == data
    assert not s3_server.client.list_multipart_uploads(Bucket=s3_server.bucket).get("Uploads")


def test_a_killed_run_leaves_one_draft(workspace: Path, zygote: Zygote) -> None:
    in_process.fill(workspace, {"a.tsv": b"1", "b.tsv": b"2", "c.tsv": b"3"})
    with ZenodoServer() as server:
        inputs = {
            "in-dir": "out",
            "zenodo-id": "new",
            "zenodo-token": server.token,
            "title": "Killed",
            "creators": "Doe, Jane",
            "n-jobs": "1",
        }
        ran: Ran | None = None
        for attempt, count in enumerate((2, 3, 4, 5, 0), start=1):
            slow = [Fault(Kind.LATENCY, "", FOREVER, 0, 1.0)]
            with Proxy(server.url, Faults(slow)) as proxy:
                server.state.base = proxy.url
                act = after(proxy, count, signal.SIGKILL) if count else None
                wanted = Order({**inputs, "zenodo-url": proxy.url}, workspace, {}, attempt=attempt, act=act)
                ran = zygote.run(wanted)
        assert ran is not None
        assert ran.code == 0, ran.log
        assert len(server.state.versions) == 1
        assert set(server.checksums(next(iter(server.state.versions)))) == {
            "a.tsv",
            "b.tsv",
            "c.tsv",
            "catalog.yaml",
        }
