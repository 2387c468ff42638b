"""An S3 server that counts what arrives and stores nothing, for very large files."""

from __future__ import annotations

import contextlib
import re
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_BUFFER: Final = 1 << 20
_ANSWERS: Final = {
    "list-type": "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>",
    "uploads": "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>",
    "uploadId": "<CompleteMultipartUploadResult><ETag>&quot;e-2&quot;</ETag></CompleteMultipartUploadResult>",
}


@dataclass
class CountingStore:
    """What arrived."""

    url: str
    parts: dict[int, int] = field(default_factory=dict)
    """Bytes by number of part."""


@contextlib.contextmanager
def counting_store() -> Iterator[CountingStore]:
    """It listens on 127.0.0.1 for the length of a `with` block."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hole = CountingStore(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.hole
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    hole: CountingStore


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        buffer = memoryview(bytearray(_BUFFER))
        while line := self.rfile.readline().decode():
            method, target, _ = line.split()
            headers = {}
            while (header := self.rfile.readline().decode().strip()) != "":
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            left = size = int(headers.get("content-length", 0))
            while left and (count := self.rfile.readinto1(buffer[:left])):
                left -= count
            self._answer(method, target, headers, size - left)

    def _answer(self, method: str, target: str, headers: dict[str, str], size: int) -> None:
        told = {name: value for name, value in headers.items() if name.startswith("x-amz-checksum")}
        query = target.partition("?")[2]
        body = next((text for key, text in _ANSWERS.items() if re.search(rf"(^|&){key}", query)), "")
        if method == "PUT":
            if part := re.search("partNumber=([0-9]+)", query):
                self.server.hole.parts[int(part[1])] = size
            body = ""
            told["ETag"] = '"e-1"'
        elif method == "POST" and "uploadId" not in query:
            told = {"x-amz-checksum-algorithm": "CRC64NVME"}
        lines = [f"HTTP/1.1 {404 if method == 'HEAD' else 200} OK", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in told.items()]
        self.wfile.write(("\r\n".join([*lines, "", ""]) + body).encode())
