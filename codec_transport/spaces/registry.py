"""Finds latent spaces by id, and their documents and scale blocks by hash.

Map documents hold absolute addresses, so their bytes, and with them the hash that clients pin, depend on
the base URL under which the server is reached. Rules that keep the hash stable:

* one base URL, one set of bytes: each is rendered on first use and kept, never serialised again;
* a deployment that is reached under several names configures one public base URL and passes only that.
  A server without one should derive the base from the address it listens on, not from each request;
* bases are remembered up to MAX_BASES, the oldest unused one goes first, so that requests with made-up
  host names cannot fill memory. What was forgotten is rendered again, with the same bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from codec_transport.errors import LocalProtocolError, UnknownSpaceError
from codec_transport.spaces.builtin import builtin_spaces
from codec_transport.spaces.map_document import (
    LATENTS_PATH,
    Json,
    describe,
    document_bytes,
    map_document,
    map_url,
)
from codec_transport.spaces.old_map import old_map_document
from codec_transport.spaces.space import DecoderFile, LatentSpace, hex_of, sha256_label

MAX_BASES = 16  # a server has a public name, a local one and a few more; each costs a few KiB
CODEC_VERSION = "0.3"


@dataclass(frozen=True, slots=True)
class LatentMap:
    """A rendered map. body: the bytes that are served. hash: `sha256:<hex>` of exactly these bytes."""

    space_id: str
    url: str
    immutable_url: str
    body: bytes = field(repr=False)
    hash: str

    def pointer(self) -> Json:
        """The short document that points to this map, and the extra of a map mismatch."""
        return {"id": self.space_id, "url": self.url, "hash": self.hash}


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The maps under one base URL, by space id."""

    current: dict[str, LatentMap]
    old: dict[str, LatentMap]


