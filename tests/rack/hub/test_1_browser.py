"""A student's day, in a real browser: by name through rooster to a notebook, and back tomorrow.

COOP_PICTURES=docs/pictures writes the pictures of the documentation.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from tests.rack.hub.browser import PHONE, WIDE

PICTURES = os.environ.get("COOP_PICTURES")


def taken(browser, name: str) -> None:
    """Pictures of the page, wide and as on a phone, if anybody wants them."""
    if PICTURES:
        folder = Path(PICTURES).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        browser.picture(folder / f"{name}.png")
        browser.size(*PHONE)
        browser.picture(folder / f"{name}-phone.png")
        browser.size(*WIDE)


def overflows(browser) -> bool:
    """Whether one would have to scroll sideways on a phone."""
    browser.size(*PHONE)
    try:
        return browser.driver.execute_script("return document.documentElement.scrollWidth > innerWidth")
    finally:
        browser.size(*WIDE)


def test_a_students_day(no_server, browser):
    """Logs in, chooses, starts, runs a cell, writes a file; stops and starts: the file is there."""
    browser.open("/")
    browser.wait("there is no login", lambda: browser.path == "/hub/login")
    assert "Flock" in browser.text and not overflows(browser)
    taken(browser, "login")

    browser.log_in("student")
    browser.open("/hub/spawn")
    browser.find("#kubespawner-profiles-list")
    assert all(profile in browser.text for profile in ("Default", "Large", "marimo"))
    assert not overflows(browser)
    taken(browser, "spawn")

    browser.start("large")
    browser.new_notebook("student")
    assert browser.run_cell("6*7") == "42"
    word = uuid.uuid4().hex
    assert browser.run_cell(f"open('kept.txt', 'w').write('{word}')") == "32"

    browser.stop()
    browser.start("default")
    browser.new_notebook("student")
    assert browser.run_cell("open('kept.txt').read()") == f"'{word}'"


def test_another_web_ide_beside_jupyterlab(no_server, browser):
    """RStudio's place is taken by marimo, as it is from a registry: a profile of its own opens it."""
    browser.log_in("student")
    browser.start("marimo")
    browser.wait("marimo does not open", lambda: browser.path.startswith("/user/student/marimo"), 60)
    browser.wait("marimo shows nothing", lambda: "notebook" in browser.text.lower(), 60)


@pytest.mark.parametrize("user, sees", [("hen", True), ("student", False)])
def test_who_sees_the_admin_page(browser, user, sees):
    browser.log_in(user)
    browser.open("/hub/home")
    assert ("Admin" in browser.find("#thenavbar").text) == sees
    browser.open("/hub/admin")
    if sees:
        browser.wait("the admin page lists nobody", lambda: "student" in browser.text)
        assert "Add Users" in browser.text
    else:
        assert "403" in browser.text
