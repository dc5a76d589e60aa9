"""A student's browser: Debian's Chromium without a screen, by its own driver."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--hide-scrollbars", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--ignore-certificate-errors")
WIDE, PHONE = (1280, 800), (390, 844)                  # pixels
CELL = ".jp-Notebook .jp-CodeCell"
AGAIN = (StaleElementReferenceException, ElementClickInterceptedException)   # the page was just drawing itself


class Browser:
    """One window. `name` is found at `place` ("127.0.0.1:PORT"), any other name nowhere."""

    def __init__(self, name: str, place: str) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        rules = f"--host-resolver-rules=MAP {name}:443 {place}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        for flag in (*FLAGS, rules):
            options.add_argument(flag)
        options.set_capability("unhandledPromptBehavior", "accept")    # a notebook that is left unsaved
        self.driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
        self.home = f"https://{name}"
        self.size(*WIDE)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()

    def size(self, width: int, height: int) -> None:
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def open(self, path: str) -> None:
        self.driver.get(self.home + path)

    @property
    def path(self) -> str:
        """Where it is now: "/hub/login"."""
        return self.driver.current_url.removeprefix(self.home).partition("?")[0]

    @property
    def text(self) -> str:
        """What the page shows."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    def wait(self, what: str, true: Any, limit: float = 30.0) -> Any:
        """Asks until it holds; gives what was found."""
        try:
            return WebDriverWait(self.driver, limit, 0.2, ignored_exceptions=AGAIN).until(lambda _: true())
        except TimeoutException:
            shown = f"{what}: at {self.driver.current_url}, which shows:\n{self.text[:800]}"
            raise AssertionError(shown) from None

    def find(self, css: str, limit: float = 30.0) -> WebElement:
        """The last element of that kind, once one can be seen."""
        def seen() -> WebElement | None:
            found = [one for one in self.driver.find_elements(By.CSS_SELECTOR, css) if one.is_displayed()]
            return found[-1] if found else None
        return self.wait(f"no {css} is to be seen", seen, limit)

    def click(self, css: str, limit: float = 30.0) -> None:
        def clicked() -> bool:
            self.find(css, limit).click()
            return True
        self.wait(f"{css} cannot be clicked", clicked, limit)

    def picture(self, file: Path) -> None:
        self.driver.save_screenshot(str(file))

    def log_in(self, user: str, password: str = "x") -> None:
        self.open("/hub/login")
        self.find("#username_input").send_keys(user)
        self.find("#password_input").send_keys(password)
        self.click("#login_submit")
        self.wait("the login does not end", lambda: self.path != "/hub/login")

    def start(self, profile: str, limit: float = 180.0) -> None:
        """From the page of choices to the profile's server."""
        self.open("/hub/spawn")
        self.click(f"label[for=profile-item-{profile}]")
        self.click("#spawn_form button[type=submit]")
        self.wait("no server starts", lambda: self.path.startswith("/user/"), limit)

    def stop(self) -> None:
        """The server, by the button of the hub's home: it does nothing before the page's script is running."""
        self.open("/hub/home")
        self.wait("the page's script is not at work", lambda: self.driver.execute_script(
            "return window._jupyterhub_page_loaded === true"))
        self.click("#stop")
        self.wait("the server does not stop", lambda: self.find("#start").text == "Start My Server", 120)

    def new_notebook(self, user: str, limit: float = 60.0) -> None:
        """In a JupyterLab that has forgotten what was open."""
        self.open(f"/user/{user}/lab?reset")
        self.click(".jp-LauncherCard[data-category=Notebook]", limit)
        self.find(CELL, limit)
        self.wait("the kernel is not idle", lambda: self.find(".jp-Notebook-ExecutionIndicator").get_attribute(
            "data-status") == "idle", limit)

    def run_cell(self, code: str, limit: float = 30.0) -> str:
        """Types code into the notebook's last cell and runs it: what it gives.

        JupyterLab drops a run that comes while its line to the kernel is being made, and says nothing: the
        cell's number then stays empty, and one presses again.
        """
        self.find(f"{CELL} .cm-content").send_keys(code)
        number = len(self.driver.find_elements(By.CSS_SELECTOR, CELL)) - 1
        pressed = 0.0

        def output() -> str:
            nonlocal pressed
            cell = self.driver.find_elements(By.CSS_SELECTOR, CELL)[number]
            found = cell.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output")
            begun = cell.find_element(By.CSS_SELECTOR, ".jp-InputPrompt").text != "[ ]:"
            if not found and not begun and time.monotonic() - pressed > 5:
                pressed = time.monotonic()
                cell.find_element(By.CSS_SELECTOR, ".cm-content").send_keys(Keys.SHIFT, Keys.ENTER)
            return found[0].text.strip() if found else ""
        return self.wait(f"{code} gives nothing", output, limit)
