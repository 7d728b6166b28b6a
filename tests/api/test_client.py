"""A client that a generator makes of /openapi.json books and completes, without anybody having written a line of it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.api.asking import booking
from tests.support import DRIVER_1, PASSWORD, Database, Service

STORY = """
import datetime as dt, json, sys
from parking_client import AuthenticatedClient, Client
from parking_client.api.reservations import book_spot, complete_reservation, find_reservation
from parking_client.api.sessions import sign_in
from parking_client.api.spots import list_spots
from parking_client.models import *

url, email, password, body = sys.argv[1:]
anybody = Client(base_url=url, httpx_args={"trust_env": False})
free = list_spots.sync(client=anybody)
assert [spot.name for spot in free] == [f"Spot {n}" for n in range(1, 6)], free
token = sign_in.sync(client=anybody, body=Credentials(email=email, password=password)).token
driver = AuthenticatedClient(base_url=url, token=token, httpx_args={"trust_env": False})
new = NewReservation.from_dict(json.loads(body))
booked = book_spot.sync_detailed(client=driver, body=new)
assert booked.status_code == 201, booked
assert isinstance(booked.parsed, Reservation), booked
assert isinstance(booked.parsed.start_time, dt.datetime), booked
assert find_reservation.sync(client=driver, reservation=booked.parsed.id) == booked.parsed
refused = book_spot.sync_detailed(client=driver, body=new)
assert (refused.status_code, type(refused.parsed)) == (409, ProblemDocument), refused
assert refused.parsed.type_ == "/problems/spot-taken", refused
ended = complete_reservation.sync(client=driver, reservation=booked.parsed.id)
assert ended.status == "completed", ended
nobody = AuthenticatedClient(base_url=url, token="invented", httpx_args={"trust_env": False})
unknown = find_reservation.sync_detailed(client=nobody, reservation=1)
assert (unknown.status_code, unknown.parsed.type_) == (401, "/problems/invalid-token"), unknown
print("done")
"""


def run(*command: str, folder: Path, service: Service) -> str:
    """What a program of this environment prints, which must succeed."""
    ran = subprocess.run(
        command,
        cwd=folder,
        # The generator formats what it makes, by the ruff that is beside it.
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr + service.output()
    return ran.stdout + ran.stderr


def test_a_generated_client_books_and_completes(database: Database, tmp_path: Path) -> None:
    # The generator knows no PDF; to a client one is a file like any other.
    kinds = tmp_path / "kinds.yml"
    kinds.write_text("content_type_overrides:\n  application/pdf: application/octet-stream\n")
    with Service(database) as service:
        address = f"{service.url}/openapi.json"
        said = run(
            *(sys.executable, "-m", "openapi_python_client", "generate", "--url", address, "--meta", "none"),
            *("--output-path", "parking_client", "--fail-on-warning", "--config", str(kinds)),
            folder=tmp_path,
            service=service,
        )
        assert "WARNING" not in said
        told = run(
            *(sys.executable, "-c", STORY, service.url, DRIVER_1, PASSWORD),
            json.dumps(booking()),
            folder=tmp_path,
            service=service,
        )
        assert told == "done\n"
