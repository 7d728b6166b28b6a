"""Light or dark: a cookie that the page is rendered with, so that it never shows the other one first."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from service.pages.answers import THEME_COOKIE, AnyResponse, Form, local
from service.settings import Settings

ONE_YEAR = 365 * 24 * 60 * 60


class Looks(Form, kw_only=True):
    theme: Literal["automatic", "light", "dark"]
    next: str = "/"


@post("/theme")
async def choose_theme(
    settings: NamedDependency[Settings],
    data: Annotated[Looks, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Light, dark, or as the system has it."""
    age = 0 if data.theme == "automatic" else ONE_YEAR
    cookie = Cookie(
        THEME_COOKIE, value=data.theme, max_age=age, secure=settings.secure_cookies, httponly=True, samesite="lax"
    )
    return Redirect(local(data.next), status_code=303, cookies=[cookie])


handlers = [choose_theme]
