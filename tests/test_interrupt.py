"""A waiting socket is ended from another thread: on cancel, at the deadline, and when it was attached late."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from entrypoint import workers
from entrypoint.destinations import interrupt


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def interrupter() -> Iterator[interrupt.Interrupter]:
    made = interrupt.Interrupter()
    yield made
    made.close()


def test_cancel_wakes_a_thread_that_waits(
    pair: tuple[socket.socket, socket.socket], interrupter: interrupt.Interrupter
) -> None:
    cancel = workers.Cancel()
    threading.Timer(0.1, cancel.set).start()
    with interrupter.operation(cancel.check, stall=60, limit=60) as operation:
        operation.attach(pair[0])
        assert pair[0].recv(1) == b""
    assert operation.cancelled
    assert not operation.expired


def test_deadline_ends_an_answer_that_comes_byte_by_byte(
    pair: tuple[socket.socket, socket.socket], interrupter: interrupt.Interrupter
) -> None:
    ours, theirs = pair
    ended = threading.Event()

    def trickle() -> None:
        while not ended.wait(0.05):
            try:
                theirs.send(b"x")
            except OSError:
                return

    thread = threading.Thread(target=trickle)
    thread.start()
    with interrupter.operation(lambda: None, stall=60, limit=0.3) as operation:
        operation.attach(ours)
        while ours.recv(1):
            pass
    ended.set()
    thread.join()
    assert operation.expired
    assert not operation.cancelled


def test_stall_is_the_time_out_of_the_socket(
    pair: tuple[socket.socket, socket.socket], interrupter: interrupt.Interrupter
) -> None:
    with interrupter.operation(lambda: None, stall=0.05, limit=60):
        interrupt.attach(pair[0])  # as a library's connection does it
        with pytest.raises(TimeoutError):
            pair[0].recv(1)


def test_socket_that_is_attached_after_the_cancel_is_ended_at_once(
    pair: tuple[socket.socket, socket.socket], interrupter: interrupt.Interrupter
) -> None:
    with interrupter.operation(lambda: None, stall=60, limit=60) as operation:
        operation.cancel()
        operation.attach(pair[0])
        assert pair[0].recv(1) == b""


def test_connecting_is_ended_too(interrupter: interrupt.Interrupter) -> None:
    # A listener whose queue is full answers no further connection.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        full = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
            full.append(filler)
        cancel = workers.Cancel()
        threading.Timer(0.1, cancel.set).start()
        with socket.socket() as ours, interrupter.operation(cancel.check, stall=60, limit=60) as operation:
            operation.attach(ours)
            with pytest.raises(OSError) as caught:  # noqa: PT011 - whichever the system has for it
                ours.connect(server.getsockname())
        assert operation.cancelled
        assert not isinstance(caught.value, TimeoutError)
        for filler in full:
            filler.close()


def test_closing_ends_what_is_under_way(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    interrupter = interrupt.Interrupter()
    with interrupter.operation(lambda: None, stall=60, limit=60) as operation:
        operation.attach(pair[0])
        interrupter.close()
        assert pair[0].recv(1) == b""
