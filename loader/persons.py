"""Tell payees that are organisations from those that may be persons (docs/persons.md), and give payees an address.

A name is published only if something in it shows that it is no person's, or if a person has reviewed it. In doubt the
row is held: a missing payment can be published later, a published name cannot be taken back.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from loader.errors import Problem, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


class Held(StrEnum):
    """Why a payee is held; the text is what reports say, and never contains anything of the name."""

    NO_NAME = "payee held: no name"
    SCRIPT = "payee held: letters of another script"
    TITLE = "payee held: title of a person"
    TRADING_AS = "payee held: trading name of somebody else"
    NO_ORGANISATION = "payee held: nothing shows that it is an organisation"
    NOT_REVIEWED = "payee held: payment for a single person, and payee not reviewed"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES: Final = _words(
    "mr mrs ms miss mx mstr messrs dr doctor prof professor rev revd reverend sir dame lady lord baron baroness hon "
    "capt captain cllr councillor esq esquire"
)
"""Forms of address of persons. A name with one is never published, reviewed or not."""

LEGAL_FORMS: Final = _words("ltd limited plc llp llc cic cio inc incorporated corp corporation gmbh pty cyf cyfyngedig")
"""Legal forms. SA, AG, BV, NV and the like are not here: they are also how the initials of a person look."""

PUBLIC_BODIES: Final = _words(
    "council councils cbc mbc borough government parliament commission authority authorities ministry department "
    "constabulary police nhs pct lhb hospital hospitals university universities ombudsman trust foundation federation "
    "association society consortium institute charity"
)
"""Words of bodies that a person's name does not contain. They do not count beside an initial ('J SMITH TRUST')."""

PUBLIC_PHRASES: Final = (
    "city of",
    "county of",
    "office of",
    "office for",
    "college of",
    "school of",
    "primary school",
    "chamber of commerce",
    "community interest company",
    "credit union",
    "development agency",
    "funding agency",
    "health board",
    "probation service",
    "revenue customs",
    "revenue and customs",
)
"""Phrases that count as words of public bodies do."""

TRADE_WORDS: Final = _words(
    "academy accommodation advice agency alliance associates bank banking building business career careers centre "
    "college commerce communications community company computers construction consultancy consultants consulting "
    "council county creative development digital education electrical employment energy engineering enterprise "
    "enterprises environment equipment facilities finance financial fund funding group healthcare holdings housing "
    "industries information insurance interpreting investments learning leisure logistics management marketing media "
    "medical network office organisation partners partnership printing products project projects property "
    "recruitment regeneration research resources retail sales school sciences security services skills software "
    "solicitors solutions studies supplies support systems technologies technology trading training transport travel "
    "voluntary workshop workshops"
)
"""Words of trade and of organisations that sole traders also put beside their own name."""

LINKING_WORDS: Final = _words(
    "and the of for in at uk gb british european national regional international global local public central general "
    "social first new"
)
"""Words that say nothing about whether a name is a person's."""

_WORD: Final = re.compile(r"[^\W_]+")
_APOSTROPHES: Final = str.maketrans("", "", "'\u2018\u2019\u02bc`´")
_LATIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzæœøðþđł")


def why_held(name: str, reviewed: Collection[str] = frozenset(), *, for_one_person: bool = False) -> Held | None:
    """Say why the payee called `name` must not be published; None if it may be.

    A payment `for_one_person`, such as support of a disabled employee, tells something about that person even if an
    organisation was paid, and its payee may be written with the person's name: only a reviewed payee is published.

    `reviewed` holds the keys of names that a person has found to be organisations (`read_reviewed`). A review does not
    free a name with a personal title, a trading name of somebody else, or letters of another script, which may only
    look like the reviewed ones.
    """
    words = words_of(name)
    if not words:
        return Held.NO_NAME
    if any(letter.isalpha() and letter not in _LATIN for word in words for letter in word):
        return Held.SCRIPT
    # A character without width may stand between two words or within one, so both readings must be free of titles.
    if not TITLES.isdisjoint(words) or not TITLES.isdisjoint(words_of(name, invisible=" ")):
        return Held.TITLE
    if _is_trading_name(words):
        return Held.TRADING_AS
    if _key(words) in reviewed:
        return None
    if not _is_organisation(words):
        return Held.NO_ORGANISATION
    return Held.NOT_REVIEWED if for_one_person else None


