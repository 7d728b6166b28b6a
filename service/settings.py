"""What the service is told from outside. Read once, at start-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

PREFIX = "PARKING_"
SHORTEST_SECRET = 32


class SettingsError(Exception):
    """The environment does not make a configuration.

    `faults` has one sentence for each variable that is missing or wrong; no sentence repeats a value, since
    the value may be a secret.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(Struct, frozen=True, kw_only=True):
    """The configuration. Its representation leaves out what is secret: the URL may hold a password."""

    database_url: str
    database_password: str | None = None
    jwt_secret: str
    jwt_retired_secrets: tuple[str, ...] = ()
    tenant: str = "default"
    lot: int | None = None
    token_seconds: int = 900
    host: str = "127.0.0.1"
    port: int = 8000
    pool_size: int = 10
    secure_cookies: bool = False
    trusted_proxies: tuple[str, ...] = ()
    public_url: str = ""

    def __repr__(self) -> str:
        return f"Settings(tenant={self.tenant!r}, lot={self.lot}, host={self.host!r}, port={self.port})"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in these variables, or a SettingsError that names every fault at once.

        The database's password and the JWT secrets may also lie in files, as container secrets do:
        PARKING_DATABASE_PASSWORD_FILE, PARKING_JWT_SECRET_FILE, PARKING_JWT_RETIRED_SECRETS_FILE.
        """
        read = _Reader(environ)
        read.required("DATABASE_URL", _database_url)
        read.secret("DATABASE_PASSWORD")
        read.jwt_secret("JWT_SECRET")
        read.jwt_secrets("JWT_RETIRED_SECRETS")
        read.optional("TENANT", str)
        read.optional("LOT", _whole_number(1, 2**63 - 1))
        read.optional("TOKEN_SECONDS", _whole_number(60, 366 * 86_400))
        read.optional("HOST", str)
        read.optional("PORT", _whole_number(1, 65_535))
        read.optional("POOL_SIZE", _whole_number(1, 1000))
        read.optional("SECURE_COOKIES", _truth)
        read.optional("TRUSTED_PROXIES", _networks)
        read.optional("PUBLIC_URL", _origin)
        if read.faults:
            raise SettingsError(read.faults)
        return cls(**read.values)


class _Reader:
    """Collects what variables say, and what is wrong with them. An empty variable counts as one that is not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.values: dict[str, Any] = {}
        self.faults: list[str] = []

    def optional(self, name: str, parse: Callable[[str], object]) -> None:
        text = self.environ.get(PREFIX + name, "").strip()
        if text:
            try:
                self.values[name.lower()] = parse(text)
            except ValueError as error:
                self.faults.append(f"{PREFIX}{name} {error}.")

    def required(self, name: str, parse: Callable[[str], object]) -> None:
        self.optional(name, parse)
        if not self.environ.get(PREFIX + name, "").strip():
            self.faults.append(f"{PREFIX}{name} is not set.")

    def secret(self, name: str) -> None:
        value = self.environ.get(PREFIX + name)
        path = self.environ.get(f"{PREFIX}{name}_FILE")
        if value and path:
            self.faults.append(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set.")
        elif path:
            try:
                value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, ValueError):
                self.faults.append(f"{PREFIX}{name}_FILE names no readable text file.")
        if value:
            self.values[name.lower()] = value

    def jwt_secret(self, name: str) -> None:
        faults = len(self.faults)
        self.secret(name)
        secret = self.values.get(name.lower(), "")
        if not secret and len(self.faults) == faults:
            self.faults.append(f"Neither {PREFIX}{name} nor {PREFIX}{name}_FILE is set.")
        elif secret and len(secret.encode()) < SHORTEST_SECRET:
            self.faults.append(f"{PREFIX}{name} is shorter than {SHORTEST_SECRET} bytes.")

    def jwt_secrets(self, name: str) -> None:
        self.secret(name)
        if (text := self.values.pop(name.lower(), None)) is None:
            return
        secrets = tuple(part.strip() for part in text.split(",") if part.strip())
        if any(len(secret.encode()) < SHORTEST_SECRET for secret in secrets):
            self.faults.append(f"{PREFIX}{name} has one that is shorter than {SHORTEST_SECRET} bytes.")
        self.values[name.lower()] = secrets


def _database_url(text: str) -> str:
    if urlsplit(text).scheme not in ("postgresql", "postgres"):
        raise ValueError("must look like postgresql://user@host/database")
    return text


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def _networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(part.strip())) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("must be addresses or networks like 10.0.0.0/8, parted by commas") from None


def _origin(text: str) -> str:
    fault = ValueError("must look like https://parking.example, with nothing before or after the host and its port")
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise fault from None
    if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/") or "@" in parts.netloc:
        raise fault
    if parts.query or parts.fragment:
        raise fault
    return f"{parts.scheme}://{parts.netloc}"


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"
