"""PostgreSQL clusters, run by `db/cluster` as `make up` does."""

import contextlib
import fcntl
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
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


def nothing(cluster: Cluster) -> None:
    """What is done before a cluster is made, if nothing else is said."""


@contextmanager
def temporary_cluster(*options: str, before: Callable[[Cluster], None] = nothing) -> Iterator[Cluster]:
    """A cluster of its own, with `db/cluster start --without-fsync --in-memory <options>`, removed in the end."""
    cluster = Cluster(f"test-{secrets.token_hex(4)}")
    try:
        before(cluster)
        cluster.start("--without-fsync", "--in-memory", *options)
        yield cluster
    finally:
        cluster.command("reset")


class Console:
    """psql as the superuser in the database `postgres` of a cluster, kept open: to make one takes 30 ms of a core."""

    _DONE = "-- done"

    def __init__(self, cluster: Cluster) -> None:
        self._command = [str(PSQL), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]
        self._process = subprocess.Popen(
            self._command,
            env={**os.environ, **cluster.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def open(self) -> bool:
        """Whether there is somebody to ask; nobody after a failure."""
        return self._process.poll() is None

    def ask(self, sql: str) -> str:
        """Bare rows, columns parted by `|`; raises CommandFailed, after which it is closed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        said: list[str] = []
        with contextlib.suppress(BrokenPipeError):  # what it said in the end is still to be read
            self._process.stdin.write(f"{sql}\n;\n\\echo {self._DONE}\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.rstrip("\n") == self._DONE:
                return "".join(said).strip()
            said.append(line)
        self.close()
        raise CommandFailed(self._command, self._process.returncode, "".join(said))

    def close(self) -> None:
        """Tell it to end, and wait until it has."""
        self._process.communicate(timeout=20)


SHARED = Cluster(f"test-{WORKER}" if WORKER else "test")
"""The cluster of this process's tests."""

_consoles: list[Console] = []


def administer(cluster: Cluster, sql: str) -> str:
    """As `cluster.psql(sql)`; where databases come and go by the hundred, one psql does it all."""
    if cluster != SHARED:
        return cluster.psql(sql)
    if not (_consoles and _consoles[-1].open):
        _consoles[:] = [Console(cluster)]
    return _consoles[-1].ask(sql)


@contextmanager
def shared_cluster(*, before: Callable[[Cluster], None] = nothing) -> Iterator[Cluster]:
    """The cluster `test`, which stays between runs and is shared by suites that run at the same time.

    The last suite to leave stops it, unless somebody had started it by hand. The workers of one suite have one each,
    `test-gw0` and so on: roles, sessions, the log and the list of running transactions are a whole cluster's.
    """
    cluster = SHARED
    DATA.mkdir(exist_ok=True)
    with (DATA / f"{cluster.name}-cluster.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not cluster.running:
            before(cluster)
            cluster.start("--cron-database", "postgres", "--without-fsync", "--in-memory")
            lock.truncate(0)
            lock.write("started by the suite")
            lock.flush()
        yield cluster
        while _consoles:
            _consoles.pop().close()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        lock.seek(0)
        if lock.read():
            lock.truncate(0)
            cluster.stop()
