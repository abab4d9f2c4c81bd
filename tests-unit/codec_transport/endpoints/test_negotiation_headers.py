"""Header texts as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec_transport.endpoints.negotiation_headers import (
    MediaPreference,
    choose_coding,
    client_version,
    lower_keys,
    map_pin,
    offers_coding,
    weighted,
)

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("header", "weights"),
    [
        (None, {}),
        ("", {}),
        (" , ,", {}),
        ("a", {"a": 1.0}),
        ("A;q=0.5 , b ; Q=0", {"a": 0.5, "b": 0.0}),
        ("a;level=1;q=0.123", {"a": 0.123}),
        ("a;q=2", {"a": 1.0}),
        ("a;q=1.5", {"a": 1.0}),
        ("a;q=x", {"a": 1.0}),
        ("a;q=", {"a": 1.0}),
        ("a;q=0.", {"a": 0.0}),
    ],
)
def test_weights(header, weights):
    assert weighted(header) == weights


@pytest.mark.parametrize(
    ("accept", "available", "coding"),
    [
        (None, ("gzip",), "identity"),
        ("", ("gzip",), "identity"),
        ("gzip", ("gzip",), "gzip"),
        ("x-gzip", ("gzip",), "gzip"),
        ("gzip", (), "identity"),
        ("gzip, deflate, br, zstd", ("gzip", "br", "zstd"), "zstd"),
        ("gzip, br", ("gzip", "br"), "br"),
        ("gzip, br;q=0.5", ("gzip", "br"), "gzip"),
        ("gzip;q=0", ("gzip",), "identity"),
        ("gzip;q=0.5, identity", ("gzip",), "identity"),
        ("gzip;q=0.5, identity;q=0.1", ("gzip",), "gzip"),
        ("*", ("gzip",), "gzip"),
        ("*;q=0", ("gzip",), None),
        ("gzip, *;q=0", ("gzip",), "gzip"),
        ("identity;q=0", ("gzip",), None),
        ("identity;q=0, gzip;q=0.1", ("gzip",), "gzip"),
        ("identity;q=0, br", ("gzip",), None),
        ("identity, *;q=0", ("gzip",), "identity"),
        ("unknown", ("gzip",), "identity"),
    ],
)
def test_coding(accept, available, coding):
    assert choose_coding(accept, available) == coding


def test_offer_of_a_coding():
    assert offers_coding("gzip") and offers_coding("*") and offers_coding("zstd;q=0.1, identity")
    assert not offers_coding(None) and not offers_coding("identity") and not offers_coding("gzip;q=0")


@pytest.mark.parametrize(
    ("header", "digits"),
    [
        (HEX, HEX),
        (f"sha256:{HEX}", HEX),
        (f"SHA256:{HEX.upper()}", HEX),
        (f"https://h/m.json;sha256={HEX}", HEX),
        (f'https://h/m.json;SHA256="{HEX}"', HEX),
        ("https://h/m.json", None),
        ("sha256:abc", None),
        (f"{HEX}0", None),
    ],
)
def test_map_pin(header, digits):
    assert map_pin(header) == digits


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("0.3", (0, 3)),
        ("v0.4", (0, 4)),
        (" V1.12 ", (1, 12)),
        ("0.4.1", (0, 4)),
        (None, None),
        ("", None),
        ("3", None),
        ("a.b", None),
        ("0.99999", None),
    ],
)
def test_client_version(header, version):
    assert client_version(header) == version


def test_header_names_have_no_case():
    assert lower_keys({"Accept": "a", "ACCEPT": "b", "X": "c"}) == {"accept": "a, b", "x": "c"}


@given(st.text(max_size=60))
def test_any_header_text_is_understood_somehow(text):
    media = MediaPreference.parse(text)
    assert media.best_format() in ("msgpack", "protobuf", None)
    assert media.content_type("msgpack") in ("application/x-msgpack", "application/x-codec-msgpack")
    assert choose_coding(text, ("gzip",)) in ("gzip", "identity", None)
    client_version(text)
    map_pin(text)
