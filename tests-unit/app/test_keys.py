"""Keys, cookies and the choice whether a server asks for them."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import keys as command
from app.auth.cookies import LIFETIME_S, check_cookie, make_cookie
from app.auth.gate import AuthMode, Gate, asks_for_keys
from app.auth.scopes import Scope, required_scope
from app.auth.store import KeyFileError, KeyStore, UnknownKeyError


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "user")


def test_a_key_is_known_by_itself_and_the_file_does_not_hold_it(store: KeyStore) -> None:
    key, token = store.add("laptop", Scope.RUN)
    assert store.check(token) == key
    assert token[-24:] not in store.path.read_text()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_nothing_but_the_whole_key_is_taken(store: KeyStore) -> None:
    key, token = store.add("laptop", Scope.RUN)
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    for shown in (
        "",
        key.id,
        key.sha256,
        token[:-1],
        token + "x",
        wrong,
        token.upper(),
        f" {token}",
        "codec__",
    ):
        assert store.check(shown) is None, shown


@given(st.text(max_size=90))
def test_no_text_opens_an_empty_store_and_none_raises(text: str) -> None:
    assert KeyStore("/nonexistent/folder").check(text) is None


def test_another_process_sees_a_new_key_and_a_revoked_one_at_once(store: KeyStore) -> None:
    other = KeyStore(store.path.parent)
    assert other.list_keys() == ()
    _, token = store.add("a", Scope.READ)
    assert other.check(token) is not None
    store.revoke("a")
    assert other.check(token) is None


def test_keys_added_at_the_same_time_are_all_kept(store: KeyStore) -> None:
    stores = [KeyStore(store.path.parent) for _ in range(8)]
    threads = [
        threading.Thread(target=one.add, args=(f"key {i}", Scope.READ)) for i, one in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in store.list_keys()} == {f"key {i}" for i in range(8)}


def test_a_name_is_used_once_and_unknown_keys_are_named(store: KeyStore) -> None:
    store.add("a", Scope.READ)
    with pytest.raises(ValueError, match="'a'"):
        store.add(" a ", Scope.RUN)
    with pytest.raises(UnknownKeyError, match="'b'"):
        store.revoke("b")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"keys": [1], "cookie_secret": "x", "webhook_secret": "y"}', "\x00",
     '{"keys": [{"id": "a", "name": "n", "scope": "god", "sha256": "%s", "created": 0}],'
     ' "cookie_secret": "x", "webhook_secret": "y"}' % ("0" * 64)],
)  # fmt: skip
def test_a_broken_key_file_lets_nobody_in_and_is_named(tmp_path: Path, text: str) -> None:
    store = KeyStore(tmp_path)
    store.path.write_text(text)
    with pytest.raises(KeyFileError) as caught:
        store.check("codec_" + "0" * 12 + "_" + "A" * 43)
    assert caught.value.path == store.path


def test_a_cookie_stands_for_its_key_until_it_ages_or_the_key_goes(store: KeyStore) -> None:
    key, _ = store.add("a", Scope.READ)
    cookie = make_cookie(store, key, now=1000.0)
    assert check_cookie(store, cookie, 1000.0) == key
    assert check_cookie(store, cookie, 1000.0 + LIFETIME_S) is None
    later = cookie.replace(f".{1000 + LIFETIME_S}.", f".{9000 + LIFETIME_S}.")
    assert later != cookie and check_cookie(store, later, 1000.0) is None
    store.revoke("a")
    assert check_cookie(store, cookie, 1000.0) is None


def test_a_cookie_of_another_server_is_not_taken(tmp_path: Path) -> None:
    ours, theirs = KeyStore(tmp_path / "a"), KeyStore(tmp_path / "b")
    key, _ = theirs.add("a", Scope.ADMIN)
    ours.add("a", Scope.ADMIN)
    assert check_cookie(ours, make_cookie(theirs, key, 0.0), 1.0) is None


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic abc", "bearer x y", "Bearer \x00", "Bearer ü"]
)
def test_other_authorization_headers_identify_nobody(store: KeyStore, header: str) -> None:
    store.add("a", Scope.ADMIN)
    assert Gate(store).identify(header, None) is None


def test_the_first_key_is_made_once(store: KeyStore) -> None:
    gate = Gate(store)
    token = gate.first_key()
    assert token is not None
    caller = gate.identify(f"Bearer {token}", None)
    assert caller is not None and caller.level is Scope.ADMIN
    assert gate.first_key() is None


@pytest.mark.parametrize(
    ("mode", "addresses", "asks"),
    [
        ("auto", ["127.0.0.1"], False),
        ("auto", ["127.0.0.5", "::1", "localhost"], False),
        ("auto", ["0.0.0.0"], True),
        ("auto", ["127.0.0.1", "192.168.1.5"], True),
        ("auto", ["::"], True),
        ("auto", ["studio.local"], True),
        ("off", ["0.0.0.0"], False),
        ("on", ["127.0.0.1"], True),
    ],
)
def test_keys_are_asked_for_beyond_this_machine(mode: str, addresses: list[str], asks: bool) -> None:
    assert asks_for_keys(AuthMode.parse(mode), addresses) is asks


def test_a_route_nobody_placed_is_closed_unless_its_handler_says_otherwise() -> None:
    def handler() -> None: ...

    assert required_scope("GET", "/my_pack/thing", handler) is Scope.ADMIN
    handler.required_scope = "read"  # type: ignore[attr-defined]
    assert required_scope("GET", "/my_pack/thing", handler) is Scope.READ
    handler.required_scope = "everybody"  # type: ignore[attr-defined]
    assert required_scope("GET", "/my_pack/thing", handler) is Scope.ADMIN
    handler.required_scope = "read"  # type: ignore[attr-defined]
    assert required_scope("POST", "/users", handler) is Scope.ADMIN


def test_the_command_adds_lists_and_revokes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--user-directory", str(tmp_path)]
    assert command.main([*folder, "add", "ci", "--scope", "read"]) == 0
    token = capsys.readouterr().out.strip()
    key = KeyStore(tmp_path).check(token)
    assert key is not None and key.level is Scope.READ
    assert command.main([*folder, "list"]) == 0
    assert capsys.readouterr().out.split()[:2] == [key.id, "read"]
    assert command.main([*folder, "revoke", "ci"]) == 0
    assert KeyStore(tmp_path).list_keys() == ()
    assert command.main([*folder, "revoke", "ci"]) == 1
    assert "'ci'" in capsys.readouterr().err
    assert command.main([*folder, "webhook-secret"]) == 0
    document = json.loads((tmp_path / "api_keys.json").read_text())
    assert capsys.readouterr().out.strip() == document["webhook_secret"]
