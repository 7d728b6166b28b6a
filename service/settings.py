"""What the service is told from outside. Read once, at start-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from msgspec import Struct

from service.forwarding import ProxyHeader

PREFIX = "PARKING_"
SHORTEST_SECRET = 32
SHORTEST_METRICS_TOKEN = 16

LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


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
    proxy_header: ProxyHeader = "x-forwarded-for"
    metrics_token: str | None = None
    metrics_networks: tuple[str, ...] | None = None
    log_format: LogFormat = "json"
    log_level: LogLevel = "info"
    stop_delay: int = 0
    otlp_endpoint: str | None = None
    allowed_origins: tuple[str, ...] = ()
    person_requests: int = 2000
    address_requests: int = 10_000
    public_url: str = ""
    garage_lot: int | None = None
    garage_desk: str | None = None

    def __repr__(self) -> str:
        return f"Settings(tenant={self.tenant!r}, lot={self.lot}, host={self.host!r}, port={self.port})"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in these variables, or a SettingsError that names every fault at once.

        What is secret may also lie in a file, as container secrets do, which PARKING_…_FILE names. A variable of our
        prefix that means nothing is a fault too: it is a setting that somebody believes to have made.
        """
        read = _Reader(environ)
        read.database_url("DATABASE_URL")
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
        read.optional("PROXY_HEADER", _one_of(get_args(ProxyHeader)))
        read.metrics_token("METRICS_TOKEN")
        read.optional("METRICS_NETWORKS", _networks)
        read.optional("LOG_FORMAT", _one_of(get_args(LogFormat)))
        read.optional("LOG_LEVEL", _one_of(get_args(LogLevel)))
        read.optional("STOP_DELAY", _whole_number(0, 600))
        read.optional("OTLP_ENDPOINT", _collector)
        read.optional("ALLOWED_ORIGINS", _origins)
        read.optional("PERSON_REQUESTS", _whole_number(0, 1_000_000))
        read.optional("ADDRESS_REQUESTS", _whole_number(0, 1_000_000))
        read.optional("PUBLIC_URL", _origin)
        read.optional("GARAGE_LOT", _whole_number(1, 2**63 - 1))
        read.optional("GARAGE_DESK", _email)
        read.together("GARAGE_LOT", "GARAGE_DESK")
        read.nothing_else()
        if read.faults:
            raise SettingsError(read.faults)
        return cls(**read.values)


class _Reader:
    """Collects what variables say, and what is wrong with them. An empty variable counts as one that is not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.values: dict[str, Any] = {}
        self.faults: list[str] = []
        self.known: set[str] = set()

    def optional(self, name: str, parse: Callable[[str], object]) -> None:
        self.known.add(PREFIX + name)
        text = self.environ.get(PREFIX + name, "").strip()
        if text:
            try:
                self.values[name.lower()] = parse(text)
            except ValueError as error:
                self.faults.append(f"{PREFIX}{name} {error}.")

    def together(self, *names: str) -> None:
        """All of them, or none: what one says means nothing without the others."""
        missing = [name for name in names if not self.environ.get(PREFIX + name, "").strip()]
        if len(missing) < len(names):
            all_of_them = " and ".join(PREFIX + name for name in names)
            self.faults += [f"{PREFIX}{name} is not set; {all_of_them} go together." for name in missing]

    def database_url(self, name: str) -> None:
        if (text := self._required_secret(name)) and urlsplit(text).scheme not in ("postgresql", "postgres"):
            self.faults.append(f"{PREFIX}{name} must look like postgresql://user@host/database.")

    def secret(self, name: str) -> None:
        self.known |= {PREFIX + name, f"{PREFIX}{name}_FILE"}
        value = self.environ.get(PREFIX + name)
        path = self.environ.get(f"{PREFIX}{name}_FILE")
        if value and path:
            self.faults.append(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set.")
        elif path:
            try:
                value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, ValueError):
                self.faults.append(f"{PREFIX}{name}_FILE names no readable text file.")
            else:
                if not value:
                    self.faults.append(f"{PREFIX}{name}_FILE names an empty file.")
        if value:
            self.values[name.lower()] = value

    def jwt_secret(self, name: str) -> None:
        secret = self._required_secret(name)
        if secret and len(secret.encode()) < SHORTEST_SECRET:
            self.faults.append(f"{PREFIX}{name} is shorter than {SHORTEST_SECRET} bytes.")

    def metrics_token(self, name: str) -> None:
        self.secret(name)
        token = self.values.get(name.lower())
        if token is not None and not (token.isascii() and len(token) >= SHORTEST_METRICS_TOKEN):
            self.faults.append(f"{PREFIX}{name} must have {SHORTEST_METRICS_TOKEN} ASCII characters or more.")

    def _required_secret(self, name: str) -> str:
        faults = len(self.faults)
        self.secret(name)
        secret: str = self.values.get(name.lower(), "").strip()
        if not secret and len(self.faults) == faults:
            self.faults.append(f"{PREFIX}{name} is not set, and {PREFIX}{name}_FILE is not either.")
        return secret

    def nothing_else(self) -> None:
        for name in sorted(self.environ):
            if name.startswith(PREFIX) and name not in self.known:
                meant = get_close_matches(name, sorted(self.known), n=1)
                self.faults.append(f"{name} is no setting{f'; {meant[0]} is' if meant else ''}.")

    def jwt_secrets(self, name: str) -> None:
        self.secret(name)
        if (text := self.values.pop(name.lower(), None)) is None:
            return
        secrets = tuple(part.strip() for part in text.split(",") if part.strip())
        if any(len(secret.encode()) < SHORTEST_SECRET for secret in secrets):
            self.faults.append(f"{PREFIX}{name} has one that is shorter than {SHORTEST_SECRET} bytes.")
        self.values[name.lower()] = secrets


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


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return text.lower()

    return parse


def _collector(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.password is not None:
        raise ValueError("must look like http://collector:4318/v1/traces")
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        raise ValueError("needs the packages of the extra telemetry, which are not installed")
    return text


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}"):
            raise ValueError("must be origins like https://example.org, parted by commas, or *")
    return origins


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


def _email(text: str) -> str:
    if "@" not in text:
        raise ValueError("must be the e-mail of an attendant's account")
    return text


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"
