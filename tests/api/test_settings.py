"""The settings that the environment makes, or does not."""

from pathlib import Path

import pytest

from service.settings import Settings, SettingsError

SECRET = "0123456789" * 4
REQUIRED = {"PARKING_DATABASE_URL": "postgresql://parking_service@/parking?host=/tmp", "PARKING_JWT_SECRET": SECRET}


def test_defaults() -> None:
    assert Settings.from_environ(REQUIRED | {"PARKING_LOT": "", "PATH": "/bin"}) == Settings(
        database_url=REQUIRED["PARKING_DATABASE_URL"], jwt_secret=SECRET
    )


def test_everything_set() -> None:
    given = {
        "PARKING_TENANT": "city",
        "PARKING_LOT": "7",
        "PARKING_TOKEN_SECONDS": "600",
        "PARKING_HOST": "0.0.0.0",  # noqa: S104
        "PARKING_PORT": "80",
        "PARKING_POOL_SIZE": "3",
        "PARKING_SECURE_COOKIES": "true",
        "PARKING_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::1",
        "PARKING_JWT_RETIRED_SECRETS": f"{SECRET[::-1]}, {SECRET * 2},",
        "PARKING_DATABASE_PASSWORD": "hidden",
        "PARKING_PROXY_HEADER": "Forwarded",
        "PARKING_METRICS_TOKEN": "t" * 16,
        "PARKING_METRICS_NETWORKS": "192.0.2.7",
        "PARKING_LOG_FORMAT": "TEXT",
        "PARKING_LOG_LEVEL": "warning",
        "PARKING_STOP_DELAY": "5",
    }
    settings = Settings.from_environ(REQUIRED | given)
    assert (settings.tenant, settings.lot, settings.token_seconds) == ("city", 7, 600)
    assert (settings.host, settings.port, settings.pool_size, settings.secure_cookies) == ("0.0.0.0", 80, 3, True)  # noqa: S104
    assert settings.database_password == "hidden"
    assert settings.trusted_proxies == ("10.0.0.0/8", "2001:db8::1/128")
    assert settings.jwt_retired_secrets == (SECRET[::-1], SECRET * 2)
    assert (settings.proxy_header, settings.log_format, settings.log_level) == ("forwarded", "text", "warning")
    assert (settings.metrics_token, settings.metrics_networks) == ("t" * 16, ("192.0.2.7/32",))
    assert settings.stop_delay == 5


def test_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "jwt").write_text(SECRET + "\n")
    (tmp_path / "password").write_text("pass word\n")
    (tmp_path / "retired").write_text(f"{SECRET[::-1]},{SECRET * 2}\n")
    (tmp_path / "url").write_text(REQUIRED["PARKING_DATABASE_URL"] + "\n")
    (tmp_path / "token").write_text("t" * 16 + "\r\n")
    settings = Settings.from_environ(
        {
            "PARKING_DATABASE_URL_FILE": str(tmp_path / "url"),
            "PARKING_METRICS_TOKEN_FILE": str(tmp_path / "token"),
            "PARKING_JWT_SECRET_FILE": str(tmp_path / "jwt"),
            "PARKING_DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
            "PARKING_JWT_RETIRED_SECRETS_FILE": str(tmp_path / "retired"),
        }
    )
    assert settings.jwt_retired_secrets == (SECRET[::-1], SECRET * 2)
    assert (settings.jwt_secret, settings.database_password) == (SECRET, "pass word")
    assert (settings.database_url, settings.metrics_token) == (REQUIRED["PARKING_DATABASE_URL"], "t" * 16)


