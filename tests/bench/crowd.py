"""`python -m tests.bench.crowd`: very many WebSocket clients in one process, as cheap as Python makes them.

They are told what to do by JSON objects on stdin, a line each, and answer with a line on stdout:
- {"do": "open", "port": 8000, "path": "/ws", "clients": 1000}: leave what is open, and come back so many at once, each
  again after a second if it is refused. The answer comes when each has got its first frame:
  {"served": 1000, "refused": 0, "bytes": 63000000, "seconds": [of each, in order]}.
- {"do": "heard"}: the frames since the last such question that were not somebody's first:
  [[text, clients that got it, when the first did, when the last did], ...].
- {"do": "count"}: {"open": 1000, "lost": 0}.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from contextlib import suppress
from typing import Any

RETRY_SECONDS = 1.0
PATIENCE = 60.0
AT_A_TIME = 1 << 18
TEXT, CLOSE, PING = 1, 8, 9
# A pong from a client is masked (RFC 6455, 5.3), here by zeros.
PONG = b"\x8a"
MASKED = 128
SHORT, MEDIUM = 126, 127
STDIN = 0


class Client:
    """One socket, from its handshake on; `rest` is what has come of a frame that is not complete."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.asked = False
        self.welcome = False
        self.served = False
        self.rest = b""


class Crowd:
    """All the clients, in one thread around one epoll."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.epoll.register(STDIN, select.EPOLLIN)
        self.clients: dict[int, Client] = {}
        self.heard: dict[bytes, list[float]] = {}
        self.commands = b""
        self.order: dict[str, Any] = {}
        self.began = 0.0
        self.times: list[float] = []
        self.refused = 0
        self.lost = 0
        self.bytes = 0
        self.retries: list[float] = []

    def run(self) -> None:
        """Until stdin ends."""
        while True:
            for descriptor, _ in self.epoll.poll(0.05):
                if descriptor != STDIN:
                    self.advance(self.clients[descriptor])
                elif not self.obey():
                    return
            now = time.time()
            due = [moment for moment in self.retries if moment <= now]
            self.retries = [moment for moment in self.retries if moment > now]
            for _ in due:
                self.connect()
            if self.order and now > self.began + PATIENCE:
                self.report()

    def obey(self) -> bool:
        """Do what stdin says; whether it is still open."""
        data = os.read(STDIN, AT_A_TIME)
        *lines, self.commands = (self.commands + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if order["do"] == "open":
                self.open(order)
            elif order["do"] == "heard":
                answer([[text.decode(), *values] for text, values in self.heard.items()])
                self.heard = {}
            else:
                answer({"open": len(self.clients), "lost": self.lost})
        return bool(data)

    def open(self, order: dict[str, Any]) -> None:
        """Leave, and come back all at once."""
        for client in self.clients.values():
            client.socket.close()
        self.clients, self.times, self.retries = {}, [], []
        self.refused = self.lost = self.bytes = 0
        self.order = order
        self.began = time.time()
        for _ in range(order["clients"]):
            self.connect()

    def connect(self) -> None:
        client = Client()
        with suppress(BlockingIOError):
            client.socket.connect(("127.0.0.1", self.order["port"]))
        self.clients[client.socket.fileno()] = client
        self.epoll.register(client.socket, select.EPOLLOUT)

    def leave(self, client: Client) -> None:
        """The connection is gone; whoever has not been served tries again."""
        del self.clients[client.socket.fileno()]
        client.socket.close()
        if client.served:
            self.lost += 1
        else:
            self.refused += 1
            self.retries.append(time.time() + RETRY_SECONDS)

    def advance(self, client: Client) -> None:
        """Something has happened to this socket."""
        try:
            if not client.asked:
                client.socket.sendall(
                    f"GET {self.order['path']} HTTP/1.1\r\nHost: 127.0.0.1:{self.order['port']}\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
                )
                client.asked = True
                self.epoll.modify(client.socket, select.EPOLLIN)
                return
            data = client.socket.recv(AT_A_TIME)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data and client.rest:
            data = client.rest + data
        if data and not client.welcome:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                client.rest = head
                return
            client.welcome = head.startswith(b"HTTP/1.1 101 ")
            if client.welcome and not data:
                client.rest = b""
                return
        if not data or not client.welcome:
            self.leave(client)
            return
        self.read(client, data)

    def read(self, client: Client, data: bytes) -> None:
        """Take the complete frames; servers do not mask theirs (RFC 6455, 5.1)."""
        now = time.time()
        start = 0
        while len(data) >= start + 2:
            length, body = data[start + 1], start + 2
            if length == SHORT:
                length, body = int.from_bytes(data[body : body + 2], "big"), body + 2
            elif length == MEDIUM:
                length, body = int.from_bytes(data[body : body + 8], "big"), body + 8
            if len(data) < body + length:
                break
            kind = data[start] & 15
            start = body + length
            if kind == CLOSE:
                self.leave(client)
                return
            if kind == PING:
                with suppress(OSError):
                    client.socket.send(PONG + bytes([MASKED | length]) + bytes(4) + data[body:start])
            if kind == TEXT:
                self.take(client, data[body:start], now)
        client.rest = data[start:]

    def take(self, client: Client, text: bytes, now: float) -> None:
        if client.served:
            known = self.heard.get(text)
            if known is None:
                self.heard[text] = [1, now, now]
            else:
                known[0] += 1
                known[2] = now
            return
        client.served = True
        self.bytes += len(text)
        self.times.append(now - self.began)
        if len(self.times) == self.order["clients"]:
            self.report()

    def report(self) -> None:
        """Answer the order to open."""
        if "answered" not in self.order:
            self.order["answered"] = True
            answer({"served": len(self.times), "refused": self.refused, "bytes": self.bytes, "seconds": self.times})


def answer(reply: object) -> None:
    """One line."""
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    Crowd().run()
