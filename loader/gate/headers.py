"""Recognise headers that name something about a person (docs/gate.md).

Such a header stops the build even if its column is empty: an empty column of surnames is filled next month.
"""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import Problem
from loader.gate.policy import REFERENCE
from loader.gate.shapes import find_personal, normalised
from loader.persons import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from loader.gate.policy import Policy


class Asked(StrEnum):
    """What a header asks for; the text is what messages say of the column."""

    PERSON = "something that identifies a person"
    CONTACT = "how to reach a person"
    ADDRESS = "an address"
    POSTCODE = "full postcodes"
    NAME = "names, and nothing says of what"
    SUPPLIER = "names of suppliers"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PERSONS: Final = _words(
    "adult applicant appointee author carer child claimant client contact customer dependant director employee "
    "employer father husband individual landlord manager minister mother mp officer owner parent partner patient "
    "pensioner person recipient representative respondent signatory spouse staff tenant user wife witness worker"
)
"""Words for persons; with 'name', 'number' or 'address' they ask for one person's."""

SUPPLIERS: Final = _words("beneficiary contractor creditor merchant payee provider supplier trader vendor")
"""Words for those who are paid: organisations, if the policy declares the column."""

_PHRASES: Final = (
    "account no",
    "account number",
    "bank account",
    "birth date",
    "birthdate",
    "birthday",
    "christian name",
    "date birth",
    "date of birth",
    "dob",
    "driving licence",
    "family name",
    "first name",
    "firstname",
    "forename",
    "forenames",
    "full name",
    "fullname",
    "given name",
    "given names",
    "iban",
    "initials",
    "ip address",
    "known as",
    "last name",
    "lastname",
    "legal name",
    "maiden name",
    "middle name",
    "national insurance no",
    "national insurance number",
    "nhs no",
    "nhs number",
    "ni no",
    "ni number",
    "nino",
    "other name",
    "other names",
    "passport no",
    "passport number",
    "payroll number",
    "preferred name",
    "previous name",
    "signature",
    "sort code",
    "sortcode",
    "surname",
    "surnames",
)
"""Phrases that identify a person wherever they stand in a header."""

_WHOLE: Final = _words("applicant appointee claimant crn employee landlord minister patient signatory tenant")
"""Words that identify persons if they are the whole header: 'Claimant' is one person, 'Claimants' a count."""
_NUMBERS: Final = _words("id identifier no nr number ref reference")
_FILES: Final = _words("case claim crn file payroll staff")
"""With a word for a number, what an office calls a person by; 'Number of claims' is something else."""
_CONTACTS: Final = _words("email fax mobile phone tel telephone")
_CONTACT_REST: Final = _words(
    "address business contact daytime direct evening home line main no number of office personal primary the work"
)
"""What may stand beside the word for a means of contact; 'Claims by telephone' is something else."""
_NO_ADDRESS: Final = _words("area code concept dataset internet iri link page resource term uri url web website")
_POSTCODES: Final = _words("postcode postcodes pcd pcds zip")
_PART_OF_POSTCODE: Final = _words("area areas district districts sector sectors first half outward partial")
_NAME_REST: Final = _words("alternative and as current display former known official or published the")


def _words_of_header(header: str) -> list[str]:
    """Split a header into words, at changes of case too: `claimantName`, `claimant_name`, 'Claimant Name 1'."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", header)
    words = [word.rstrip("0123456789") for word in words_of(spaced.replace("_", " "))]
    text = f" {' '.join(word for word in words if word)} "
    for apart, together in ((" e mail ", " email "), (" post code ", " postcode "), (" postal code ", " postcode ")):
        text = text.replace(apart, together)
    return text.split()


def asked_by(header: str) -> Asked | None:
    """Say what a header asks for that the gate must know of; None for all others."""
    words = _words_of_header(header)
    found = set(words)
    if _is_of_person(words):
        return Asked.PERSON
    if found & _CONTACTS and found - _CONTACTS <= _CONTACT_REST | PERSONS | SUPPLIERS:
        return Asked.CONTACT
    if found & {"address", "addresses", "addr"} and not found & _NO_ADDRESS:
        return Asked.ADDRESS
    if found & _POSTCODES and not found & _PART_OF_POSTCODE:
        return Asked.POSTCODE
    return _asked_by_name(found)


def _is_of_person(words: list[str]) -> bool:
    text = f" {' '.join(words)} "
    if any(f" {phrase} " in text for phrase in _PHRASES) or words == ["national", "insurance"]:
        return True
    if len(words) == 1:
        return words[0] in _WHOLE
    return any(first in _FILES | PERSONS and second in _NUMBERS for first, second in pairwise(words))


def _asked_by_name(words: set[str]) -> Asked | None:
    rest = words - {"name", "names"}
    is_name = rest != words
    if is_name and rest & PERSONS:
        return Asked.PERSON
    if (is_name and rest & SUPPLIERS) or (len(words) == 1 and rest & SUPPLIERS - {"provider", "trader"}):
        return Asked.SUPPLIER
    return Asked.NAME if is_name and rest <= _NAME_REST else None


_CODES: Final = _words("code notation gss")


def check_headers(
    headers: Iterable[str], place: str, policy: Policy | None = None, *, names: Sequence[str] = ()
) -> Iterator[Problem]:
    """Yield the headers that ask for personal data, or hold some, and that the policy does not declare harmless.

    Works on the headers of any table: of a published file, a hidden sheet, the keys of a JSON object, the titles of a
    mapping. `names` are the column names of the same columns in the same order, by which a policy declares them.
    """
    headers = list(headers)
    texts = normalised(pl.Series(headers, dtype=pl.String)).to_list()
    has_code = any(not _CODES.isdisjoint(_words_of_header(header)) for header in headers)
    for number, (header, text, name) in enumerate(zip(headers, texts, names or headers, strict=True), 1):
        found = list(find_personal(text, is_free=True))
        for piece in found:
            yield piece.problem(f"{place}, header of column {number}")
        asked = asked_by(header) or asked_by(name)
        if asked is not None and not _is_declared(asked, name, policy, has_code=has_code):
            yield _problem(asked, f"{place}, column {number}" if found else f"{place}, column '{header}'")


def _is_declared(asked: Asked, name: str, policy: Policy | None, *, has_code: bool) -> bool:
    if asked is Asked.NAME and (has_code or (policy is not None and policy.kind == REFERENCE)):
        return True  # the names of the codes beside them
    if policy is None:
        return False
    if asked in {Asked.ADDRESS, Asked.POSTCODE}:
        return name in policy.office_columns
    if asked is Asked.SUPPLIER:
        # A published file calls the column something else than the tidy table that it becomes.
        return bool(policy.supplier_columns) or name in policy.name_columns
    return asked in {Asked.NAME, Asked.PERSON} and name in (*policy.name_columns, *policy.supplier_columns)


def _problem(asked: Asked, where: str) -> Problem:
    hints = {
        Asked.ADDRESS: "leave the column out; if it is of offices, declare it under office_columns in [policy]",
        Asked.POSTCODE: "leave the column out; if it is of offices, declare it under office_columns in [policy]",
        Asked.NAME: "say in the header what is named; or declare the column under name_columns in [policy]",
        Asked.SUPPLIER: "declare the column under supplier_columns in [policy], so that its names are looked at",
        Asked.PERSON: "leave the column out; if it is of no persons, declare it under name_columns in [policy]",
    }
    code = "GATE-11" if asked in {Asked.NAME, Asked.SUPPLIER} else "GATE-10"
    return Problem(code, where, f"the header asks for {asked}", hints.get(asked, "leave the column out"))
