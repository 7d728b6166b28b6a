"""Services that start in a tenth of the time: forked from a process that has imported all that they need, and no more.

Importing takes a second of a core, and the suite starts hundreds of services. What is forked runs the `main()` that
`python -m` runs, in a session of its own, with its own environment, output and sockets; tests/api/test_process.py and
tests/tooling start `python -m service` itself.
"""

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import BinaryIO

from tests.support.cluster import ROOT


class Forked:
    """A forked process, with what is needed of subprocess.Popen."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self.pid = int(pipe.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its status as of Popen, None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its status once it has ended; `subprocess.TimeoutExpired` when it has not by then."""
        if self.returncode is None:
            poller = select.poll()
            poller.register(self._pipe, select.POLLIN)
            if not poller.poll(timeout * 1000):
                raise subprocess.TimeoutExpired("a forked process", timeout)
            self.returncode = int(self._pipe.readline())
            self._pipe.close()
        return self.returncode

    def terminate(self) -> None:
        """SIGTERM, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


class Parent:
    """The process that services of one kind are forked from; it ends with this one."""

    def __init__(self, module: str) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.nursery", module],
                cwd=ROOT,
                stdin=theirs.fileno(),
                # Not in the group that a Ctrl-C interrupts: the tests' own ends come first.
                start_new_session=True,
            )
        atexit.register(self._end)

    def fork(self, environ: Mapping[str, str], output: BinaryIO) -> Forked:
        """A process with exactly this environment, which prints to `output`."""
        read, write = os.pipe()
        try:
            socket.send_fds(self._ours, [json.dumps(dict(environ)).encode()], [output.fileno(), write])
        finally:
            os.close(write)
        return Forked(os.fdopen(read, "rb"))

    def _end(self) -> None:
        self._ours.close()
        self._process.wait(10)


_starting = threading.Lock()


@functools.cache
def _parent(module: str) -> Parent:
    return Parent(module)


def fork(module: str, environ: Mapping[str, str], output: BinaryIO) -> Forked:
    """`python -m module` with exactly this environment, printing to `output`."""
    with _starting:
        parent = _parent(module)
    return parent.fork(environ, output)
