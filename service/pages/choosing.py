"""How somebody wants to be spoken to, whatever the browser says."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from service.pages.answers import AnyRequest, AnyResponse, Form, local
from service.pages.language import LANGUAGE_COOKIE
from service.settings import Settings

KEPT_SECONDS = 365 * 86_400


class Choosing(Form, kw_only=True):
    language: Literal["en", "de"]
    next: str = "/"


@post("/language")
async def choose_language(
    request: AnyRequest,
    settings: NamedDependency[Settings],
    data: Annotated[Choosing, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Keep the language for a year, and go back to where one was."""
    response: AnyResponse = Redirect(local(data.next), status_code=303)
    response.set_cookie(
        Cookie(
            LANGUAGE_COOKIE,
            value=data.language,
            max_age=KEPT_SECONDS,
            secure=settings.secure_cookies,
            httponly=True,
            samesite="lax",
        )
    )
    return response


handlers = [choose_language]
