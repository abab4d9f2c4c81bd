"""Feeds damaged streams to every decoder of the wire for a while: `python scripts/fuzz_wire.py --seconds 60`.

The law: any bytes give messages or a typed remote error, never another exception, a hang or memory beyond the
limits. Coverage guides the search where `atheris` is installed (a development dependency, not required);
without it, inputs are mutations of the recorded bodies. What breaks the law is written to --crashes.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec_transport.errors import RemoteProtocolError
from codec_transport.pipelines.decoder import LatentStreamDecoder
from codec_transport.wire import decoder as wire_decoder
from codec_transport.wire.codings import KNOWN_CODINGS, BodyDecoder
from codec_transport.wire.messages import LatentStreamHeader
from codec_transport.wire.msgpack_format import NEED_DATA
from codec_transport.wire.session import ReceivingSession

ROOT = Path(__file__).resolve().parents[1]
VECTORS = ROOT / "tests-unit" / "data" / "vectors" / "codec"
MAX_INPUT_BYTES = 64 * 1024
MAX_UNFOLDED_BYTES = 1024 * 1024
# A coding may unfold one block beyond the limit before it looks (zstd: 2 MiB), a decoder makes float32 of bytes.
MAX_MEMORY_BYTES = 48 * 1024 * 1024

Check = Callable[[bytes], None]


def check_session(data: bytes, stream_format: str, *, chunk_bytes: int) -> None:
    """A whole body through session and decoder, in chunks."""
    session = ReceivingSession(stream_format)
    decoder: LatentStreamDecoder | None = None
    try:
        for start in range(0, len(data), chunk_bytes):
            session.receive_data(data[start : start + chunk_bytes])
            while (message := session.next_message()) is not NEED_DATA:
                if isinstance(message, LatentStreamHeader):
                    decoder = LatentStreamDecoder(message)
                elif decoder is not None:
                    decoder.decode_frame(message)
        session.receive_end()
    except RemoteProtocolError:
        return


def check_pieces(data: bytes) -> None:
    """The single functions that a caller without a session uses."""
    for decode in (
        wire_decoder.decode_latent_header_msgpack,
        wire_decoder.decode_latent_header_protobuf,
        wire_decoder.decode_latent_frame_msgpack,
        wire_decoder.decode_latent_frame_protobuf,
    ):
        try:
            decode(data)
        except RemoteProtocolError:
            continue
    for stream_format in ("msgpack", "protobuf"):
        try:
            list(wire_decoder.split_messages([data], stream_format))
        except RemoteProtocolError:
            continue


def coding_check(dictionary: bytes) -> Check:
    """Bodies through every content coding, within the limit."""

    def check(data: bytes) -> None:
        for coding in KNOWN_CODINGS:
            decoder = BodyDecoder(
                coding, max_bytes=MAX_UNFOLDED_BYTES, dictionary=dictionary if coding == "zstd" else None
            )
            try:
                decoder.feed(data)
                decoder.end()
            except RemoteProtocolError:
                continue

    return check


def seeds() -> list[bytes]:
    """Recorded bodies, good, broken and coded, that are small enough."""
    folders = (VECTORS / name for name in ("streams", "malformed", "compressed"))
    files = sorted(path for folder in folders for path in folder.iterdir())
    return [path.read_bytes() for path in files if path.stat().st_size <= MAX_INPUT_BYTES]


def mutated(body: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A body with a few edits: bytes changed, runs removed, repeated or taken from another body."""
    data = bytearray(body)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0 and data:
            data[place % len(data)] = chance.choice(
                (0, 1, 0x7F, 0x80, 0xC1, 0xC6, 0xDF, 0xFF, chance.randrange(256))
            )
        elif kind == 1:
            del data[place : place + chance.randint(1, 64)]
        elif kind == 2:
            data[place:place] = data[place : place + chance.randint(1, 64)]
        elif kind == 3:
            other = chance.choice(others)
            start = chance.randrange(len(other) + 1)
            data[place:place] = other[start : start + chance.randint(1, 64)]
        else:
            data[place:place] = chance.randbytes(chance.randint(1, 8))
    return bytes(data[:MAX_INPUT_BYTES])


def run_all(data: bytes, check_coding: Check) -> None:
    """Every check on one input."""
    for stream_format in ("msgpack", "protobuf"):
        check_session(data, stream_format, chunk_bytes=1 + len(data) % 997)
    check_pieces(data)
    check_coding(data)


def run_mutations(seconds: float, seed: int, crashes: Path, check_coding: Check) -> int:
    """Mutates for a while; the exit status."""
    chance, bodies = random.Random(seed), seeds()
    num_inputs = num_broken = 0
    tracemalloc.start()
    end = perf_counter() + seconds
    while perf_counter() < end:
        data = mutated(chance.choice(bodies), bodies, chance)
        tracemalloc.reset_peak()
        problem = None
        try:
            run_all(data, check_coding)
        except Exception as error:  # finding any is what this is for
            problem = f"{type(error).__name__}: {error}"
        if tracemalloc.get_traced_memory()[1] > MAX_MEMORY_BYTES:
            problem = f"{tracemalloc.get_traced_memory()[1]} bytes of memory"
        num_inputs += 1
        if problem is not None:
            num_broken += 1
            crashes.mkdir(parents=True, exist_ok=True)
            path = crashes / hashlib.sha256(data).hexdigest()[:16]
            path.write_bytes(data)
            sys.stdout.write(f"{path}: {problem}\n")
    sys.stdout.write(f"{num_inputs} inputs in {seconds:g} s, {num_broken} broke the law\n")
    return 1 if num_broken else 0


def run_atheris(seconds: float, seed: int, crashes: Path, check_coding: Check) -> int:
    """The same checks under libFuzzer; does not return when it ends by itself."""
    import atheris

    atheris.instrument_all()
    corpus = crashes.parent / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for body in seeds():
        (corpus / hashlib.sha256(body).hexdigest()[:16]).write_bytes(body)
    crashes.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={int(seconds)}",
        f"-seed={seed}",
        f"-max_len={MAX_INPUT_BYTES}",
        "-rss_limit_mb=2048",
        "-timeout=10",
        f"-artifact_prefix={crashes}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: run_all(data, check_coding))
    atheris.Fuzz()
    return 0


def main() -> int:
    """Command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--crashes", type=Path, default=ROOT / "temp" / "fuzz" / "crashes")
    parser.add_argument("--plain", action="store_true", help="mutations even where atheris is installed")
    args = parser.parse_args()
    dictionary = next((VECTORS / "compressed").glob("*.dict")).read_bytes()
    try:
        import atheris  # noqa: F401 - only asks whether it is there
    except ImportError:
        args.plain = True
    runner = run_mutations if args.plain else run_atheris
    return runner(args.seconds, args.seed, args.crashes, coding_check(dictionary))


if __name__ == "__main__":
    sys.exit(main())