def words_of(name: str, *, invisible: str = "") -> list[str]:
    """Split a name into its words: compatibility forms resolved, no case, accents, apostrophes or punctuation.

    Characters without width are replaced by `invisible`.
    """
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    kinds = {letter: unicodedata.category(letter) for letter in set(text)}
    text = "".join(
        invisible if kinds[letter] == "Cf" else letter for letter in text if kinds[letter] not in {"Mn", "Me"}
    )
    return _WORD.findall(text.translate(_APOSTROPHES))


def _key(words: list[str]) -> str:
    return " ".join(words)


def _is_trading_name(words: list[str]) -> bool:
    """Find 't/a', 'TA', 'trading as', 'd/b/a' and 'c/o', however they are written."""
    pairs = set(pairwise(words))
    is_short = not {"ta", "dba"}.isdisjoint(words) or not {("t", "a"), ("c", "o"), ("d", "b")}.isdisjoint(pairs)
    return is_short or ("trading", "as") in pairs or ("care", "of") in pairs


def _is_organisation(words: list[str]) -> bool:
    if not LEGAL_FORMS.isdisjoint(words):
        return True
    text = f" {_key(words)} "
    is_public = not PUBLIC_BODIES.isdisjoint(words) or any(f" {phrase} " in text for phrase in PUBLIC_PHRASES)
    if is_public and not any(len(word) == 1 and word.isalpha() for word in words):
        return True
    # A trade word counts only if no other word is left that could be a name: 'JOHN SMITH SERVICES', 'DAVID COLLEGE'.
    return not TRADE_WORDS.isdisjoint(words) and all(word in TRADE_WORDS or word in LINKING_WORDS for word in words)


def review_key(name: str) -> str:
    """Give what names have in common that one review frees."""
    return _key(words_of(name))


def read_reviewed(text: str, file: str) -> frozenset[str]:
    """Read a list of reviewed names, one a line, with comments from '#'; give their keys for `why_held`.

    Raises ProblemsError for names that a review cannot free.
    """
    problems: list[Problem] = []
    keys: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        name = line.partition("#")[0].strip()
        if not name:
            continue
        key = review_key(name)
        reason = why_held(name, {key})
        if reason is not None:
            hint = "take the line out: such a name is never published, reviewed or not (docs/persons.md)"
            problems.append(Problem("TIDY-05", f"{file}:{number}", f"this name cannot be reviewed ({reason})", hint))
        keys.add(key)
    if problems:
        raise ProblemsError(problems)
    return frozenset(keys)


def reviewed_in(path: Path) -> frozenset[str]:
    """Read the list of reviewed names in a file (`read_reviewed`). Raises ProblemsError if it is not UTF-8, too."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        hint = "save the file as UTF-8"
        raise ProblemsError([Problem("FILE-03", f"{path}:{line}", "the file is not UTF-8", hint)]) from error
    return read_reviewed(text, str(path))


_SUPPLIER: Final = "dwpld/supplier/1\n"
"""Never change it: the addresses of all suppliers depend on it."""


def supplier_id(name: str) -> str:
    """Give the identifier of a supplier known by name only: 16 hexadecimal characters.

    It is opaque, so that no address spells a name that may have to be withdrawn, and deterministic, so that a supplier
    keeps its address over files, months and builds. Names that differ in case, spaces or trailing full stop are one.
    """
    text = " ".join(unicodedata.normalize("NFKC", name).casefold().split()).rstrip(".,;")
    return hashlib.sha256((_SUPPLIER + text).encode()).hexdigest()[:16]
