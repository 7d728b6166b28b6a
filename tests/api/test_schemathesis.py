"""Schemathesis reads /openapi.json, makes up requests that obey it and requests that do not, and judges the answers."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support import DRIVER_1, OPERATOR, ROOT, Database, Service, issue_token

SECONDS: Final = int(os.environ.get("SCHEMATHESIS_SECONDS", "8"))
"""For each caller and phase; whoever has the time gives it more."""

LONGEST: Final = SECONDS * 30
"""For one run, the time it takes to begin and to end included."""

PHASES: Final = {"examples": "Examples", "coverage": "Coverage", "fuzzing": "Fuzzing", "stateful": "Stateful"}
"""Each in a run of its own, or the first would use up the time of all; and the words by which its end is told."""

UNLIMITED: Final = {"PARKING_PERSON_REQUESTS": "0", "PARKING_ADDRESS_REQUESTS": "0"}

LEFT_OUT: Final[dict[str, str]] = {
    "positive_data_acceptance": "a document cannot say all that the rules ask for, such as a period that lies ahead; "
    "and 1.0, which a schema calls a whole number, is refused here",
}
"""Checks that are not made, each with its reason."""

NOT_ASKED: Final[dict[str, str]] = {"sign_out": "it ends the session that all the other requests are sent with"}
"""What those who are signed in do not try, sign_out_everywhere included; nobody tries it all."""

CALLERS: Final[dict[str, str | None]] = {
    "nobody": None,
    "driver": DRIVER_1,
    "operator": OPERATOR,
    "admin": "admin@parking.com",
    "platform": "admin@parking.com",
}


def test_what_is_left_out_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    said = readme[readme.index("Schemathesis tries all of it") :].partition("\n\n")[0]
    assert all(f"`{check}`" in said for check in LEFT_OUT)
    assert NOT_ASKED.keys() == {"sign_out"}
    assert "the two ways to sign out" in said
    assert all(phase in PHASES for phase in ("examples", "coverage", "fuzzing", "stateful"))


@pytest.mark.parametrize("caller", CALLERS)
def test_answers_are_what_the_document_says(database: Database, caller: str, tmp_path: Path) -> None:
    with Service(database, environ=UNLIMITED) as service:
        command = [str(Path(sys.executable).with_name("schemathesis"))]
        command += ["--config-file", str(Path(__file__).with_name("schemathesis.toml"))]
        command += ["run", f"{service.url}/openapi.json", "--exclude-checks", ",".join(LEFT_OUT)]
        command += ["--seed", "1", "--generation-database", "none"]
        command += ["--continue-on-failure", "--no-shrink", "--request-timeout", "20"]
        if email := CALLERS[caller]:
            person = int(database.psql(f"select parking.find_person('{email}')"))
            if caller == "platform":
                database.psql(f"select parking.assign_role({person}, 'platform')")
            command += ["--header", f"Authorization: Bearer {issue_token(service, person)}"]
            command += ["--exclude-operation-id-regex", "|".join(NOT_ASKED)]
        for phase, title in PHASES.items():
            words = [*command, "--phases", phase]
            # The time may be up before all is tried, and never before anything is. It begins before the document is
            # read, for which a slow machine may need all of it.
            assert any(tried(words, seconds, tmp_path) for seconds in (SECONDS, SECONDS * 4, SECONDS * 16)), title
        assert "Traceback" not in service.output()


def tried(command: list[str], seconds: int, folder: Path) -> int:
    """How many requests were made up and sent in that time, and answered as the document says."""
    words = [*command, "--max-time", str(seconds)]
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2000:]
    made = re.search(r"Test cases:\s+(\d+) generated", ran.stdout.replace(",", ""))
    assert made or "No test cases were generated" in ran.stdout, ran.stdout
    return int(made[1]) if made else 0
