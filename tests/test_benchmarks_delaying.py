"""The server of the benchmark that answers after a delay."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.delaying import PAGE_BYTES
from benchmarks.fetch_contestant import server_figures
from benchmarks.fetch_servers import Server, delaying

if TYPE_CHECKING:
    from collections.abc import Iterator

DELAY = 0.1


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server that answers after `DELAY`."""
    with delaying(DELAY) as running:
        yield running


def connect(server: Server) -> socket.socket:
    """Open a connection to *server*."""
    port = int(server.url.split(":")[2].partition("/")[0])
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def read_answer(connection: socket.socket) -> bytes:
    """Return the next answer, of a page's size."""
    answer = b""
    while len(answer.partition(b"\r\n\r\n")[2]) < PAGE_BYTES:
        chunk = connection.recv(65_536)
        assert chunk, "closed too early"
        answer += chunk
    return answer


def test_an_answer_comes_after_the_delay_and_not_before(server: Server) -> None:
    """Each of the requests of one connection is answered, the delay after it came at the earliest."""
    with connect(server) as connection:
        for _ in range(2):
            asked = time.monotonic()
            connection.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_answer(connection).startswith(b"HTTP/1.1 200 OK\r\n")
            assert time.monotonic() - asked >= DELAY
    assert server_figures(server.figures_url)["answered"] == 2


def test_a_request_may_come_in_pieces(server: Server) -> None:
    """A head that is cut in two is one request."""
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"GET /page.html HTTP/1.1\r\nHo")
        server_figures(server.figures_url)  # answered after what came before it
        connection.sendall(b"st: x\r\n\r\n")
        read_answer(connection)
    assert server_figures(server.figures_url)["answered"] == 1


def test_it_counts_what_is_open_and_what_is_held(server: Server) -> None:
    """A request for what is never answered is held until its connection is closed."""
    with connect(server) as connection:
        connection.sendall(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n")
        figures = server_figures(server.figures_url)
        assert (figures["held"], figures["open"], figures["accepted"]) == (1, 2, 2)
    figures = server_figures(server.figures_url)
    assert (figures["held"], figures["open"], figures["accepted"]) == (0, 1, 3)


def test_a_client_that_leaves_before_its_answer_harms_nobody(server: Server) -> None:
    """What is due for a connection that is closed is dropped."""
    with connect(server) as connection:
        connection.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server_figures(server.figures_url)["open"] == 2
    with connect(server) as connection:
        connection.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\n\r\n")
        read_answer(connection)
    assert server_figures(server.figures_url)["answered"] == 1
