"""A browser for pages."""

import os
import shutil

import pytest


@pytest.fixture(scope='module')
def browser():
    """Headless Chromium, playwright's or the system's; in CI it has to be there."""
    try:
        from playwright import sync_api
    except ImportError:
        absent('no playwright')
    own = (
        shutil.which('chromium')
        or shutil.which('chromium-browser')
        or shutil.which('google-chrome')
    )
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=own, args=['--no-sandbox'])
        except sync_api.Error as error:
            absent(f'no Chromium: {str(error).splitlines()[0]}')
        yield browser
        browser.close()


def absent(what):
    """Skip, or fail in CI."""
    (pytest.fail if os.environ.get('CI') else pytest.skip)(what)
