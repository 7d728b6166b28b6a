"""Schemathesis reads /openapi.json, makes up requests that obey it and requests that do not, and judges the answers.

What it is not asked to judge, and why, is in the README.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support import DRIVER_1, OPERATOR, ROOT, Database, Service, issue_token

SECONDS: Final = 20
"""For each caller; the time-out of a hung run is several times that."""

UNLIMITED: Final = {"PARKING_PERSON_REQUESTS": "0", "PARKING_ADDRESS_REQUESTS": "0"}

LEFT_OUT: Final[dict[str, str]] = {}
"""Checks that are not made, each with its reason."""

CALLERS: Final = ("nobody", "driver", "operator", "admin", "platform")


@pytest.mark.parametrize("caller", CALLERS)
def test_answers_are_what_the_document_says(database: Database, caller: str, tmp_path: Path) -> None:
    email = {"driver": DRIVER_1, "operator": OPERATOR}.get(caller, "admin@parking.com")
    person = int(database.psql(f"select parking.find_person('{email}')"))
    if caller == "platform":
        database.psql(f"select parking.assign_role({person}, 'platform')")
    with Service(database, environ=UNLIMITED) as service:
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{service.url}/openapi.json"]
        command += ["--phases", "examples,coverage,fuzzing,stateful", "--max-time", str(SECONDS), "--seed", "1"]
        command += ["--continue-on-failure", "--no-shrink", "--request-timeout", "20", "--generation-database", "none"]
        if LEFT_OUT:
            command += ["--exclude-checks", ",".join(LEFT_OUT)]
        if caller != "nobody":
            command += ["--header", f"Authorization: Bearer {issue_token(service, person)}"]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS * 8, check=False)
        assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2000:]
        assert "Traceback" not in service.output()
        assert database.psql("select count(*) from parking.problems()") > "0"
        assert ROOT.is_dir()
