"""Messages that quote a cell do not repeat personal data."""

from __future__ import annotations

import pytest

from loader.errors import Problem
from loader.gate.discretion import HIDDEN, WITHHELD, discreet


@pytest.mark.parametrize(
    "text", ["QQ123456C", "qq 12 34 56 c", "jo.bloggs@example.org", "Mrs J Bloggs", "07700 900123", "SW1A 2AA"]
)
def test_a_quoted_piece_of_personal_data_is_hidden(text: str) -> None:
    hint = f"correct '{text}', or take it out"
    found = discreet(Problem("CODE-01", f"a.csv:2, column '{text}'", f"'{text}' is not a code of the list", hint))
    assert found == Problem(
        "CODE-01",
        f"a.csv:2, column {HIDDEN}",
        f"{HIDDEN} is not a code of the list",
        f"correct {HIDDEN}, or take it out",
    )


def test_a_message_that_repeats_it_without_quotes_is_withheld() -> None:
    assert discreet(Problem("TIDY-02", "a.csv:2", "the cell jo.bloggs@example.org is no number")).message == WITHHELD


@pytest.mark.parametrize(
    "message", ["'1,2o4' is not a whole number", "E06000001 is not a code (IC-19)", "2011-12 is twice"]
)
def test_other_messages_stay_as_they_are(message: str) -> None:
    problem = Problem("TIDY-02", "mappings/tiny/tiny.csv:412, column 'Amount'", message, "remove the letter")
    assert discreet(problem) == problem
