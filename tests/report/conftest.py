"""A browser for pages."""

import shutil

import pytest


@pytest.fixture(scope='module')
def browser():
    """Headless Chromium, playwright's or the system's."""
    sync_api = pytest.importorskip('playwright.sync_api')
    own = (
        shutil.which('chromium')
        or shutil.which('chromium-browser')
        or shutil.which('google-chrome')
    )
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=own, args=['--no-sandbox'])
        except sync_api.Error as error:
            pytest.skip(f'no Chromium: {str(error).splitlines()[0]}')
        yield browser
        browser.close()
