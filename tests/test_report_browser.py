"""A report in a real browser: nothing is asked for, nothing complains, filters work by
keyboard, it fits narrow screens, and axe finds nothing. Needs Debian's chromium and
chromium-driver.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from report_runs import HOSTILE, render_looks

from shmtext.dataset.committed import open_committed
from shmtext.view.html import html_of
from shmtext.view.page import page_of

pytestmark = pytest.mark.browser
pytest.importorskip("jinja2", reason="Jinja is not installed")
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
axe_core = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")

NARROW_PX, DESKTOP_PX = 360, 1280
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a run with all that a page may have."""
    folder = tmp_path_factory.mktemp("page")
    out = render_looks(folder)
    with open_committed(out) as run:
        page = page_of(run, out, 400)
    assert page.timeline is not None
    first = page.cards[0]
    wide = replace(first, width_px=4_000, height_px=30)  # such as is scrolled
    pauses = replace(page.timeline, num_pauses=1, pauses=(), paused_s=3_600.0)
    page = replace(page, cards=(wide, *page.cards[1:]), timeline=pauses)
    (folder / "report.html").write_bytes(html_of(page))
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window, that tells of each request and of what its console has."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("chromium and chromium-driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"),
        "--hide-scrollbars",  # as on a telephone: the whole width is the page's
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as started:
        yield started


@pytest.fixture
def opened(browser: Any, file: Path) -> Open:
    return partial(open_in, browser, file)


def open_in(
    browser: Any, file: Path, *, width_px: int = DESKTOP_PX, scheme: str = "light", js: bool = True
) -> Any:
    """Open the page anew, and return the browser."""
    metrics = {"width": width_px, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not js})
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(file.as_uri())
    return browser


def shown(browser: Any) -> list[dict[str, str]]:
    """Of each card that is to be seen, its data and label."""
    found: list[dict[str, str]] = browser.execute_script(
        "return [...document.querySelectorAll('.card')].filter(card => card.offsetParent)"
        ".map(card => ({...card.dataset, label: card.querySelector('.label').textContent}))"
    )
    return found


def open_details(browser: Any) -> None:
    """Open all that is closed at first."""
    browser.execute_script(
        "document.querySelectorAll('details').forEach(each => { each.open = true })"
    )


def told(browser: Any) -> str:
    text: str = browser.find_element("id", "told").text
    return text


def choose(browser: Any, name: str, begin: str) -> str:
    """Choose by keyboard what begins so, and return its key."""
    field = browser.find_element("name", name)
    field.send_keys(begin)
    key: str = field.get_attribute("value")
    return key


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_asked_for_and_nothing_complains(opened: Open, file: Path, scheme: str) -> None:
    browser = opened(scheme=scheme)
    assert [] == browser.get_log("browser")
    messages = [each["message"] for each in browser.get_log("performance")]
    sent = [each for each in messages if '"Network.requestWillBeSent"' in each]
    assert sent
    for message in sent:
        assert file.as_uri() in message or '"url":"data:' in message
    assert browser.title.endswith("shmtext report")  # that no text of a label could change
    broken = "return [...document.images].filter(image => !image.naturalWidth).length"
    assert 0 == browser.execute_script(broken)


def test_a_script_that_is_not_the_pages_own_is_not_run(file: Path, browser: Any) -> None:
    other = file.with_name("other.html")
    other.write_bytes(
        file.read_bytes().replace(b"<footer>", b"<footer><script>document.title = 'taken'</script>")
    )
    assert "taken" != open_in(browser, other).title
    assert any("Content Security Policy" in each["message"] for each in browser.get_log("browser"))


def test_pictures_are_shown_in_their_own_size_where_there_is_room(opened: Open) -> None:
    browser = opened()
    sizes = browser.execute_script(
        "return [...document.images].map(image => [image.width, image.height,"
        " Number(image.getAttribute('width')), Number(image.getAttribute('height'))])"
    )
    assert sizes
    for width, height, own_width, own_height in sizes:
        if own_width < 1_000:
            assert (own_width, own_height) == (width, height)


@pytest.mark.parametrize("width_px", [NARROW_PX, DESKTOP_PX])
@pytest.mark.parametrize("js", [True, False], ids=["scripted", "plain"])
def test_nothing_is_wider_than_the_screen(opened: Open, width_px: int, js: bool) -> None:
    browser = opened(width_px=width_px, js=js)
    open_details(browser)
    metrics = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})
    assert width_px == metrics["cssContentSize"]["width"]


