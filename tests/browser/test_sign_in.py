"""Signing in with a real browser: the pages live by the session, and end with it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.chromium import serious_issues
from tests.browser.test_pages import SAMPLE, arrives, live, never_reloaded, no_complaints, see, text
from tests.conftest import ROOT, Broker
from tests.harness import WorkerProcess, eventually

TOKEN = "a-token-of-this-worker"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[WorkerProcess]:
    folder = tmp_path_factory.mktemp("guarded")
    worker = WorkerProcess(folder, broker.address, f"t{secrets.token_hex(5)}", api_token=TOKEN)
    try:
        worker.start()
        worker.create_model("default_model", json.loads((ROOT / "schemas/default.json").read_text()))
        yield worker
    finally:
        worker.close()


def sign_in(browser: Chrome, token: str) -> None:
    browser.find_element(By.NAME, "token").send_keys(token)
    browser.find_element(By.CSS_SELECTOR, "main button").click()


def open_page(browser: Chrome, worker: WorkerProcess, path: str) -> None:
    """Open a page, signing in where the test before has not."""
    browser.get(worker.url + path)
    if browser.find_elements(By.NAME, "token"):
        sign_in(browser, worker.settings["BATCH_API_TOKEN"])
        arrives(browser, worker.url + path)


def test_the_token_once_then_the_pages_are_live(browser: Chrome, guarded: WorkerProcess) -> None:
    browser.get(f"{guarded.url}/ui/jobs?state=COMPLETED")
    see(browser, "Sign in", "h1")
    assert serious_issues(browser) == []
    assert browser.switch_to.active_element.get_attribute("name") == "token"
    sign_in(browser, "another-token")
    see(browser, "That is not this worker's token.", "#wrong")
    assert serious_issues(browser) == []
    browser.get_log("browser")  # it notes the 401
    sign_in(browser, TOKEN)
    arrives(browser, f"{guarded.url}/ui/jobs?state=COMPLETED")
    assert browser.execute_script("return document.cookie") == ""
    live(browser)
    guarded.drop("watched.csv", SAMPLE)
    see(browser, "watched.csv", "main")
    assert never_reloaded(browser)
    assert serious_issues(browser) == []
    no_complaints(browser)


def test_forms_work_by_the_session(browser: Chrome, guarded: WorkerProcess) -> None:
    job_id = guarded.upload("default_model", "deleted.csv", SAMPLE)[1]["job_id"]
    guarded.wait_ended(job_id)
    open_page(browser, guarded, f"/ui/jobs/{job_id}/delete")
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    arrives(browser, f"{guarded.url}/ui/jobs")
    assert guarded.status(f"/jobs/{job_id}") == 404


def test_a_session_that_ends_leads_an_open_page_to_the_sign_in(
    browser: Chrome, guarded: WorkerProcess
) -> None:
    open_page(browser, guarded, "/ui/")
    live(browser)
    guarded.kill()
    guarded.settings["BATCH_API_TOKEN"] = f"{TOKEN}-rotated"
    guarded.start()
    eventually(lambda: "/ui/sign-in?next=/ui/" in browser.current_url, "the browser is at the sign-in", 60)
    sign_in(browser, f"{TOKEN}-rotated")
    arrives(browser, f"{guarded.url}/ui/")
    live(browser)


def test_signing_out(browser: Chrome, guarded: WorkerProcess) -> None:
    open_page(browser, guarded, "/ui/")
    see(browser, "Sign out", "header")
    browser.find_element(By.CSS_SELECTOR, ".sign-out button").click()
    arrives(browser, f"{guarded.url}/ui/sign-in")
    browser.get(f"{guarded.url}/ui/jobs")
    assert "Sign in" in text(browser, "h1")