class SpaceRegistry:
    """The latent spaces of one server. Not for use from several threads at once."""

    def __init__(
        self,
        spaces: Iterable[LatentSpace] | None = None,
        *,
        decoder_files: Mapping[str, Sequence[DecoderFile]] | None = None,
    ) -> None:
        """spaces: all that are served; the built-in ones when None. A later one replaces an equal id.

        decoder_files: space id -> decoders that clients may download; such a space has an older map too.
        """
        self._spaces = {space.id: space for space in (builtin_spaces() if spaces is None else spaces)}
        self._decoder_files = dict(decoder_files or {})
        self._maps: OrderedDict[str, _Rendered] = OrderedDict()  # by base URL

    @property
    def ids(self) -> tuple[str, ...]:
        """Every known id."""
        return tuple(self._spaces)

    def get(self, space_id: str) -> LatentSpace:
        """The space of this id. Raises: UnknownSpaceError."""
        space = self._spaces.get(space_id)
        if space is None:
            raise UnknownSpaceError(space_id, self.ids)
        return space

    def map(self, space_id: str, base_url: str) -> LatentMap:
        """The space's map for this base URL. Raises: UnknownSpaceError, LocalProtocolError (bad base)."""
        self.get(space_id)
        return self._rendered(base_url).current[space_id]

    def old_map(self, space_id: str, base_url: str) -> LatentMap:
        """The space's map of the older schema (`?schema=1`), with a hash of its own.

        Raises: UnknownSpaceError also for a space without a decoder that can be downloaded.
        """
        old_maps = self._rendered(base_url).old
        if space_id not in old_maps:
            raise UnknownSpaceError(space_id, tuple(old_maps))
        return old_maps[space_id]

    def map_bytes(self, space_id: str, base_url: str) -> bytes:
        """The map's bytes, served inline under its address. Raises: as `map`."""
        return self.map(space_id, base_url).body

    def map_hash(self, space_id: str, base_url: str) -> str:
        """`sha256:<hex>` of the map's bytes: the value of `Codec-Latent-Map`. Raises: as `map`."""
        return self.map(space_id, base_url).hash

    def pointer_bytes(self, space_id: str, base_url: str) -> bytes:
        """A pointer document, for deployments that keep maps elsewhere. Raises: as `map`."""
        return document_bytes(self.map(space_id, base_url).pointer())

    def by_hash(self, hash_text: str, base_url: str | None = None) -> LatentMap:
        """The map of this hash (with or without `sha256:`, any case).

        Looks among the maps rendered so far and, with `base_url`, those of that base as well, so that an
        immutable address still works after a restart. Raises: UnknownSpaceError.
        """
        wanted = hex_of(hash_text)
        if wanted is not None and base_url is not None:
            self._rendered(base_url)
        for maps in self._maps.values():
            for latent_map in (*maps.current.values(), *maps.old.values()):
                if wanted is not None and latent_map.hash == f"sha256:{wanted}":
                    return latent_map
        raise UnknownSpaceError(hash_text, self.ids)

    def scales_block(self, hash_text: str) -> bytes:
        """The block of static scales of this hash. Raises: UnknownSpaceError."""
        wanted = hex_of(hash_text)
        for space in self._spaces.values():
            if space.static_scales is not None and space.static_scales.hex == wanted:
                return space.static_scales.block
        raise UnknownSpaceError(hash_text, self.ids)

    def dictionary(self, hash_text: str) -> bytes:
        """The zstd dictionary of this hash, as it is served. Raises: UnknownSpaceError."""
        wanted = hex_of(hash_text)
        for space in self._spaces.values():
            for dictionary in space.dictionaries:
                if dictionary.hex == wanted:
                    return dictionary.content
        raise UnknownSpaceError(hash_text, self.ids)

    def index(self, base_url: str) -> Json:
        """The discovery index: every map with address and hash."""
        maps = self._rendered(base_url).current.values()
        return {
            "codec_version": CODEC_VERSION,
            "maps": [],
            "latents": [latent_map.pointer() for latent_map in maps],
        }

    def describe(self, base_url: str) -> list[Json]:
        """What the service information says of every space, scales and shifts included."""
        maps = self._rendered(base_url).current
        return [describe(space, base_url, maps[space.id].hash) for space in self._spaces.values()]

    def supported_pipelines(self, space_id: str, modality: str) -> tuple[str, ...]:
        """Pipelines that a request may name; none for a modality the space does not serve."""
        space = self.get(space_id)
        return space.pipelines_for(modality) if modality in space.modalities else ()

    def _rendered(self, base_url: str) -> _Rendered:
        base = checked_base_url(base_url)
        if base not in self._maps:
            self._maps[base] = _Rendered(
                {space.id: _render(space, base) for space in self._spaces.values()},
                {
                    space_id: _render_old(self._spaces[space_id], files, base)
                    for space_id, files in self._decoder_files.items()
                    if space_id in self._spaces and files
                },
            )
            while len(self._maps) > MAX_BASES:
                self._maps.popitem(last=False)
        self._maps.move_to_end(base)
        return self._maps[base]


def checked_base_url(base_url: str) -> str:
    """The base without its last slash. Raises: LocalProtocolError unless absolute http(s) and plain ASCII."""
    try:
        parts = urlsplit(base_url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_good = is_good and not parts.query and not parts.fragment and "@" not in parts.netloc
    except ValueError:
        is_good = False
    if not is_good or not base_url.isascii() or not base_url.isprintable() or set(base_url) & set(' "<>\\'):
        raise LocalProtocolError(f"base URL {base_url!r:.120}, expected http(s)://host without query")
    return base_url.rstrip("/")


def _render(space: LatentSpace, base_url: str) -> LatentMap:
    body = space.document or document_bytes(map_document(space, base_url))
    return _latent_map(space.id, map_url(space.id, base_url), body, base_url)


def _render_old(space: LatentSpace, decoders: Sequence[DecoderFile], base_url: str) -> LatentMap:
    body = document_bytes(old_map_document(space, decoders, base_url))
    return _latent_map(space.id, f"{map_url(space.id, base_url)}?schema=1", body, base_url)


def _latent_map(space_id: str, url: str, body: bytes, base_url: str) -> LatentMap:
    label = sha256_label(body)
    immutable_url = f"{base_url}{LATENTS_PATH}/sha256/{label.removeprefix('sha256:')}.json"
    return LatentMap(space_id, url, immutable_url, body, label)
