"""The page: HTML for people, beside the JSON for programs.

A handler parses, runs one statement and shapes the answer; where it goes on to show the board, that is the answer's
shape and a second, read-only statement. Everything works without JavaScript: a form is answered with 303 back to where
it was, or with that page and the refusal in words. htmx sends the same forms and takes what it needs of the same page.
"""

from litestar import Router
from litestar.di import Provide

from service.pages import (
    account,
    board,
    bookings,
    changing,
    choosing,
    explaining,
    finding,
    garage,
    installing,
    looks,
    operating,
    passes,
    reporting,
    signing_in,
)
from service.pages.answers import answer_in_words, choose_language, find_caller

router = Router(
    path="/",
    route_handlers=[
        *board.handlers,
        *finding.handlers,
        *signing_in.handlers,
        *account.handlers,
        *operating.handlers,
        *garage.handlers,
        *reporting.handlers,
        *bookings.handlers,
        *changing.handlers,
        *passes.handlers,
        *choosing.handlers,
        *explaining.handlers,
        *looks.handlers,
        *installing.handlers,
    ],
    dependencies={"caller": Provide(find_caller)},
    before_request=choose_language,
    exception_handlers={Exception: answer_in_words},
    include_in_schema=False,
)
