"""The status pages in a real browser, over a real worker and broker."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.chromium import serious_issues, set_theme, set_width
from tests.conftest import ROOT, Broker
from tests.harness import WorkerProcess, eventually

SAMPLE = (ROOT / "samples/api_data.csv").read_bytes()
BROKEN = b"a,a\n1,2\n"


def arrives(browser: Chrome, url: str) -> None:
    """A click returns before the answer to its form is there."""
    eventually(lambda: browser.current_url == url, f"the browser is at {url}", 30)


def text(browser: Chrome, selector: str = "body") -> str:
    """What can be read there; nothing while the page renews that part."""
    try:
        found = [element.text for element in browser.find_elements(By.CSS_SELECTOR, selector)[:1]]
    except StaleElementReferenceException:
        return ""
    return " ".join(" ".join(found).split())


def see(browser: Chrome, words: str, selector: str = "body", timeout: float = 60.0) -> None:
    eventually(lambda: words in text(browser, selector), f"`{words}` on the page", timeout)


def live(browser: Chrome) -> None:
    see(browser, "Live", "#live", 30)
    browser.execute_script("window.untouched = true")


def never_reloaded(browser: Chrome) -> bool:
    return browser.execute_script("return window.untouched === true") is True


def no_complaints(browser: Chrome) -> None:
    """Neither script errors nor anything that the content security policy refused."""
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def click(browser: Chrome, words: str) -> None:
    browser.find_element(By.XPATH, f"//main//*[self::a or self::button][normalize-space()='{words}']").click()


def ended(worker: WorkerProcess, name: str, content: bytes) -> str:
    worker.drop(name, content)
    job_id: str = worker.wait_job(name)["job_id"]
    worker.wait_ended(job_id)
    return job_id


def test_a_dropped_file_completes_before_ones_eyes(browser: Chrome, worker: WorkerProcess) -> None:
    browser.get(f"{worker.url}/ui/")
    live(browser)
    see(browser, "All is well")
    before = int(text(browser, ".figures dd"))
    worker.drop("watched.csv", SAMPLE)
    see(browser, "watched.csv", "main")
    see(browser, "watched.csv default_model COMPLETED 197 3", "#ended ~ table")
    see(browser, str(before + 1), ".figures dd")
    assert never_reloaded(browser)
    no_complaints(browser)


def test_a_file_that_waits_says_why(browser: Chrome, worker: WorkerProcess) -> None:
    browser.get(f"{worker.url}/ui/")
    live(browser)
    worker.drop("lost.csv", b"a\n1\n", model="no_such_model")
    see(browser, "Model no_such_model does not exist.", "#waiting ~ ul")
    (worker.dropzone / "incoming/no_such_model/lost.csv").unlink()
    eventually(lambda: "no_such_model" not in text(browser), "the file is no longer shown")
    assert never_reloaded(browser)


def test_a_bad_file_and_its_rejects(browser: Chrome, worker: WorkerProcess) -> None:
    failed = ended(worker, "broken.csv", BROKEN)
    browser.get(f"{worker.url}/ui/jobs/{failed}")
    see(browser, "HEADER_DUPLICATE")
    job_id = ended(worker, "rejects.csv", SAMPLE)
    browser.get(f"{worker.url}/ui/jobs/{job_id}")
    see(browser, "Rejects (3)")
    marks = [mark.text for mark in browser.find_elements(By.TAG_NAME, "mark")]
    assert marks == ["FETCH", "-3.5", "2024-03-31 02:30", "2OO"]
    heads = [head.text for head in browser.find_elements(By.CSS_SELECTOR, ".group h3")]
    assert heads == [
        "http_method ENUM 1 row",
        "latency_ms RANGE 1 row",
        "measured_at FORMAT 1 row",
        "status_code TYPE 1 row",
    ]
    no_complaints(browser)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_cancel_and_retry(browser: Chrome, worker: WorkerProcess, script: bool) -> None:
    name = f"long-{script}.csv"
    rows = 120_000 if script else 60_000
    worker.drop(name, b"a,b\n" + b"".join(b"%d,some text\n" % n for n in range(rows)))
    job_id = worker.wait_job(name)["job_id"]
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
    try:
        browser.get(f"{worker.url}/ui/jobs/{job_id}")
        click(browser, "Cancel")
        see(browser, "stops after its last commit", "main")
        click(browser, "Cancel")
        arrives(browser, f"{worker.url}/ui/jobs/{job_id}")
        worker.wait_ended(job_id)
        if not script:
            browser.refresh()
        see(browser, "CANCELLED", ".title")
        eventually(lambda: (worker.dropzone / "failed" / job_id).is_dir(), "the file is in failed/")
        click(browser, "Retry")
        see(browser, "as attempt 2", "main")
        click(browser, "Retry")
        worker.wait_ended(job_id, 180)
        if not script:
            browser.refresh()
        see(browser, "COMPLETED", ".title")
        see(browser, f"Delivered {rows:,}", ".figures")
        click(browser, "Delete")
        see(browser, "for good", "main")
        click(browser, "Back")
        arrives(browser, f"{worker.url}/ui/jobs/{job_id}")
        click(browser, "Delete")
        click(browser, "Delete")
        arrives(browser, f"{worker.url}/ui/jobs")
        assert job_id not in text(browser)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    no_complaints(browser)


def test_a_worker_that_dies_and_comes_back(browser: Chrome, worker: WorkerProcess) -> None:
    browser.get(f"{worker.url}/ui/")
    live(browser)
    worker.kill()
    see(browser, "Stale since", "#live", 30)
    assert "the worker does not answer; trying again" in text(browser, "#live")
    assert serious_issues(browser) == []
    worker.start()
    see(browser, "Live", "#live", 30)
    see(browser, "All is well", "#health")
    worker.drop("after.csv", SAMPLE)
    see(browser, "after.csv default_model COMPLETED 197 3", "#ended ~ table")
    assert never_reloaded(browser)


def test_the_keyboard_is_enough(browser: Chrome, worker: WorkerProcess) -> None:
    job_id = ended(worker, "keys.csv", BROKEN)
    browser.get(f"{worker.url}/ui/jobs/{job_id}")
    browser.switch_to.active_element.send_keys(Keys.TAB)
    first = browser.switch_to.active_element
    assert first.text == "Skip to the content"
    first.send_keys(Keys.ENTER)
    names = []
    for _ in range(5):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        focused = browser.switch_to.active_element
        names.append(focused.text)
        assert focused.value_of_css_property("outline-style") == "solid"
    assert names == ["Jobs", "Retry", "Retry from start", "Delete", "default_model"]


def test_focus_outlives_a_renewal(browser: Chrome, worker: WorkerProcess) -> None:
    browser.get(f"{worker.url}/ui/jobs")
    live(browser)
    search = browser.find_element(By.NAME, "q")
    search.send_keys("half a wo")
    ended(worker, "meanwhile.csv", BROKEN)
    see(browser, "meanwhile.csv")
    search.send_keys("rd")
    assert browser.switch_to.active_element == search
    assert search.get_attribute("value") == "half a word"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_serious_issue_on_any_page(browser: Chrome, worker: WorkerProcess, theme: str, width: int) -> None:
    rejects = ended(worker, f"axe-{theme}-{width}.csv", SAMPLE)
    failed = ended(worker, f"axe-{theme}-{width}-broken.csv", BROKEN)
    set_theme(browser, theme)
    set_width(browser, width)
    for path in (
        "/ui/",
        "/ui/jobs",
        "/ui/jobs?q=nothing",
        f"/ui/jobs/{rejects}",
        f"/ui/jobs/{failed}",
        f"/ui/jobs/{failed}/delete",
        f"/ui/jobs/{failed}/retry",
        "/ui/models",
        "/ui/models/default_model",
        "/ui/nothing-here",
    ):
        browser.get(worker.url + path)
        assert serious_issues(browser) == [], path
        wide: int = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{path} scrolls sideways"


def test_a_broker_that_goes_away_and_comes_back(
    browser: Chrome, own_broker: Broker, tmp_path: Path, namespace: str
) -> None:
    own_broker.start()
    (tmp_path / "worker").mkdir()
    worker = WorkerProcess(tmp_path / "worker", own_broker.address, namespace)
    try:
        worker.start()
        worker.create_model("default_model", {})
        browser.get(f"{worker.url}/ui/")
        live(browser)
        see(browser, "All is well", "#health")
        own_broker.stop()
        see(browser, "Kafka does not answer", "#health")
        see(browser, "has not answered for", "#health")
        assert own_broker.address in text(browser, "#health")
        assert serious_issues(browser) == []
        worker.drop("patient.csv", b"a\n1\n")
        see(browser, "KAFKA_UNAVAILABLE", "#waiting ~ ul")
        own_broker.start()
        see(browser, "All is well", "#health", 120)
        see(browser, "patient.csv default_model COMPLETED 1 0", "#ended ~ table", 120)
        assert never_reloaded(browser)
    finally:
        worker.close()
