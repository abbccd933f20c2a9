"""Names of areas as published, resolved to codes."""

from __future__ import annotations

from datetime import date

import pytest

from loader.areas import LOCAL_AUTHORITIES, REGIONS_AND_COUNTRIES, UPPER_TIER, Area, AreaNames, UnknownAreaError


@pytest.fixture(scope="module")
def names() -> AreaNames:
    return AreaNames.shipped()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Hartlepool", "E06000001"),
        ("HARTLEPOOL ", "E06000001"),
        ("Brighton & Hove", "E06000043"),
        ("St. Helens", "E08000013"),
        ("Stoke on Trent", "E06000021"),
        ("Kings Lynn and West Norfolk", "E07000146"),
        ("King’s Lynn and West Norfolk", "E07000146"),
        ("Bristol, City of", "E06000023"),
        ("City of Bristol", "E06000023"),
        ("Bristol", "E06000023"),
        ("Herefordshire", "E06000019"),
        ("Kingston upon Hull", "E06000010"),
        ("Edinburgh, City of", "S12000036"),
        ("Ynys Môn", "W06000001"),
        ("Ynys Mo\N{COMBINING CIRCUMFLEX ACCENT}n", "W06000001"),
        ("Isle of Anglesey / Ynys Môn", "W06000001"),
        ("Torfaen / Tor-faen", "W06000020"),
        ("Denbighshire / Sir Ddinbych", "W06000004"),
        ("Western Isles", "S12000013"),
        ("Shepway", "E07000112"),
    ],
)
def test_spellings_of_local_authorities(names: AreaNames, name: str, code: str) -> None:
    assert names.resolve(name, types=LOCAL_AUTHORITIES) == code


@pytest.mark.parametrize(
    ("name", "on", "code"),
    [
        ("Barnsley", date(2025, 3, 31), "E08000016"),
        ("Barnsley", date(2025, 4, 1), "E08000038"),
        ("Northumberland", date(2010, 1, 1), "E06000048"),
        ("Northumberland", None, "E06000057"),
        ("Fife", date(2018, 2, 1), "S12000015"),
        ("Glasgow City", date(2011, 3, 31), "S12000043"),
        ("Glasgow City", date(2015, 1, 1), "S12000046"),
        ("Glasgow", date(2025, 1, 1), "S12000049"),
        ("Cumberland", date(2018, 4, 1), "E06000063"),
        ("Bedford", date(2008, 1, 1), "E07000002"),
    ],
)
def test_of_two_areas_the_one_of_the_day_is_preferred(names: AreaNames, name: str, on: date | None, code: str) -> None:
    assert names.resolve(name, types=LOCAL_AUTHORITIES, on=on) == code


def test_a_county_and_a_local_authority_of_one_name_are_told_apart(names: AreaNames) -> None:
    assert names.resolve("Somerset", types=UPPER_TIER, on=date(2023, 3, 31)) == "E10000027"
    assert names.resolve("Somerset", types=UPPER_TIER, on=date(2023, 4, 1)) == "E06000066"
    assert names.resolve("Kent", types=UPPER_TIER) == "E10000016"


def test_a_constituency_and_a_local_authority_of_one_name_are_told_apart(names: AreaNames) -> None:
    found = {kind: names.resolve("Monmouthshire", types={kind}) for kind in ("local-authority", "constituency-2024")}
    assert found == {"local-authority": "W06000021", "constituency-2024": "W07000101"}


def test_regions_and_countries(names: AreaNames) -> None:
    assert names.resolve("Yorkshire and the Humber", types=REGIONS_AND_COUNTRIES) == "E12000003"
    assert names.resolve("Great Britain", types=REGIONS_AND_COUNTRIES) == "K03000001"
    assert names.resolve("Eastern", types=REGIONS_AND_COUNTRIES) == "E12000006"


def test_a_misspelt_name_is_not_guessed_but_near_ones_are_suggested(names: AreaNames) -> None:
    with pytest.raises(UnknownAreaError) as raised:
        names.resolve("Barnslee", types=LOCAL_AUTHORITIES)
    assert raised.value.message == "no local authority is called 'Barnslee'"
    assert "did you mean 'Barnsley' (E080000" in raised.value.hint


def test_a_name_of_another_kind_of_area_is_said_to_be_so(names: AreaNames) -> None:
    with pytest.raises(UnknownAreaError) as raised:
        names.resolve("Kent", types=LOCAL_AUTHORITIES)
    assert "E10000016 (county)" in raised.value.hint


@pytest.mark.parametrize("name", ["", "   ", "Unknown", "Total", "\N{REPLACEMENT CHARACTER}"])
def test_what_is_no_area_is_refused(names: AreaNames, name: str) -> None:
    with pytest.raises(UnknownAreaError):
        names.resolve(name, types=LOCAL_AUTHORITIES)


def test_a_name_of_two_live_areas_is_ambiguous() -> None:
    twins = [
        Area(code, "Twin", "", frozenset({"region"}), None, None, is_live=True) for code in ("E12000001", "E12000002")
    ]
    with pytest.raises(UnknownAreaError, match="'Twin' can be more than one area"):
        AreaNames(twins).resolve("Twin", types={"region"})


def test_codes_are_checked_for_their_kind(names: AreaNames) -> None:
    assert names.check_code("S14000027", types={"constituency-2024"}) == "S14000027"
    with pytest.raises(UnknownAreaError, match="is the code of no known area"):
        names.check_code("E99999999", types=LOCAL_AUTHORITIES)
    with pytest.raises(UnknownAreaError, match="is a county, not a local authority"):
        names.check_code("E10000016", types=LOCAL_AUTHORITIES)
