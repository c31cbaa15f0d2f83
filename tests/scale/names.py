"""A name server for container names on loopback, like the one in Docker's networks. IPv4 only."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

A = 1  # RFC 1035 §3.2.2
ANSWER, NO_SUCH_NAME = 0x8180, 0x8183


@contextmanager
def name_server(addresses: dict[str, str]) -> Iterator[int]:
    """Yield the port of the name server. Change `addresses` to move a container."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        threading.Thread(target=_serve, args=(server, addresses), daemon=True).start()
        yield server.getsockname()[1]
        # This ends the waiting of the thread. Closing the socket doesn't.
        server.sendto(b"", server.getsockname())


def _serve(server: socket.socket, addresses: dict[str, str]) -> None:
    while True:
        query, client = server.recvfrom(512)
        if not query:
            return
        server.sendto(_answer(query, addresses), client)


def _answer(query: bytes, addresses: dict[str, str]) -> bytes:
    """Answer one question (RFC 1035 §4): a name of one label, its type and its class."""
    end = 12 + 1 + query[12]
    name, (kind,) = query[13:end].decode(), struct.unpack(">H", query[end + 1 : end + 3])
    question = query[12 : end + 5]
    found = addresses.get(name) if kind == A else None
    flags = ANSWER if name in addresses else NO_SUCH_NAME
    header = query[:2] + struct.pack(">HHHHH", flags, 1, 1 if found else 0, 0, 0)
    if not found:
        return header + question
    # The name is a pointer to the question. It is valid for ten minutes, which HAProxy ignores.
    record = struct.pack(">HHHIH", 0xC00C, A, 1, 600, 4) + socket.inet_aton(found)
    return header + question + record
