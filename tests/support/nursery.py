"""`python -m tests.support.nursery MODULE`: where tests/support/forking.py has its processes from."""

import contextlib
import gc
import importlib
import json
import os
import select
import socket
import sys

from service.app import create_app
from service.settings import Settings

LARGEST_REQUEST = 1 << 20
PLACEHOLDERS = {"PARKING_DATABASE_URL": "postgresql:///", "PARKING_JWT_SECRET": "only rehearses, and serves nobody"}


def tell(pipe: int, number: int) -> None:
    """One of the two that the other side waits for: the process's number, and its status in the end."""
    with contextlib.suppress(BrokenPipeError):  # whoever asked may be gone
        os.write(pipe, b"%d\n" % number)


def serve(requests: socket.socket) -> dict[str, str] | None:
    """Fork for each request; in the child, the environment that it is to have. None once nobody can ask any more."""
    running: dict[int, tuple[int, int]] = {}
    poller = select.poll()
    poller.register(requests, select.POLLIN)
    while True:
        for ready, _ in poller.poll():
            if ready in running:
                pid, pipe = running.pop(ready)
                poller.unregister(ready)
                tell(pipe, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                os.close(ready)
                os.close(pipe)
                continue
            message, descriptors, _, _ = socket.recv_fds(requests, LARGEST_REQUEST, 2)
            if not message:
                return None
            output, pipe = descriptors
            pid = os.fork()
            if pid == 0:
                os.setsid()
                nothing = os.open(os.devnull, os.O_RDONLY)
                for new, standard in ((nothing, 0), (output, 1), (output, 2)):
                    os.dup2(new, standard)
                requests.detach()
                os.closerange(3, os.sysconf("SC_OPEN_MAX"))
                environ: dict[str, str] = json.loads(message)
                return environ
            os.close(output)
            tell(pipe, pid)
            ended = os.pidfd_open(pid)
            running[ended] = pid, pipe
            poller.register(ended, select.POLLIN)


def main() -> int:
    """Import the module and fork; standard input is a socket to be asked through."""
    module = importlib.import_module(sys.argv[1])
    # Whoever puts the application together a second time finds half of the work done: what types were looked at, what
    # expressions compiled.
    create_app(Settings.from_environ(PLACEHOLDERS))
    # A collection in a child would otherwise write to, and so copy, all that it shares with the others. While it starts
    # it makes hardly any garbage; what main() sets is for when it serves.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    environ = serve(socket.socket(fileno=0))
    if environ is None:
        return 0
    os.environ.clear()
    os.environ.update(environ)
    sys.argv[:] = [str(module.__file__)]
    status: int | None = module.main()
    return status or 0


if __name__ == "__main__":
    sys.exit(main())