def test_every_fault_is_named_at_once_and_no_value(tmp_path: Path) -> None:
    wrong = {
        "PARKING_DATABASE_URL": "mysql://root:hidden@db/parking",
        "PARKING_JWT_SECRET": "hidden",
        "PARKING_DATABASE_PASSWORD_FILE": str(tmp_path / "missing"),
        "PARKING_LOT": "hidden",
        "PARKING_TOKEN_SECONDS": "-1",
        "PARKING_PORT": "65536",
        "PARKING_POOL_SIZE": "0",
        "PARKING_SECURE_COOKIES": "perhaps",
        "PARKING_TRUSTED_PROXIES": "hidden.example",
        "PARKING_JWT_RETIRED_SECRETS": f"{SECRET},hidden",
        "PARKING_PROXY_HEADER": "hidden",
        "PARKING_METRICS_TOKEN": "hidden",
        "PARKING_METRICS_NETWORKS": "hidden",
        "PARKING_LOG_FORMAT": "hidden",
        "PARKING_LOG_LEVEL": "hidden",
        "PARKING_STOP_DELAY": "1.5",
        "PARKING_GARAGE_LOT": "0",
        "PARKING_GARAGE_DESK": "10",
        "PARKING_SECURE_COOKIE": "hidden",
        "PARKING_": "hidden",
    }
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ(wrong)
    for name, fault in zip(sorted(wrong), sorted(raised.value.faults), strict=True):
        assert fault.startswith(name)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("missing", REQUIRED)
def test_what_must_be_set(missing: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({name: value for name, value in REQUIRED.items() if name != missing})
    (fault,) = raised.value.faults
    assert missing in fault


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://parking.example", "https://parking.example"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("parking.example", None),
        ("https://", None),
        ("https://parking.example/park", None),
        ("https://parking.example/?a=b", None),
        ("https://parking.example#hidden", None),
        ("https://hidden:hidden@parking.example", None),
        ("ftp://parking.example", None),
        ("http://[hidden", None),
        ("http://parking.example:hidden", None),
    ],
)
def test_the_public_address_is_scheme_and_host(url: str, kept: str | None) -> None:
    if kept is not None:
        assert Settings.from_environ(REQUIRED | {"PARKING_PUBLIC_URL": url}).public_url == kept
        return
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ(REQUIRED | {"PARKING_PUBLIC_URL": url})
    (fault,) = raised.value.faults
    assert fault.startswith("PARKING_PUBLIC_URL")
    assert "hidden" not in fault


@pytest.mark.parametrize("name", ["PARKING_GARAGE_LOT", "PARKING_GARAGE_DESK"])
def test_a_garage_has_both_a_lot_and_a_desk(name: str) -> None:
    both = {"PARKING_GARAGE_LOT": "7", "PARKING_GARAGE_DESK": "desk@example.org"}
    settings = Settings.from_environ(REQUIRED | both)
    assert (settings.garage_lot, settings.garage_desk) == (7, "desk@example.org")
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ(REQUIRED | both | {name: ""})
    (fault,) = raised.value.faults
    assert fault.startswith(name)


def test_a_secret_given_twice_is_ambiguous(tmp_path: Path) -> None:
    (tmp_path / "jwt").write_text(SECRET)
    with pytest.raises(SettingsError):
        Settings.from_environ(REQUIRED | {"PARKING_JWT_SECRET_FILE": str(tmp_path / "jwt")})


def test_a_secret_is_measured_in_bytes() -> None:
    assert Settings.from_environ(REQUIRED | {"PARKING_JWT_SECRET": "ü" * 16}).jwt_secret == "ü" * 16
    with pytest.raises(SettingsError):
        Settings.from_environ(REQUIRED | {"PARKING_JWT_SECRET": "x" * 31})


def test_settings_do_not_show_secrets() -> None:
    settings = Settings.from_environ(REQUIRED | {"PARKING_DATABASE_PASSWORD": "hidden"})
    assert SECRET not in f"{settings!r} {settings}"
    assert "hidden" not in f"{settings!r} {settings}"


def test_a_setting_that_there_is_not_is_a_fault_and_the_likeliest_one_is_named() -> None:
    """Whoever misspells it would believe that cookies are secure."""
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ(REQUIRED | {"PARKING_SECURE_COOKIE": "true", "PARKING_XYZZY_QUUX": "1"})
    assert raised.value.faults == [
        "PARKING_SECURE_COOKIE is no setting; PARKING_SECURE_COOKIES is.",
        "PARKING_XYZZY_QUUX is no setting.",
    ]


def test_an_empty_secret_file_is_a_fault(tmp_path: Path) -> None:
    """An empty password would count as none."""
    (tmp_path / "empty").write_text("\n")
    for name in ("DATABASE_PASSWORD", "METRICS_TOKEN"):
        with pytest.raises(SettingsError) as raised:
            Settings.from_environ(REQUIRED | {f"PARKING_{name}_FILE": str(tmp_path / "empty")})
        assert raised.value.faults == [f"PARKING_{name}_FILE names an empty file."]
