"""`python -m app.keys add|list|revoke|webhook-secret`: the keys of a server, also while it runs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import folder_paths
from app.auth.scopes import Scope
from app.auth.store import KeyFileError, KeyStore, UnknownKeyError


def build_parser() -> argparse.ArgumentParser:
    """The command line. Folders are named as for the server."""
    parser = argparse.ArgumentParser(prog="python -m app.keys", description="Keys of this server.")
    parser.add_argument("--base-directory", metavar="DIR", help="as given to the server")
    parser.add_argument("--user-directory", metavar="DIR", help="as given to the server")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="make a key and print it, once")
    add.add_argument("name")
    add.add_argument("--scope", choices=["read", "run", "admin"], default="run")
    commands.add_parser("list", help="names, scopes and ages")
    revoke = commands.add_parser("revoke", help="forget a key")
    revoke.add_argument("key", metavar="ID_OR_NAME")
    commands.add_parser("webhook-secret", help="what receivers of webhooks check signatures with")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status."""
    options = build_parser().parse_args(arguments)
    store = KeyStore(_user_folder(options.base_directory, options.user_directory))
    try:
        _run(store, options)
    except (KeyFileError, UnknownKeyError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _run(store: KeyStore, options: argparse.Namespace) -> None:
    if options.command == "add":
        key, token = store.add(options.name, Scope.parse(options.scope))
        sys.stderr.write(f"Key {key.id} ({key.scope}) for {key.name!r}. It is shown this once:\n")
        sys.stdout.write(f"{token}\n")
    elif options.command == "list":
        for key in store.list_keys():
            made = time.strftime("%Y-%m-%d %H:%M", time.localtime(key.created))
            sys.stdout.write(f"{key.id}  {key.scope:5}  {made}  {key.name}\n")
    elif options.command == "revoke":
        key = store.revoke(options.key)
        sys.stdout.write(f"Key {key.id} ({key.name}) no longer works.\n")
    else:
        sys.stdout.write(f"{store.webhook_secret}\n")


def _user_folder(base: str | None, user: str | None) -> Path:
    if user is not None:
        return Path(user)
    return Path(base, "user") if base is not None else Path(folder_paths.get_user_directory())


if __name__ == "__main__":
    sys.exit(main())
