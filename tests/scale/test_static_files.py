"""Static files are hashed, compressed, and cached for a year."""

import gzip
import json
import re
from collections.abc import Iterator

import brotli
import pytest

from tests.credentials.running_console import RunningConsole
from tests.house.sources import ROOT
from tests.scale.callers import Answer, caller

YEAR = 365 * 24 * 3600  # seconds
COLLECTED = ROOT / "staticfiles"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    """No test requests a page, so the database can be empty."""
    directory = tmp_path_factory.mktemp("static-files")
    with RunningConsole(f"sqlite:///{directory}/empty.sqlite3") as running:
        running.wait()
        yield running


def our_files() -> dict[str, str]:
    """Our style sheets, scripts and images, with their hashed names."""
    manifest = json.loads((COLLECTED / "staticfiles.json").read_text())
    return {
        name: hashed
        for name, hashed in manifest["paths"].items()
        if name.startswith(("css/", "js/", "img/"))
    }


def fetched(console: RunningConsole, name: str, encoding: str) -> Answer:
    with caller(console.port) as browser:
        return browser.send("GET", f"/static/{name}", headers={"Accept-Encoding": encoding})


def max_age(answer: Answer) -> int:
    found = re.search(r"max-age=(\d+)", answer.headers["Cache-Control"])
    assert found
    return int(found[1])


def test_hashed_files_are_cached_for_a_year_and_compressed(console: RunningConsole) -> None:
    files = our_files()
    assert len(files) > 5
    for name, hashed in files.items():
        original = (COLLECTED / name).read_bytes()
        plain = fetched(console, hashed, "identity")
        assert plain.status == 200
        assert max_age(plain) >= YEAR
        assert "immutable" in plain.headers["Cache-Control"]
        if name.endswith((".css", ".js")) and len(original) > 1000:
            for encoding, decoded in (("br", brotli.decompress), ("gzip", gzip.decompress)):
                packed = fetched(console, hashed, encoding)
                assert packed.headers["Content-Encoding"] == encoding
                assert packed.headers["Vary"] == "Accept-Encoding"
                assert max_age(packed) >= YEAR
                assert len(packed.body) < len(plain.body) / 2
                assert decoded(packed.body) == plain.body


def test_a_file_without_a_hash_is_cached_briefly(console: RunningConsole) -> None:
    answer = fetched(console, next(iter(our_files())), "identity")
    assert answer.status == 200
    assert max_age(answer) <= 60


def test_the_server_names_no_version(console: RunningConsole) -> None:
    headers = fetched(console, "nothing.css", "identity").headers
    assert headers["Server"] == "granian"
    assert not {"X-Powered-By", "Via"}.intersection(headers.keys())
