"""The page of a law: it says what the law says, needs nothing from outside, and can be read by everybody."""

import os
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

import symdyn as sd
from symdyn.report import save_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
TIMES = np.arange(0, 10, 0.02)


@pytest.fixture(scope="module")
def lorenz():
    data = sd.open_dataset("lorenz", times=TIMES)
    return data, sd.identify(data)


@pytest.fixture(scope="module")
def page(lorenz, tmp_path_factory):
    data, law = lorenz
    return save_report(law, data, tmp_path_factory.mktemp("page") / "lorenz.html", title="A & B <law>")


class Outline(HTMLParser):
    """What a reader of the page meets: tags with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_says_what_the_law_says(lorenz, page):
    _, law = lorenz
    seen = Outline(page.read_text())
    text = " ".join(seen.text)
    assert all(equation in text for equation in law.equations)
    assert "A & B <law>" in text
    lower, upper = law.interval(0.95)
    row = law.term_names.index("x z")
    for value in (lower[row, 1], upper[row, 1]):
        assert any(abs(float(word) - value) < 1e-4 for word in seen.text if _is_number(word))
    assert not seen.open


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True


def test_the_page_needs_nothing_from_outside_and_can_be_read_aloud(page):
    text = page.read_text()
    assert "http" not in text
    assert "<script" not in text
    seen = Outline(text)
    images = seen.all("img")
    assert len(images) == 5
    assert all(image["alt"].strip() and image["src"].startswith("data:image/svg+xml") for image in images)
    assert seen.all("html") == [{"lang": "en"}]
    assert len(seen.all("h1")) == 1
    assert all(cell["scope"] == "col" for cell in seen.all("th"))
    assert any(meta.get("name") == "viewport" for meta in seen.all("meta"))


def test_second_order_laws_inputs_and_laws_that_do_not_close(tmp_path):
    t = np.linspace(0, 20, 400)
    swing = sd.dataset(t, x=np.cos(t), time_unit="s")
    law = sd.identify(swing, order=2, library=sd.Monomials(1))
    text = save_report(law, swing, tmp_path / "swing.html").read_text()
    assert "R²" in text
    half = {"time": t, "x": np.cos(t), "y": -np.sin(t), "dx": -np.sin(t)}
    open_law = sd.identify(half, rate_of="x", rates={"x": "dx"}, library=sd.Monomials(1))
    text = save_report(open_law, half, tmp_path / "open.html").read_text()
    assert "could not be integrated" in text


def test_what_cannot_be_a_page_is_refused(lorenz, tmp_path):
    data, law = lorenz
    with pytest.raises(sd.InputError, match="does not exist"):
        save_report(law, data, tmp_path / "absent" / "page.html")
    with pytest.raises(sd.InputError, match="the data have"):
        save_report(law, {"time": TIMES, "q": np.cos(TIMES)}, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_shows_the_page(page, tmp_path):
    picture = tmp_path / "page.png"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    command = [CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=400,900"]
    subprocess.run(
        [*command, f"--screenshot={picture}", page.as_uri()],
        check=True, capture_output=True, timeout=120, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    from matplotlib.image import imread

    pixels = imread(picture)[..., :3]
    assert pixels.shape[:2] == (900, 400)
    assert 0.005 < np.mean(pixels.min(axis=2) < 0.5) < 0.5  # there is ink, on a light ground
