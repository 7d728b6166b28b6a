"""The templates, and the addresses of what they refer to in static/."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig

from service.habits.conditional import takes_gzip
from service.pages import language

ASSETS = Path(__file__).parent.parent.parent / "static"


def _digest(folder: Path) -> str:
    """Twelve digits that change whenever a file of the folder does, so that its addresses may be cached for ever."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


NAMES: Final = frozenset(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*") if path.is_file())
STATIC_PATH = f"/static/{_digest(ASSETS)}"


def asset(name: str) -> str:
    """The address of a file in static/; a name that is not there is an error when the template is rendered."""
    if name not in NAMES:
        raise FileNotFoundError(ASSETS / name)
    return f"{STATIC_PATH}/{name}"


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=True,
    auto_reload=False,
    undefined=StrictUndefined,
    extensions=["jinja2.ext.i18n"],
)
environment.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
environment.globals["asset"] = asset
environment.globals["language"] = language.spoken
environment.globals["languages"] = language.OFFERED
environment.filters["long_day"] = language.long_day
environment.filters["day_and_time"] = language.day_and_time
template_config = TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))


@cache
def _packed(name: str) -> tuple[str, bytes, bytes | None]:
    """Of a file in static/, its media type, its bytes, and these packed by gzip where that makes them smaller."""
    plain = (ASSETS / name).read_bytes()
    packed = gzip.compress(plain, mtime=0)
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    return kind, plain, packed if len(packed) < len(plain) * 0.9 else None


@get(f"{STATIC_PATH}/{{file:path}}", include_in_schema=False)
async def static_file(request: Request[Any, Any, Any], file: FromPath[str]) -> Response[bytes]:
    """A file of static/, packed once and kept. Its address changes with its content, so it may be kept for ever."""
    name = file.removeprefix("/")
    if name not in NAMES:
        raise NotFoundException
    kind, plain, packed = await asyncio.to_thread(_packed, name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if packed is not None and takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(packed, media_type=kind, headers=headers | {"Content-Encoding": "gzip"})
    return Response(plain, media_type=kind, headers=headers)
