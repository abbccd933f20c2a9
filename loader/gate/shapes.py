"""Recognise personal data in a text by its shape (docs/gate.md).

Two steps, so that a million cells cost little: `SUSPECT` is one expression for the regex engine of polars, which never
misses what the second step finds; the second step, `find_personal`, is exact and runs on the few distinct suspects.
Both expect texts in the normal form that `normalised` gives.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

from loader.errors import Problem
from loader.persons import LEGAL_FORMS, LINKING_WORDS, PUBLIC_BODIES, TITLES, TRADE_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Kind(StrEnum):
    """Kinds of personal data; the text is what messages say."""

    NINO = "a National Insurance number"
    EMAIL = "an e-mail address"
    PHONE = "a telephone number"
    BIRTH = "a date of birth"
    BANK = "a sort code or account number"
    POSTCODE = "a full postcode"
    TITLE = "a person's title and name"
    TRADING = "a trading name ('t/a')"


REVIEWABLE: Final = frozenset({Kind.EMAIL, Kind.PHONE, Kind.POSTCODE})
"""What may be an office's, and can be declared as such one by one."""
_CODES: Final = {
    Kind.NINO: "GATE-12",
    Kind.EMAIL: "GATE-13",
    Kind.PHONE: "GATE-14",
    Kind.BIRTH: "GATE-15",
    Kind.BANK: "GATE-16",
    Kind.POSTCODE: "GATE-17",
    Kind.TITLE: "GATE-18",
    Kind.TRADING: "GATE-18",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of personal data. `text` is for comparing only: messages show `masked`."""

    kind: Kind
    text: str

    @property
    def masked(self) -> str:
        """At most its first two characters; letters and digits after them are covered."""
        shown = self.text[:2] if len(self.text) > 4 else ""
        covered = re.sub(r"\w", "#", self.text[len(shown) :])
        return (shown + covered)[:24]

    @property
    def key(self) -> str:
        """The piece without case, spaces and punctuation, to compare it with what was reviewed."""
        return review_key(self.text)

    def problem(self, where: str) -> Problem:
        """Say that it must not be published."""
        hint = "take it out of the published file, or leave the row or column out in the tidy step"
        if self.kind in REVIEWABLE:
            hint += "; if it is of an office, declare that in [policy] (docs/gate.md)"
        return Problem(_CODES[self.kind], where, f"this looks like {self.kind}: {self.masked}", hint)


def review_key(text: str) -> str:
    """Give a text without case, spaces and punctuation, '+44' as '0'."""
    return re.sub(r"[^\w@]|_", "", text.casefold().replace("+44", "0"))


# Normal form: compatibility forms resolved, no accents, no characters without width, ASCII digits, hyphens and spaces,
# Cyrillic and Greek letters that look like Latin ones as those, one space where there are several.

_LOOK_ALIKES: Final = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХҮԚԜаеѕіјкорсухүԁԛԝԍһ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορτυχ",
        "ABESIJKMHOPCTYXYQWaesijkopcyxydqwgh" + "ABEZHIKMNOPTYXaikvoptux",
        strict=True,
    )
)
_ALIKE: Final = _LOOK_ALIKES | {"⁄": "/", "∕": "/", "−": "-", "。": ".", "＿": "_"}
_OTHER_DIGIT: Final = r"[\p{Nd}--[0-9]]"
INVISIBLE: Final = r"[\p{Cf}\x{115F}\x{1160}\x{3164}\x{2800}]"


def normalised(texts: pl.Series, *, invisible: str = "") -> pl.Series:
    """Give the normal form of texts; characters without width are replaced by `invisible`."""
    found = texts.str.normalize("NFKC").str.normalize("NFKD").str.replace_all(INVISIBLE, invisible)
    found = found.str.replace_all(r"[\p{Mn}\p{Me}]", "").str.replace_all(r"\p{Pd}", "-")
    found = found.str.replace_all(r"[\p{Z}\p{Cc}]+", " ")
    found = found.str.replace_many(list(_ALIKE), list(_ALIKE.values()))
    if found.str.contains(_OTHER_DIGIT).any():
        found = found.str.replace_many(list(_digits()), list(_digits().values()))
    return found


@cache
def _digits() -> dict[str, str]:
    """Give the ASCII digit for each other decimal digit; it takes a look at all of Unicode."""
    letters = (letter for letter in map(chr, range(128, sys.maxunicode + 1)) if letter.isdecimal())
    return {letter: str(unicodedata.decimal(letter)) for letter in letters}


# What is looked for, as parts that both steps share.

_TITLE: Final = "|".join(sorted(TITLES, key=len, reverse=True))
_NINO: Final = r"(?:[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z]|QQ)[ ._/\-]{0,3}(?:[0-9OIL][ ._/\-]{0,3}){5}[0-9OIL]"
_TEMPORARY: Final = r"TN[ ._\-]?[0-9]{2}[ ._\-]?[0-9]{2}[ ._\-]?[0-9]{2}[ ._\-]?[FM]"
_ZERO: Final = r"\(?0[ )\-]{0,2}(?:0 ?)?[1-9]"
_PHONE: Final = rf"(?:\+[ (]?[0-9]|{_ZERO})(?:[ ().\-]{{0,3}}[0-9]){{7,13}}"
_PHONE_SLASHED: Final = r"0[0-9]{2,4}/[0-9]{3,4}[ /\-]?[0-9]{3,4}"
_POSTCODE: Final = r"[A-Z]{1,2}[0-9][0-9A-Z]? {0,3}[0-9][ABD-HJLNP-UW-Z]{2}"
_TRADING: Final = r"T ?/ ?A|TRADING +AS|D ?/ ?B ?/ ?A"
_LABEL_PHONE: Final = (
    r"(?:TEL|TELEPHONE|PHONE|MOB|MOBILE|FAX)\b[ .:#()=\-]{0,4}(?:NUMBER|NUM|NO)?\b[ .:#()=\-]{0,4}(?:IS |ON )?"
)
_LABEL_NINO: Final = r"(?:NINO|N\.?I\.? ?(?:NO|NUMBER|NUM)|NATIONAL INSURANCE|INSURANCE NUMBER)"
_LABEL_BIRTH: Final = r"(?:DOB|D\. ?O\. ?B|BORN|BIRTH)"
_LABEL_SORT: Final = r"(?:SORT(?:ING)?[ \-]?CODE|S/C)"
_LABEL_ACCOUNT: Final = r"(?:ACCOUNT|ACCT|A/C|ACC)"
_SORT: Final = r"[0-9]{2}[ .\-][0-9]{2}[ .\-][0-9]{2}"
_IBAN: Final = r"GB[0-9]{2}(?: ?[A-Z]){4}(?: ?[0-9]){14}"
_BEFORE: Final = r"(?:^|[^0-9A-Z])"
_AFTER: Final = r"(?:[^0-9A-Z]|$)"

SUSPECT: Final = "(?i)" + "|".join(
    (
        "@",
        r"[(\[{<] ?AT ?[)\]}>]|\bAT\b.*\bDOT\b",
        _BEFORE
        + "(?:"
        + "|".join(
            (
                rf"{_NINO}[ ._/\-]{{0,3}}[A-D]?{_AFTER}",
                _TEMPORARY,
                _POSTCODE + _AFTER,
                rf"(?:{_TITLE})(?:[ .,]+[A-Z]|\.?$)",
                rf"(?:{_TRADING}){_AFTER}",
                rf"{_ZERO}(?:[ ().\-]{{0,3}}[0-9]){{7}}",
                _PHONE_SLASHED,
                _LABEL_PHONE + "[0-9+(]",
                rf"{_LABEL_BIRTH}[^0-9]{{0,30}}[0-9]",
                rf"{_LABEL_SORT}[^0-9]{{0,15}}[0-9]",
                rf"{_LABEL_ACCOUNT}[^0-9]{{0,20}}[0-9]{{4}}",
                rf"{_SORT}[^0-9].*[0-9]{{8}}",
                rf"[0-9]{{8}}[^0-9].*{_SORT}",
                r"GB[0-9]{2} ?[A-Z]",
            )
        )
        + ")",
        r"\+[ (]?[0-9](?:[ ().\-]{0,3}[0-9]){7}",
    )
)
"""Matches every text in normal form in which `find_personal` finds anything."""
SUSPECT_OR_ODD: Final = SUSPECT + r"|[^ -~]|  "
"""Matches also every text that is not its own normal form."""

# National Insurance numbers: HMRC, National Insurance Manual NIM39110. QQ is never issued, but is what examples and
# forms use, so that a number with it is still meant as one.

_NINO_EXACT: Final = re.compile(
    r"(?<![0-9A-Za-z])(?P<prefix>[A-Za-z]{2})(?P<gap>[ ._/\-]{0,3})"
    r"(?P<digits>(?:[0-9OoIlL][ ._/\-]{0,3}){5}[0-9OoIlL])"
    r"(?:[ ._/\-]{0,3}(?P<suffix>[A-Da-d]))?(?![0-9A-Za-z])"
)
_NINO_SHAPE: Final = re.compile(_NINO, re.IGNORECASE)
_TEMPORARY_EXACT: Final = re.compile(rf"(?<![0-9A-Z]){_TEMPORARY}(?![0-9A-Z])", re.IGNORECASE)
_NINO_NEVER: Final = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})
_NINO_LABELLED: Final = re.compile(_LABEL_NINO, re.IGNORECASE)
_COMPANY_PREFIXES: Final = _words(
    "AC BR CE CS ES FC GE GN GS IC IP LP NA NC NF NL NO NP NR NZ OC OE PC RC RS SA SC SE SF SI SL SO SP SR SZ ZC"
)
"""Registers of Companies House: two letters and six digits are a company number too."""
_SHORT_WORDS: Final = _words("AM AN AS AT BY HE ME MY NO ON PM RE TO WE")
_PAIRS: Final = re.compile(r"\w\w[ ._\-]+\w\w[ ._\-]+\w\w")


def _find_nino(text: str, *, is_free: bool) -> str | None:
    temporary = _TEMPORARY_EXACT.search(text)
    if temporary:
        return temporary[0]
    for match in _NINO_EXACT.finditer(text):
        if _is_nino(match, text, is_free=is_free):
            return match[0]
    return None


def _is_nino(match: re.Match[str], text: str, *, is_free: bool) -> bool:
    prefix, digits = match["prefix"].upper(), match["digits"]
    real = sum(letter.isdigit() for letter in digits)
    if not _NINO_SHAPE.match(match[0]) or prefix in _NINO_NEVER or real < 4:
        return False
    if _NINO_LABELLED.search(text):
        return True
    # 'we 250000 a year': a short word, digits and an article.
    is_sentence = prefix in _SHORT_WORDS and " " in match["gap"] and (match["suffix"] or "a") in "aA"
    if match["suffix"]:
        return not is_sentence
    if is_sentence or real < 6 or "/" in match[0]:  # it may be a date
        return False
    if is_free or _PAIRS.fullmatch(digits):
        return True
    has_words = bool(re.search(r"[A-Za-z]{2}", text[: match.start()] + text[match.end() :]))
    return has_words and prefix not in _COMPANY_PREFIXES


# E-mail addresses.

_EMAIL_EXACT: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~\-]+ ?@ ?(?:[A-Za-z0-9\-]+ ?\. ?)+[A-Za-z]{2,}")
_AT: Final = r"(?: ?[(\[{<] ?at ?[)\]}>] ?| at )"
_DOT: Final = r"(?: ?[(\[{<] ?dot ?[)\]}>] ?| dot )"
_EMAIL_SPELT: Final = re.compile(rf"[\w.\-]+{_AT}[\w\-]+(?:(?:{_DOT}|\.)[\w\-]+)+", re.IGNORECASE)
_SPELT: Final = re.compile(rf"[(\[{{<] ?at ?[)\]}}>]|{_DOT}", re.IGNORECASE)


def _find_email(text: str) -> str | None:
    match = _EMAIL_EXACT.search(text)
    if match:
        return match[0]
    for spelt in _EMAIL_SPELT.finditer(text):
        if _SPELT.search(spelt[0]):  # 'meets at gov.uk' is a sentence
            return spelt[0]
    return None


# Telephone numbers.

_PHONE_EXACT: Final = re.compile(
    rf"(?<![0-9A-Za-z.])(?<![0-9][\-/])(?:{_PHONE}|{_PHONE_SLASHED})(?![0-9A-WYZa-wyz]|[.\-/][0-9])"
)
_PHONE_LABELLED: Final = re.compile(
    rf"\b{_LABEL_PHONE}(?P<number>\+?\(?[0-9](?:[ ().\-]{{0,3}}[0-9]){{8,13}})", re.IGNORECASE
)
_FICTIONAL: Final = re.compile(r"0(?:1632960|7700900)[0-9]{3}")
"""Ranges that Ofcom keeps for fiction; `phonenumbers` calls them invalid."""
_NATIONAL: Final = re.compile(r"0[1-35789][0-9]{8,9}")


def _find_phone(text: str) -> str | None:
    for match in _PHONE_EXACT.finditer(text):
        if _is_phone(match[0]):
            return match[0]
    for match in _PHONE_LABELLED.finditer(text):
        if _is_phone(match["number"]) or _is_valid(re.sub(r"\D", "", match["number"])):
            return match["number"]
    return None


def _is_phone(text: str) -> bool:
    digits = re.sub(r"[^0-9+]", "", text).replace("+440", "+44")
    if re.fullmatch(r"\(?0[0-9]*\.[0-9]+", text):
        return False
    if text.isdigit() and digits.startswith("00") and not digits.startswith("0044"):
        return False  # a reference with zeros before it
    national = re.sub(r"^(?:\+44|0044)0?", "0", digits)
    if _FICTIONAL.fullmatch(national):
        return True
    # Groups show that it is meant as a number to dial, even in a range that is not in use.
    is_grouped = bool(re.search(r"[0-9)][ /\-]+[0-9(]", text)) or digits.startswith("+44")
    return _is_valid(digits) or (is_grouped and len(national) == 11 and bool(_NATIONAL.fullmatch(national)))


def _is_valid(digits: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, "GB"))
    except phonenumbers.NumberParseException:
        return False


# Dates of birth.

_MONTH: Final = r"(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]*"
_DATE: Final = (
    r"(?:[0-9]{1,2}[ ./\-]{1,2}[0-9]{1,2}[ ./\-]{1,2}(?:[0-9]{4}|[0-9]{2})"
    r"|[0-9]{4}[./\-][0-9]{1,2}[./\-][0-9]{1,2}|[0-9]{8}|[0-9]{6}"
    rf"|[0-9]{{1,2}}(?:ST|ND|RD|TH)?[ \-/]?(?:OF )?{_MONTH}[ ,\-/]*(?:[0-9]{{4}}|[0-9]{{2}})"
    rf"|{_MONTH} [0-9]{{1,2}}(?:ST|ND|RD|TH)?,? [0-9]{{4}})"
)
_BIRTH: Final = re.compile(
    rf"(?<![A-Z]){_LABEL_BIRTH}(?P<between>[^0-9]{{0,30}}?)(?P<date>{_DATE})(?![0-9])", re.IGNORECASE
)
_COHORT: Final = re.compile(
    r"\b(?:after|before|since|between|from|until|prior|by|up to|or later|earlier)\b", re.IGNORECASE
)


def _find_birth(text: str) -> str | None:
    for match in _BIRTH.finditer(text):
        if not _COHORT.search(match["between"]):  # 'children born on or after 6 April 2017' are many
            return match["date"]
    return None


# Bank accounts.

_SORT_LABELLED: Final = re.compile(
    rf"\b{_LABEL_SORT}[^0-9]{{0,15}}(?P<number>[0-9]{{2}}[ .\-]?[0-9]{{2}}[ .\-]?[0-9]{{2}})(?![0-9])", re.IGNORECASE
)
_ACCOUNT_LABELLED: Final = re.compile(
    rf"\b{_LABEL_ACCOUNT}\b[ .:#=\-]*(?:NUMBER|NUM|NO|NR)?\b[ .:#=\-]*(?:IS )?"
    r"(?P<number>[0-9](?: ?[0-9]){6,7})(?! ?[0-9])",
    re.IGNORECASE,
)
_SORT_NEAR: Final = re.compile(
    rf"(?<![0-9.\-/]){_SORT}(?![0-9]|[.\-/][0-9])[^0-9]{{1,30}}[0-9]{{8}}(?![0-9])"
    rf"|(?<![0-9])[0-9]{{8}}[^0-9]{{1,30}}(?<![.\-/]){_SORT}(?![0-9]|[.\-/][0-9])"
)
_IBAN_EXACT: Final = re.compile(rf"(?<![0-9A-Z]){_IBAN}(?![0-9A-Z])", re.IGNORECASE)


def _find_bank(text: str) -> str | None:
    for pattern in (_SORT_LABELLED, _ACCOUNT_LABELLED):
        match = pattern.search(text)
        if match:
            return match["number"]
    found = _SORT_NEAR.search(text) or _IBAN_EXACT.search(text)
    return found[0] if found else None


# Postcodes.

_AREAS: Final = _words(
    "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK "
    "FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG "
    "NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR "
    "TS TW UB W WA WC WD WF WN WR WS WV YO ZE"
)
_POSTCODE_EXACT: Final = re.compile(rf"(?<![0-9A-Z]){_POSTCODE}(?![0-9A-Z])", re.IGNORECASE)


def _find_postcode(text: str) -> str | None:
    for match in _POSTCODE_EXACT.finditer(text):
        area = re.match(r"[A-Za-z]+", match[0])
        if area and area[0].upper() in _AREAS:
            return match[0]
    return None


# Titles and trading names.

_CLEAR_TITLES: Final = _words("mr mrs mx mstr messrs")
_SHORT_TITLES: Final = _words("dr prof rev revd capt cllr")
"""Titles in any case, but 'Prof fees'; all others are also words, and count only with capitals."""
_TITLED: Final = re.compile(
    rf"(?<![\w'.])(?<!Notre )(?P<title>{_TITLE})(?:\.?,?[ ]+|\.(?=[A-Z]))(?P<name>[A-Z][\w'\-]*)", re.IGNORECASE
)
_TITLE_LAST: Final = re.compile(
    rf"(?:,[ ]*|^(?:[\w'\-]+[ .]+)?[A-Z][ .]+(?:[\w'\-]+[ .]+)?)(?:{_TITLE})\.?$", re.IGNORECASE
)
"""'SMITH, MR', 'SMITH J MR', 'J SMITH MR'."""
_LINKS: Final = _words("and code codes for in is of on or the to")
_NO_NAMES: Final = (
    LEGAL_FORMS
    | PUBLIC_BODIES
    | TRADE_WORDS
    | LINKING_WORDS
    | _words(
        "account adjustment are as balance be bodies body but by charge charges code codes cost costs credit excel "
        "exchange expenditure fee fees from grant grants if indemnity is it licence licences licenses membership not "
        "on or payment payments project server surgery teams that this to treasurer was were window windows with word"
    )
)
"""Words that do not make a title of the word before them: 'MS Office', 'Prof fees', 'Rev grants'."""
_OFFICES: Final = {
    "lord": _words("advocate chancellor chief justice lieutenancy lieutenant lieutenants mayor president street"),
    "sir": _words(
        "aberteifi benfro ddinbych drefaldwyn faesyfed feirionnydd forgannwg frycheiniog fynwy gaerfyrddin gaernarfon "
        "gar maesyfed ynys"
    ),
}
"""Offices; and counties of Wales, where 'sir' means county."""
_TRADING_EXACT: Final = re.compile(rf"(?<![0-9A-Z])(?:{_TRADING})(?![0-9A-Z])", re.IGNORECASE)


def _find_title(text: str) -> str | None:
    for match in _TITLED.finditer(text):
        if _is_titled(match["title"], match["name"]):
            return match[0]
    last = _TITLE_LAST.search(text)
    return last[0] if last else None


def _is_titled(title: str, name: str) -> bool:
    kind, word = title.lower(), name.lower().removesuffix("'s")
    if kind in _CLEAR_TITLES:
        return word not in _LINKS
    if word in _NO_NAMES | _OFFICES.get(kind, frozenset()):
        return False
    return kind in _SHORT_TITLES or (title[0].isupper() and name[0].isupper())


def _find_trading(text: str) -> str | None:
    match = _TRADING_EXACT.search(text)
    return match[0] if match else None


_FINDERS: Final[dict[Kind, Callable[[str], str | None]]] = {
    Kind.EMAIL: _find_email,
    Kind.PHONE: _find_phone,
    Kind.BIRTH: _find_birth,
    Kind.BANK: _find_bank,
    Kind.POSTCODE: _find_postcode,
    Kind.TITLE: _find_title,
    Kind.TRADING: _find_trading,
}


def find_personal(text: str, *, is_free: bool = False) -> Iterator[Found]:
    """Find personal data in a text in normal form: at most one piece of each kind.

    In free text a National Insurance number needs no suffix, even where it could be the number of a company.
    """
    number = _find_nino(text, is_free=is_free)
    if number is not None:
        yield Found(Kind.NINO, number.strip())
    for kind, find in _FINDERS.items():
        piece = find(text)
        if piece is not None:
            yield Found(kind, piece.strip())
