"""`make up` in a clone of its own, as a stranger runs it: it serves, keeps its data, and stops what it started."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.support import ROOT, CommandFailed, free_port, run, sign_in

NOT_CLONED = shutil.ignore_patterns(
    ".git", ".data", ".venv", "venv", "node_modules", "__pycache__", ".*_cache", ".hypothesis"
)


@dataclass
class Clone:
    """A copy of the tree in another folder, sharing this suite's Python environment."""

    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def environ(self) -> dict[str, str]:
        return {"VENV": sys.prefix, "PORT": str(self.port)}

    def make(self, target: str) -> str:
        return run("make", target, cwd=self.folder, environ=self.environ)

    def database_runs(self) -> bool:
        return "not running" not in run(self.folder / "db" / "cluster", "status", check=False)

    @contextmanager
    def up(self) -> Iterator["Running"]:
        """`make up` in a session of its own, until it serves; the block is to end it."""
        log = self.folder.parent / "up.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["make", "up"],
                cwd=self.folder,
                env={**os.environ, **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Running(process, log)
        try:
            running.wait_for("stop  ")
            yield running
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(60)


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + 120
        while words not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)

    def interrupt(self) -> None:
        """Ctrl-C: the terminal signals all of them."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(60)

    def terminate(self) -> None:
        """SIGTERM to make alone, as a supervisor does."""
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    clone = Clone(tmp_path / "a clone")
    shutil.copytree(ROOT, clone.folder, ignore=NOT_CLONED)
    yield clone
    clone.make("reset")


async def test_it_serves_stops_what_it_started_and_keeps_its_data(clone: Clone) -> None:
    url = f"http://127.0.0.1:{clone.port}"
    starts = datetime.now(UTC) + timedelta(days=1)
    with clone.up() as running:
        assert url in running.output
        assert "driver1@parking.com" in running.output
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            headers = await sign_in(client)
            spot = (await client.get("/spots")).json()[0]["id"]
            period = {"start_time": starts.isoformat(), "end_time": (starts + timedelta(hours=1)).isoformat()}
            booked = await client.post("/reservations", headers=headers, json={"spot_id": spot, **period})
            assert booked.status_code == 201, booked.text
            assert len((await client.get("/")).text) > 1000
        dba = run(
            "make",
            "psql",
            cwd=clone.folder,
            environ=clone.environ,
            stdin="select current_user, count(*) from parking.bookings;",
        )
        assert "dba" in dba
        running.terminate()
    assert not answers(clone.port)
    assert not clone.database_runs()
    secret = clone.folder / ".data" / "jwt-secret"
    assert secret.stat().st_mode & 0o777 == 0o600

    with clone.up() as running:
        assert "Nothing to deploy" in running.output
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            # The token of the first run: the secret is the same.
            again = await client.get(booked.headers["location"], headers=headers)
            assert (again.status_code, again.json()) == (200, booked.json())
        running.interrupt()
        assert "Traceback" not in running.output
    assert not answers(clone.port)
    assert not clone.database_runs()


def test_what_ran_before_keeps_running_and_make_down_stops_it(clone: Clone) -> None:
    run(clone.folder / "db" / "cluster", "start")
    with clone.up() as running:
        with pytest.raises(CommandFailed, match="already running in this clone"):
            clone.make("up")
        running.terminate()
        assert clone.database_runs()
    with clone.up() as running:
        clone.make("down")
        running.process.wait(10)
    assert not answers(clone.port)
    assert not clone.database_runs()


def test_an_edited_deployed_change_stops_it_and_names_the_way_on(clone: Clone) -> None:
    with clone.up() as running:
        running.terminate()
    with (clone.folder / "db" / "deploy" / "booking.sql").open("a") as script:
        script.write("-- edited after it was deployed\n")
    with pytest.raises(CommandFailed, match="make reset"):
        clone.make("up")
    assert not clone.database_runs()
    clone.make("reset")
    assert not (clone.folder / ".data").exists()
    with clone.up() as running:
        running.terminate()


def test_a_taken_port_is_refused(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", clone.port)), pytest.raises(CommandFailed, match="is taken"):
        clone.make("up")


def test_git_ignores_what_does_not_belong_to_it(tmp_path: Path) -> None:
    run("git", "init", "-q", tmp_path)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    paths = ("node_modules/htmx/index.js", "venv/bin/python", ".venv/bin/python", ".env", ".data/jwt-secret")
    assert run("git", "check-ignore", *paths, cwd=tmp_path).split() == list(paths)


def answers(port: int) -> bool:
    """Whether anybody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
