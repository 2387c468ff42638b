"""Seconds and memory of an upload to Zenodo; a part of ``make bench``.

Three questions. How much of what MD5 alone allows is left when the files are sent as well? How much faster than
one ``requests.put`` after the other is it when every request has to wait? The service is the mock of the tests,
but it drops the files in the kernel and knows their MD5 beforehand, so that the client is measured. And how many
times the time of new files do replaced ones take, where requests wait on the network, and where they wait in the
server, which refuses deletions that it works on at the same time? That is the mock as it is.
"""

from __future__ import annotations

import hashlib
import itertools
import mmap
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from tests import action
from tests.zenodo import ZenodoServer, documents, engine, messages, state

LATENCY: Final = 0.05
"""Seconds that each request waits in the second part."""
JOBS: Final = "8"
REPLACED: Final = 95
"""Files of the third part, so small that only requests count."""
PLENTY: Final = 10**9
"""Requests in a window: the benchmark is not to run into the rate limit."""
BUFFER: Final = 1 << 28
"""Bytes that one `recv` may drop."""

# What MD5 alone allows: a thread a core, the largest file first. Prints the seconds without the start of Python.
MD5: Final = """
import hashlib, os, sys, time
from concurrent.futures import ThreadPoolExecutor
def one(path):
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb", buffering=0) as file:
        while block := file.read(1 << 20):
            digest.update(block)
files = sorted(os.scandir(sys.argv[1]), key=lambda entry: -entry.stat().st_size)
began = time.perf_counter()
with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
    list(pool.map(one, [entry.path for entry in files]))
open(sys.argv[2], "w").write(str(time.perf_counter() - began))
"""

# MD5 and bare sockets, as many as we have files in flight: what is left of it for a client that does nothing
# else, where the same cores have to move the bytes as well.
BARE: Final = """
import hashlib, os, queue, socket, sys, threading
from urllib.parse import urlsplit
bucket = urlsplit(sys.argv[2])
files = queue.SimpleQueue()
for entry in sorted(os.scandir(sys.argv[1]), key=lambda entry: -entry.stat().st_size):
    files.put((entry.path, entry.name, entry.stat().st_size))
def work():
    with socket.create_connection((bucket.hostname, bucket.port)) as line:
        block = memoryview(bytearray(1 << 18))
        while True:
            try:
                path, name, size = files.get_nowait()
            except queue.Empty:
                return
            digest = hashlib.md5(usedforsecurity=False)
            head = f"PUT {bucket.path}/{name} HTTP/1.1\\r\\nHost: h\\r\\nContent-Length: {size}\\r\\n\\r\\n"
            line.sendall(head.encode())
            with open(path, "rb", buffering=0) as file:
                while count := file.readinto(block):
                    digest.update(block[:count])
                    line.sendall(block[:count])
            assert digest.hexdigest().encode() in line.recv(65536)
threads = [threading.Thread(target=work) for _ in range(int(sys.argv[3]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

# As upload scripts for Zenodo do it: one file after the other, each over a connection of its own.
LOOP: Final = """
import os, sys
import requests
for entry in sorted(os.scandir(sys.argv[1]), key=lambda entry: entry.name):
    with open(entry.path, "rb") as file:
        requests.put(f"{sys.argv[2]}/{entry.name}", data=file, timeout=60).raise_for_status()
"""

Measure = Callable[[list[str], dict[str, str]], tuple[float, float, float]]
"""Runs a command: its seconds, its peak memory in MB, and the seconds that the cores worked for it."""


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        seconds: of the whole process.
        working: seconds between the first and the last byte that was hashed or sent.
        cpu: seconds that the cores worked for the process, regardless of other load.
        megabytes: peak memory.
    """

    seconds: float
    working: float
    cpu: float
    megabytes: float


class Sink(ZenodoServer):
    """A Zenodo that knows what it will get.

    Args:
        folder: the files that will be sent, and no others.
        latency: seconds that every request waits.
    """

    def __init__(self, folder: Path, latency: float) -> None:
        super().__init__(latency=latency, rate_limit=PLENTY, search_limit=PLENTY)
        self._md5 = {path.name: _md5(path) for path in folder.iterdir()}
        # Never touched: with MSG_TRUNC the kernel throws the bytes away (tcp(7)), but Python wants a place.
        self._nowhere = memoryview(mmap.mmap(-1, BUFFER))
        self.first, self.last = float("inf"), 0.0

    def _answer(self, connection: engine.Connection) -> messages.Answer:
        if connection.command != "PUT" or not connection.path.startswith("/api/files/"):
            return super()._answer(connection)
        self.first = min(self.first, time.perf_counter())
        self._engine.stopping.wait(self.state.options.latency)
        size = connection.length() or 0
        self._drop(connection, size)
        bucket, name = connection.path.removeprefix("/api/files/").split("/")
        stored = state.StoredFile(unquote(name), size, self._md5[unquote(name)], None)
        with self.state.lock:
            found = self.state.in_bucket(bucket)
            if found is None:
                return messages.not_found().answer()
            found[1].files[stored.key] = stored
            answer = messages.Answer(201, documents.bucket_object(self.state, bucket, stored))
        self.last = time.perf_counter()
        return answer

    def _drop(self, connection: engine.Connection, size: int) -> None:
        """Wait for the body, and let the kernel throw it away."""
        connection.bodied = True
        if size:
            size -= len(connection.rfile.read1(min(size, 1 << 16)))  # what was read together with the head
        flags = socket.MSG_TRUNC | socket.MSG_WAITALL
        while size:
            count = connection.connection.recv_into(self._nowhere, min(size, BUFFER), flags)
            if not count:
                raise engine.Gone
            size -= count


