"""Many websocket clients, some of which read nothing: what each of them gets. The benchmark's scenario, smaller."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
UPDATES = 400
OF_A_PROMPT = ["execution_start", "execution_cached", "executing", "executed", "execution_success"]


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    """benchmarks/websocket.py as a module."""
    spec = importlib.util.spec_from_file_location("websocket_benchmark", ROOT / "benchmarks/websocket.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def server(bench: ModuleType, start_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    base = tmp_path_factory.mktemp("packs")
    bench.write_pack(base)
    return start_server(packs=(base / "custom_nodes" / "many_updates",))


async def test_first_and_last_progress_and_every_status_reach_all_clients(
    bench: ModuleType, server: Any, tmp_path: Path
) -> None:
    found = await bench.run(
        server.url,
        server.process.pid,
        tmp_path,
        clients=60,
        silent=10,
        updates=UPDATES,
        seconds=1.0,
        own=False,
    )
    for listener in found.listeners:
        assert {1, UPDATES} <= set(listener.arrived)
        assert listener.kinds.count("status") == 4
        assert set(listener.kinds) == {"status"}, "messages of a prompt without client are for nobody"
    await found.close()
    assert found.rss_growth_bytes < 50 * 1024 * 1024


async def test_a_client_gets_all_of_its_prompt_while_others_read_nothing(
    bench: ModuleType, server: Any, tmp_path: Path
) -> None:
    found = await bench.run(
        server.url,
        server.process.pid,
        tmp_path,
        clients=20,
        silent=20,
        updates=UPDATES,
        seconds=0.5,
        own=True,
    )
    author = found.author
    assert [kind for kind in author.kinds if kind != "status"][: len(OF_A_PROMPT)] == OF_A_PROMPT
    assert sorted(author.arrived) == list(range(1, UPDATES + 1))
    for listener in found.listeners:
        assert listener.kinds == ["status"] * 4
    await found.close()
