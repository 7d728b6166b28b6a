"""The templates, and the addresses of what they refer to in static/."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.datastructures import CacheControlHeader
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig

from service.pages import language

ASSETS = Path(__file__).parent.parent.parent / "static"


def _digest(folder: Path) -> str:
    """Twelve digits that change whenever a file of the folder does, so that its addresses may be cached for ever."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


STATIC_PATH = f"/static/{_digest(ASSETS)}"


def asset(name: str) -> str:
    """The address of a file in static/; a name that is not there is an error when the template is rendered."""
    if not (ASSETS / name).is_file():
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
static_files = create_static_files_router(
    path=STATIC_PATH,
    directories=[ASSETS],
    cache_control=CacheControlHeader(public=True, max_age=31536000, immutable=True),
)
