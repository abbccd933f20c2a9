"""Hostile and broken source.toml: each gets exactly these problems. A build reads it first, and stops there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration import tiny

if TYPE_CHECKING:
    from tests.hostile.places import Place

SOURCE = tiny.SOURCE
PUBLISHER = '"https://www.gov.uk/government/organisations/department-for-work-pensions"'
SYNTAX = ["MAP-04 source.toml"]
VALUE = ["MAP-05 source.toml"]
POLICY = ["GATE-02 source.toml"]


def changed(old: str, new: str) -> bytes:
    assert old in SOURCE
    return SOURCE.replace(old, new, 1).encode()


def added(line: str) -> bytes:
    return f"{line}\n{SOURCE}".encode()


def files(lines: str) -> bytes:
    return f"{SOURCE}\n[[files]]\n{lines}\n".encode()


def policy(text: str) -> bytes:
    return changed(tiny.POLICY, f"policy = {text}")


FILES: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", SYNTAX),
    "syntax": (added("x = "), SYNTAX),
    "key twice": (added('title = "Other"'), SYNTAX),
    "UTF-16": (SOURCE.encode("utf-16"), SYNTAX),
    "byte order mark": (b"\xef\xbb\xbf" + SOURCE.encode(), SYNTAX),
    "cp1252": (SOURCE.encode() + b"# \xa3\n", SYNTAX),
    "NUL": (SOURCE.encode() + b"# \0\n", SYNTAX),
    "every byte": (bytes(range(256)), SYNTAX),
    "100,000 brackets": (added("x = " + "[" * 100_000), SYNTAX),
    "5,000 tables within each other": (added("x = " + "{a=" * 5000 + "1" + "}" * 5000), SYNTAX),
    "key of 50,000 parts": (added("x." * 50_000 + "y = 1"), SYNTAX),
    "header of 50,000 parts": (added("[" + "x." * 50_000 + "y]"), SYNTAX),
    "number of 5,000 digits": (added("version = " + "9" * 5000), SYNTAX),
    "5 MB": (added('notes = "' + "x" * 5_000_000 + '"'), SYNTAX),
    "day that does not exist": (added("issued = 2025-02-30"), SYNTAX),
    "escaped surrogate": (changed('"Tiny households"', '"\\ud800"'), SYNTAX),
    "title is a number": (changed('"Tiny households"', "1"), VALUE * 2),
    "title is blank": (changed('"Tiny households"', '"  "'), VALUE),
    "title with NUL": (changed('"Tiny households"', '"a\\u0000b"'), VALUE * 2),
    "title with escape sequence": (changed('"Tiny households"', '"\\u001b[31m"'), VALUE * 2),
    "publisher runs a script": (changed(PUBLISHER, '"javascript:alert(1)"'), VALUE),
    "publisher breaks out": (changed(PUBLISHER, '"https://x/> <y> <z>"'), VALUE),
    "publisher without host": (changed(PUBLISHER, '"https://"'), VALUE),
    "publisher with half a host": (changed(PUBLISHER, '"https://[::1"'), VALUE),
    "publisher with a port that is none": (changed(PUBLISHER, '"https://a:b/"'), VALUE),
    "publisher with a wrong escape": (changed(PUBLISHER, '"https://a/%zz"'), VALUE),
    "landing page runs a script": (added('landing_page = "javascript:alert(1)"'), VALUE),
    "landing page is a file": (added('landing_page = "file:///etc/passwd"'), VALUE),
    "landing page breaks out": (added('landing_page = "https://x/> <y> <z> . <a> <b> <c"'), VALUE),
    "landing page is empty": (added('landing_page = ""'), VALUE),
    "version 0": (added("version = 0"), VALUE),
    "version below 0": (added("version = -1"), VALUE),
    "version of 300 digits": (added("version = " + "9" * 300), VALUE),
    "version is true": (added("version = true"), VALUE),
    "edition climbs": (changed('"2025-05"', '"2025-05/../../x"'), VALUE),
    "edition in month 13": (changed('"2025-05"', '"2025-13"'), VALUE),
    "edition on 30 February": (changed('"2025-05"', '"2025-02-30"'), VALUE),
    "edition on 29 February of no leap year": (changed('"2025-05"', '"2025-02-29"'), VALUE),
    "edition is a number": (changed('"2025-05"', "2025"), VALUE * 2),
    "frequency unknown": (changed('"monthly"', '"weekly"'), VALUE),
    "issued is a text": (added('issued = "2025-07-15"'), VALUE),
    "issued is a moment": (added("issued = 2025-07-15T10:00:00"), VALUE),
    "keywords are one text": (changed('["tiny"]', '"tiny"'), VALUE),
    "keywords are numbers": (changed('["tiny"]', "[1, 2]"), VALUE),
    "keyword with NUL": (changed('["tiny"]', '["a\\u0000"]'), VALUE),
    "sample is a text": (added('sample = "yes"'), VALUE),
    "key misspelt": (added('license = "https://example.org/"'), VALUE),
    "edition column unknown": (added('edition_column = "nope"'), VALUE),
    "files are a text": (added('files = "x"'), VALUE),
    "files are texts": (added('files = ["x"]'), VALUE),
    "files without pattern": (files('url = "https://x/"'), VALUE),
    "files with a key misspelt": (files('pattern = "*.csv"\nshet = "x"'), VALUE),
    "pattern is absolute": (files('pattern = "/etc/*"'), VALUE),
    "pattern climbs": (files('pattern = "../../**"'), VALUE),
    "pattern that is none": (files('pattern = "**x"'), VALUE),
    "pattern with NUL": (files('pattern = "a\\u0000"'), VALUE * 2),
    "encoding unknown": (files('pattern = "*.csv"\nencoding = "no-such"'), VALUE),
    "encoding is no text": (files('pattern = "*.csv"\nencoding = "zip"'), VALUE),
    "encoding of programs": (files('pattern = "*.csv"\nencoding = "unicode_escape"'), VALUE),
    "address of files with a space": (files('pattern = "*.csv"\nurl = "https://x/a b"'), VALUE),
    "no policy": (changed(tiny.POLICY, ""), ["GATE-01 source.toml"]),
    "policy is a text": (policy('"counts"'), VALUE),
    "policy is empty": (policy("{}"), POLICY),
    "policy of no kind": (policy('{ kind = "secret" }'), POLICY),
    "policy of two kinds": (policy('{ kind = ["counts"] }'), POLICY),
    "policy with a key misspelt": (policy('{ kind = "counts", treshold = 3 }'), POLICY),
    "threshold 0": (policy('{ kind = "counts", threshold = 0 }'), POLICY),
    "threshold is a text": (policy('{ kind = "counts", threshold = "5" }'), POLICY),
    "threshold is true": (policy('{ kind = "counts", threshold = true }'), POLICY),
    "exemption without reason": (policy('{ kind = "counts", exemptions = { small-counts = "" } }'), POLICY),
    "exemption from the rules on persons": (policy('{ kind = "counts", exemptions = { personal = "x" } }'), POLICY),
    "totals of no column": (policy('{ kind = "counts", totals = { nope = "t" } }'), POLICY),
}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_description_gets_these_problems(place: Place, name: str) -> None:
    data, expected = FILES[name]
    (place.folder / "source.toml").write_bytes(data)
    assert place.read() == expected


@pytest.mark.parametrize("name", ["key of 50,000 parts", "title with NUL", "no policy"])
def test_a_build_stops_there(place: Place, name: str) -> None:
    data, expected = FILES[name]
    (place.folder / "source.toml").write_bytes(data)
    assert place.try_build() == expected


def test_a_missing_file_is_named(place: Place) -> None:
    (place.folder / "source.toml").unlink()
    assert place.read() == SYNTAX


def test_a_directory_in_its_place_is_named(place: Place) -> None:
    (place.folder / "source.toml").unlink()
    (place.folder / "source.toml").mkdir()
    found = place.read()
    (place.folder / "source.toml").rmdir()
    assert found == SYNTAX


@pytest.mark.parametrize("title", ["<script>alert(1)</script>", 'a" . <x> <y> <z> .\\n', "Tiny \u202eoverridden"])
def test_a_title_is_published_as_it_is(place: Place, title: str) -> None:
    written = title.replace('"', '\\"')
    (place.folder / "source.toml").write_bytes(changed('"Tiny households"', f'"{written}"'))
    assert place.try_build() == []
    record = place.release().manifest.folder("tiny")
    assert record is not None
    assert record.title == title.replace("\\n", "\n").strip()
