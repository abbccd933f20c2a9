"""Content codings: which is chosen, and that what is compressed is what it was."""

from __future__ import annotations

import gzip
import io

import brotli
import pytest
import zstandard

from endpoint.codings import CODINGS, IDENTITY, choose_coding, compressed, compressed_pieces, tag_of

DECODERS = {
    "zstd": lambda body: zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body)).read(),
    "br": brotli.decompress,
    "gzip": gzip.decompress,
}


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (None, IDENTITY),
        ("", IDENTITY),
        ("identity", IDENTITY),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZip ; Q=0.5", "gzip"),
        ("gzip;q=0", IDENTITY),
        ("gzip;q=0.000", IDENTITY),
        ("*", "gzip"),
        ("*;q=0", IDENTITY),
        ("gzip;q=0, *", IDENTITY),
        ("br, *;q=0", "br"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.9, zstd;q=0.1", "gzip"),
        ("gzip;q=0.4, br;q=0.5", "br"),
        ("identity;q=1, gzip;q=0.5", IDENTITY),
        ("identity;q=0.5, gzip;q=1", "gzip"),
        ("deflate", IDENTITY),
        ("compress, pack200-gzip", IDENTITY),
        (";;;,,q=1", IDENTITY),
    ],
)
def test_the_coding_is_the_one_the_client_likes_best(accepted: str | None, chosen: str) -> None:
    assert choose_coding(accepted) == chosen


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("pieces", [[], [b""], [b"a"], [b"town,month\r\n" * 5_000] * 9])
def test_what_is_compressed_comes_out_the_same(coding: str, pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert DECODERS[coding](b"".join(compressed_pieces(pieces, coding))) == whole
    assert DECODERS[coding](compressed(whole, coding)) == whole
    assert len(compressed(whole, coding)) <= max(len(whole) // 10, 40)


def test_a_strong_tag_names_the_coding() -> None:
    assert tag_of('"x"', IDENTITY) == '"x"'
    assert len({tag_of('"x"', coding) for coding in (IDENTITY, *CODINGS)}) == len(CODINGS) + 1