def test_all_is_shown_at_first_and_that_is_announced(opened: Open) -> None:
    browser = opened()
    num_cards = len(browser.find_elements("class name", "card"))
    assert num_cards == len(shown(browser))
    assert f"{num_cards} of {num_cards} shown" == told(browser)
    region = browser.find_element("id", "told")
    assert "polite" == region.get_attribute("aria-live")


@pytest.mark.parametrize(
    ("name", "begin", "data"),
    [("state", "skip", "state"), ("font", "Open", "font"), ("look", "photo", "look")],
)
def test_a_choice_leaves_what_has_it(opened: Open, name: str, begin: str, data: str) -> None:
    browser = opened()
    every = shown(browser)
    key = choose(browser, name, begin)
    expected = [card for card in every if card[data] == key]
    assert 0 < len(expected) < len(every)
    assert expected == shown(browser)
    assert f"{len(expected)} of {len(every)} shown" == told(browser)


@pytest.mark.parametrize(("least", "most"), [("12", ""), ("", "5"), ("3", "12")])
def test_lengths_leave_texts_that_are_as_long(opened: Open, least: str, most: str) -> None:
    browser = opened()
    every = shown(browser)
    browser.find_element("name", "least").send_keys(least)
    browser.find_element("name", "most").send_keys(most)
    expected = [
        card for card in every if int(least or 0) <= int(card["length"]) <= int(most or 10**9)
    ]
    assert 0 < len(expected) < len(every)
    assert expected == shown(browser)


@pytest.mark.parametrize("text", ["ß", "ё", "<script>", "e\u0301"])
def test_a_character_leaves_texts_that_have_it_however_it_is_typed(opened: Open, text: str) -> None:
    browser = opened()
    every = shown(browser)
    browser.find_element("name", "text").send_keys(text)
    composed = text.replace("e\u0301", "é")
    expected = [card for card in every if composed in card["label"]]
    assert 0 < len(expected) < len(every)
    assert expected == shown(browser)


def test_filters_join_and_show_all_takes_them_back(opened: Open) -> None:
    browser = opened()
    every = shown(browser)
    look = choose(browser, "look", "clean")
    browser.find_element("name", "text").send_keys("o")
    browser.find_element("name", "most").send_keys("20")
    expected = [
        card
        for card in every
        if card["look"] == look and "o" in card["label"] and int(card["length"]) <= 20
    ]
    assert 0 < len(expected) < len(every)
    assert expected == shown(browser)
    browser.find_element("name", "text").send_keys("\N{SNOWMAN}")
    assert [] == shown(browser)
    assert browser.find_element("id", "nothing").is_displayed()
    browser.find_element("id", "all").send_keys("\ue007")  # the Enter key
    assert every == shown(browser)
    assert not browser.find_element("id", "nothing").is_displayed()


def test_the_keyboard_reaches_the_filters_and_where_it_is_can_be_seen(opened: Open) -> None:
    browser = opened()
    reached = []
    for _ in range(16):
        browser.switch_to.active_element.send_keys("\ue004")  # the Tab key
        name, outline = browser.execute_script(
            "const it = document.activeElement;"
            "return [it.name || it.id || it.textContent, getComputedStyle(it).outlineStyle]"
        )
        assert "none" != outline
        reached.append(name)
    assert "To the pictures" == reached[0]
    filters = ["state", "font", "look", "least", "most", "text", "all"]
    begin = reached.index("state")
    assert filters == reached[begin : begin + len(filters)]


def test_without_scripts_all_is_there_but_the_filters(opened: Open, browser: Any) -> None:
    opened(js=False)
    try:
        cards = browser.find_elements("class name", "card")
        assert cards
        assert all(card.is_displayed() for card in cards)
        labels = {each.text for each in browser.find_elements("class name", "label")}
        assert set(HOSTILE[:3]) <= labels
        assert not browser.find_element("id", "filters").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [NARROW_PX, DESKTOP_PX])
def test_axe_finds_nothing(opened: Open, scheme: str, width_px: int) -> None:
    browser = opened(scheme=scheme, width_px=width_px)
    open_details(browser)
    source = Path(axe_core.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    browser.execute_script(source)
    violations = browser.execute_async_script(
        "axe.run().then(found => arguments[0](found.violations.map("
        "each => [each.id, each.help, each.nodes.slice(0, 3).map(node => node.html)])))"
    )
    assert [] == violations
