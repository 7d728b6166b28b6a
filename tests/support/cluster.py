"""PostgreSQL clusters, run by `db/cluster` as `make up` does."""

import fcntl
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The clone that the tests lie in."""

DATA = ROOT / ".data"

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
"""The name of this process where several of them run the suite, each with a cluster and a template of its own."""

PSQL = max(Path("/usr/lib/postgresql").glob("*/bin/psql"), key=lambda path: path.parts[4], default=Path("psql"))
"""psql itself: Debian's is a Perl script that looks for it, which takes longer than most statements."""


class CommandFailed(AssertionError):
    """A program ended with a status other than 0; `output` is all it printed."""

    def __init__(self, command: list[str], status: int, output: str) -> None:
        super().__init__(f"{' '.join(command)} ended with status {status}:\n{output}")
        self.status = status
        self.output = output


def run(
    *command: str | Path,
    environ: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path = ROOT,
    seconds: float = 120,
    check: bool = True,
) -> str:
    """Run a program and return what it printed, errors included, in order.

    `environ` is added to this process's environment. A status other than 0 raises `CommandFailed`, unless `check` is
    False; running longer than `seconds` raises `subprocess.TimeoutExpired`.
    """
    __tracebackhide__ = True  # the caller's line is the one to look at
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        env={**os.environ, **(environ or {})},
        # Without input the program gets none, and never waits for the terminal.
        input="" if stdin is None else stdin,
        cwd=cwd,
        timeout=seconds,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if check and done.returncode != 0:
        raise CommandFailed(words, done.returncode, done.stdout)
    return done.stdout


@dataclass(frozen=True)
class Cluster:
    """One private PostgreSQL cluster of this clone."""

    name: str

    def command(self, *arguments: str, check: bool = True) -> str:
        """`db/cluster --name <name> <arguments>`."""
        return run(ROOT / "db" / "cluster", "--name", self.name, *arguments, check=check)

    def start(self, *options: str) -> None:
        """Make it if need be, start it and wait until it answers; `options` are those of `db/cluster start`."""
        self.command("start", *options)

    def stop(self) -> None:
        """Stop it (fast: sessions are ended, nothing committed is lost) and wait for that."""
        self.command("stop")

    @property
    def running(self) -> bool:
        """Whether its postmaster runs."""
        return "not running" not in self.command("status", check=False)

    @cached_property
    def environ(self) -> dict[str, str]:
        """PGHOST, PGPORT and PGUSER (the superuser)."""
        lines = self.command("env").splitlines()
        return dict(line.removeprefix("export ").split("=", 1) for line in lines)

    @property
    def log(self) -> Path:
        """The server's log."""
        return Path(self.command("log").strip())

    def psql(self, sql: str, *, database: str = "postgres", role: str = "postgres") -> str:
        """Bare rows, columns parted by `|`, of `sql` run as the superuser (or as `role`)."""
        words = (PSQL, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", role, "-d", database)
        return run(*words, environ=self.environ, stdin=sql).strip()


@contextmanager
def temporary_cluster(*options: str) -> Iterator[Cluster]:
    """A cluster of its own, with `db/cluster start --without-fsync --in-memory <options>`, removed in the end."""
    cluster = Cluster(f"test-{secrets.token_hex(4)}")
    try:
        cluster.start("--without-fsync", "--in-memory", *options)
        yield cluster
    finally:
        cluster.command("reset")


@contextmanager
def shared_cluster() -> Iterator[Cluster]:
    """The cluster `test`, which stays between runs and is shared by suites that run at the same time.

    The last suite to leave stops it, unless somebody had started it by hand. The workers of one suite have one each,
    `test-gw0` and so on: roles, sessions, the log and the list of running transactions are a whole cluster's.
    """
    cluster = Cluster(f"test-{WORKER}" if WORKER else "test")
    DATA.mkdir(exist_ok=True)
    with (DATA / f"{cluster.name}-cluster.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not cluster.running:
            cluster.start("--cron-database", "postgres", "--without-fsync", "--in-memory")
            lock.truncate(0)
            lock.write("started by the suite")
            lock.flush()
        yield cluster
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        lock.seek(0)
        if lock.read():
            lock.truncate(0)
            cluster.stop()