def report(folder: Path, rounds: int, measure: Measure, environment: Callable[[str], dict[str, str]]) -> None:
    """Print all tables.

    Args:
        folder: the files; not more than Zenodo takes.
        rounds: how often each client runs; one round before, unmeasured, warms all caches.
    """
    sizes = [path.stat().st_size for path in folder.iterdir()]
    what = f"Zenodo, {len(sizes)} files, {sum(sizes) / 1e6:.0f} MB"
    tables = (
        (
            0.0,
            f"{what}, {len(os.sched_getaffinity(0))} cores",
            ("MD5 alone", "MD5, bare sockets", "catalog-upload"),
        ),
        (
            LATENCY,
            f"{what}, {LATENCY * 1000:.0f} ms added to each request",
            ("catalog-upload", "requests.put in a loop"),
        ),
    )
    for latency, title, names in tables:
        rows: dict[str, list[Row]] = {name: [] for name in names}
        with Sink(folder, latency) as sink:
            for number, name in itertools.product(range(rounds + 1), names):
                row = _run(name, sink, folder, measure, environment)
                if number:
                    rows[name].append(row)
        _table(title, rows)
    for kind, where in itertools.product(("zenodo", "invenio"), ("latency", "work")):
        _replaced(kind, where, rounds, measure, environment)


def _replaced(
    kind: str, where: str, rounds: int, measure: Measure, environment: Callable[[str], dict[str, str]]
) -> None:
    """Print how long new and replaced files take, in pairs, with their requests.

    Args:
        kind: of the service, as `state.Options` names it.
        where: the option that says how long a request waits, and where.
    """
    place = {"latency": "on the network", "work": "in the server"}[where]
    print(f"\n{kind}: {REPLACED} small files, each request takes {LATENCY * 1000:.0f} ms {place}")
    print(f"{'':24}{'seconds':>9}{'ratio':>7}{'requests':>10}{'refused':>9}")
    names = [f"{number:03}.tsv" for number in range(REPLACED)]
    found: dict[str, list[tuple[float, int, int]]] = {"new": [], "replaced": []}
    options: dict[str, Any] = {where: LATENCY, "kind": kind, "rate_limit": PLENTY}
    with tempfile.TemporaryDirectory() as folder, ZenodoServer(**options) as server:
        for name in names:
            (Path(folder) / name).write_text(f"{name} as it is now\n")
        for number, what in itertools.product(range(rounds + 1), found):
            draft = server.add_draft(dict.fromkeys(names, b"old") if what == "replaced" else {})
            server.requests.clear()
            flags = ["--in-dir", folder, "--upload-method", "all", "--zenodo-id", str(draft.id)]
            flags += ["--zenodo-url", server.url, "--n-jobs", JOBS]
            token = {"INPUT_ZENODO-TOKEN": server.token}
            seconds, _, _ = measure([*action.COMMAND, *flags], environment(server.url) | token)
            if server.checksums(draft.id) != {name: _md5(Path(folder) / name) for name in names}:
                sys.exit(f"{kind}: the draft does not hold what was sent")
            refused = sum((each.status or 0) >= 400 for each in server.requests)
            if number:
                found[what].append((seconds, len(server.requests), refused))
    for what, runs in found.items():
        ratio = statistics.median(one[0] / new[0] for one, new in zip(runs, found["new"], strict=True))
        middle = [statistics.median(each) for each in zip(*runs, strict=True)]
        print(f"{what:24}{middle[0]:9.2f}{ratio:7.2f}{middle[1]:10.0f}{middle[2]:9.0f}", flush=True)


def _run(
    name: str, sink: Sink, folder: Path, measure: Measure, environment: Callable[[str], dict[str, str]]
) -> Row:
    sink.first, sink.last = float("inf"), 0.0
    variables = environment(sink.url)
    with tempfile.NamedTemporaryFile("r") as figures:
        if name == "catalog-upload":
            flags = [
                "--in-dir",
                str(folder),
                "--zenodo-id",
                "new",
                "--zenodo-url",
                sink.url,
                "--n-jobs",
                JOBS,
            ]
            command = [*action.COMMAND, *flags]
            variables["INPUT_ZENODO-TOKEN"] = sink.token
        else:
            bucket = f"{sink.url}/api/files/{sink.add_draft().content.bucket}"
            program, *words = {
                "MD5 alone": (MD5, figures.name),
                "MD5, bare sockets": (BARE, bucket, JOBS),
                "requests.put in a loop": (LOOP, bucket),
            }[name]
            command = [sys.executable, "-P", "-c", program, str(folder), *words]
        seconds, megabytes, cpu = measure(command, variables)
        working = float(figures.read() or sink.last - sink.first)
    return Row(seconds, working, cpu, megabytes)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _table(title: str, rows: Mapping[str, list[Row]]) -> None:
    """Medians, and medians of how many times those of the first line in the same round they are."""
    first = next(iter(rows.values()))
    names = ("seconds", "working", "cpu")
    head = "".join(f"{name:>9}{'ratio':>7}" for name in names)
    print(f"\n{title}\n{'':24}{head}{'peak MB':>9}")
    for client, runs in rows.items():
        line = f"{client:24}"
        for name in names:
            mine, theirs = ([getattr(run, name) for run in each] for each in (runs, first))
            ratio = statistics.median(one / other for one, other in zip(mine, theirs, strict=True))
            line += f"{statistics.median(mine):9.2f}{ratio:7.2f}"
        print(f"{line}{max(run.megabytes for run in runs):9.0f}", flush=True)
