"""The REST interface's documents in a real browser: both render, and nothing is asked of anybody else."""

import pytest
from playwright.async_api import Browser, ConsoleMessage, Request, expect

from tests.support import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

TITLE = "Smart Parking"

# Redoc builds the page of all operations in one go, for which it needs several seconds of a core.
RENDERED = 60_000


@pytest.mark.parametrize(
    ("path", "operation"),
    [("/docs", ".opblock-summary-path"), ("/redoc", "[data-section-id^='operation/'], [id^='tag/'] h2")],
)
async def test_a_document_renders_from_this_origin_alone(
    browser: Browser, module_service: Service, path: str, operation: str
) -> None:
    page = await browser.new_page()
    asked: list[str] = []
    said: list[str] = []

    def on_request(request: Request) -> None:
        asked.append(request.url)

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            said.append(message.text)

    page.on("request", on_request)
    page.on("console", on_console)
    page.on("pageerror", lambda error: said.append(str(error)))
    answer = await page.goto(f"{module_service.url}{path}")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy
    await expect(page.locator("h1, h2").filter(has_text=TITLE).first).to_be_visible(timeout=RENDERED)
    await expect(page.locator(operation).first).to_be_visible(timeout=RENDERED)
    assert await page.locator(operation).count() > 20
    assert f"{module_service.url}/openapi.json" in asked
    own = (f"{module_service.url}/", f"blob:{module_service.url}/", "data:")
    assert not [url for url in asked if not url.startswith(own)]
    assert not said
    await page.close()
