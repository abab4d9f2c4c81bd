"""The engine of a whole server as clients and packs meet it: wrapped by a pack, caching by default, odd graphs."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import websocket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PACK = Path(__file__).parents[1] / "data" / "traces" / "contract_nodes"
CLIENT = "engine"
ANSWER_CPU_S = 2.0
"""What one answer may cost: a second on a core of its own, twice that on one that is shared. Processor time of the
server, so that waiting for a busy machine does not count."""
NUM_NODES = 100_000

PATCHING_PACK = '''
"""Wraps what packs are known to wrap, with the signatures of old, and tells at GET /patched."""

import execution
from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS = {}
calls = []

inner_validate = execution.validate_prompt


async def validate_prompt(prompt_id, prompt, partial_execution_list):
    calls.append("validate_prompt")
    for node in prompt.values():
        if isinstance(node.get("inputs"), dict) and node["inputs"].get("value") == 41:
            node["inputs"]["value"] = 42
    return await inner_validate(prompt_id, prompt, partial_execution_list)


execution.validate_prompt = validate_prompt
inner_execute = execution.PromptExecutor.execute


def execute(self, prompt, prompt_id, extra_data={}, execute_outputs=[]):
    calls.append("execute")
    inner_execute(self, prompt, prompt_id, extra_data, execute_outputs)
    calls.append(f"executed {self.success}")


execution.PromptExecutor.execute = execute
inner_put, inner_task_done = execution.PromptQueue.put, execution.PromptQueue.task_done


def put(self, item):
    calls.append("put")
    inner_put(self, item)


def task_done(self, *args, **kwargs):
    calls.append("task_done")
    return inner_task_done(self, *args, **kwargs)


execution.PromptQueue.put, execution.PromptQueue.task_done = put, task_done


@PromptServer.instance.routes.get("/patched")
async def patched(request):
    found = list(calls)
    calls.clear()
    return web.json_response(found)
'''


@pytest.fixture(scope="module")
def server(start_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    pack = tmp_path_factory.mktemp("packs") / "patching"
    pack.mkdir()
    (pack / "__init__.py").write_text(textwrap.dedent(PATCHING_PACK))
    found = start_server("--queue-memory", packs=(PACK, pack))
    assert "IMPORT FAILED" not in found.log.read_text()
    return found


def show(value: Any) -> dict[str, Any]:
    return {
        "1": {"class_type": "CtInt", "inputs": {"value": value}},
        "2": {"class_type": "CtShow", "inputs": {"value": ["1", 0]}},
    }


def run(server: Any, prompt: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The history entry of a prompt and its messages to its end."""
    socket = websocket.create_connection(
        server.url.replace("http", "ws") + f"/ws?clientId={CLIENT}", timeout=30
    )
    answer = requests.post(server.url + "/prompt", json={"prompt": prompt, "client_id": CLIENT}, timeout=30)
    prompt_id = answer.json()["prompt_id"]
    messages = []
    while not messages or messages[-1]["data"] != {"node": None, "prompt_id": prompt_id}:
        messages.append(json.loads(socket.recv()))
    socket.close()
    return requests.get(f"{server.url}/history/{prompt_id}", timeout=10).json()[prompt_id], messages


def test_what_a_pack_wraps_is_what_runs(server: Any) -> None:
    requests.get(server.url + "/patched", timeout=10)
    entry, _ = run(server, show(41))
    assert entry["outputs"] == {"2": {"text": ["42"]}}, "the wrapped validation changed the prompt"
    calls = requests.get(server.url + "/patched", timeout=10).json()
    assert calls == ["validate_prompt", "put", "execute", "executed True", "task_done"]


def test_the_second_a_of_a_b_a_is_cached_by_default(server: Any) -> None:
    first, b = show(501), show(502)
    run(server, first)
    run(server, b)
    entry, messages = run(server, first)
    (cached,) = [message["data"]["nodes"] for message in messages if message["type"] == "execution_cached"]
    assert cached == ["1", "2"]
    ran = [message["data"]["node"] for message in messages if message["type"] == "executing"]
    assert ran == [None]
    assert entry["outputs"] == {"2": {"text": ["501"]}}


def post_timed(server: Any, body: bytes) -> tuple[int, Any, float]:
    """Status, answer, and the processor time that the server took."""
    process = psutil.Process(server.process.pid)
    before = process.cpu_times()
    answer = requests.post(server.url + "/prompt", data=body, timeout=60)
    after = process.cpu_times()
    spent = after.user - before.user + after.system - before.system
    assert server.is_alive
    return answer.status_code, answer.json(), spent


def chain(**first: Any) -> dict[str, Any]:
    prompt: dict[str, Any] = {"0": {"class_type": "CtInt", "inputs": {"value": 1}, **first}}
    for i in range(1, NUM_NODES):
        prompt[str(i)] = {"class_type": "CtAdd", "inputs": {"a": [str(i - 1), 0], "b": i % 7}}
    prompt["out"] = {"class_type": "CtShow", "inputs": {"value": [str(NUM_NODES - 1), 0]}}
    return prompt


def pairs() -> dict[str, Any]:
    prompt: dict[str, Any] = {}
    for i in range(NUM_NODES // 2):
        prompt[f"a{i}"] = {"class_type": "CtInt", "inputs": {"value": "x"}}
        prompt[f"b{i}"] = {"class_type": "CtShow", "inputs": {"value": [f"a{i}", 0]}}
    return prompt


def wide() -> dict[str, Any]:
    """One node with three times as many inputs, all of them links to another."""
    links: dict[str, Any] = {f"x{i}": ["0", 0] for i in range(3 * NUM_NODES)}
    return {
        "0": {"class_type": "CtInt", "inputs": {"value": 10**30}},
        "out": {"class_type": "CtShow", "inputs": {**links, "value": ["0", 0]}},
    }


LARGE = {
    "a wrong value at the end of a chain": (chain(inputs={"value": 10**30}), "value_bigger_than_max", "0"),
    "a cycle of all nodes": (
        chain(class_type="CtAdd", inputs={"a": [str(NUM_NODES - 1), 0], "b": 0}),
        "dependency_cycle",
        str(NUM_NODES - 1),
    ),
    "every output wrong": (pairs(), "invalid_input_type", "a7"),
    "a wide node": (wide(), "value_bigger_than_max", "0"),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_hundred_thousand_nodes_are_answered_within_a_second(server: Any, name: str) -> None:
    prompt, kind, node_id = LARGE[name]
    body = json.dumps({"prompt": prompt}).encode()
    assert len(body) > 5_000_000
    status, answer, spent = post_timed(server, body)
    assert status == 400
    assert kind in {error["type"] for error in answer["node_errors"][node_id]["errors"]}
    assert spent < ANSWER_CPU_S


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=20)
    | st.tuples(st.sampled_from(["0", "1", "2", "9"]), st.integers(-2, 3) | st.floats()).map(list),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
classes = st.sampled_from(
    ["CtInt", "CtAdd", "CtShow", "CtCombo", "CtMakeList", "CtLazySwitch", "SaveImage", "KSampler", "Nope", ""]
)
names = st.sampled_from(["value", "a", "b", "choice", "n", "cond", "images", "seed", "x"])
odd_nodes = st.fixed_dictionaries(
    {"class_type": classes, "inputs": st.dictionaries(names, values, max_size=5)},
    optional={"_meta": values, "is_changed": values},
)
graphs = st.dictionaries(st.sampled_from(["0", "1", "2", "out"]), odd_nodes | values, max_size=4) | values
shapes = st.sampled_from(["plain", "deep", "wide", "repeated"])


def grown(graph: Any, shape: str, amount: int) -> bytes:
    """A body around the graph, made deep, wide or long."""
    text = json.dumps(graph)
    if shape == "deep":
        text = "[" * amount + text + "]" * amount
    elif shape == "wide":
        wide = {f"x{i}": i for i in range(amount)}
        text = json.dumps({"w": {"class_type": "CtShow", "inputs": {"value": graph, **wide}}})
    elif shape == "repeated" and isinstance(graph, dict):
        text = json.dumps({f"{node_id}{i}": node for i in range(amount) for node_id, node in graph.items()})
    return f'{{"prompt": {text}}}'.encode()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(graph=graphs, shape=shapes, amount=st.integers(1, 2000))
def test_any_json_is_answered_in_time_and_the_server_goes_on(
    server: Any, graph: Any, shape: str, amount: int
) -> None:
    status, answer, spent = post_timed(server, grown(graph, shape, amount))
    assert status in (200, 400)
    if status == 400:
        assert answer["error"]["type"]
        assert answer["error"]["message"]
    assert spent < ANSWER_CPU_S
    if status == 200:
        requests.post(server.url + "/queue", json={"clear": True}, timeout=10)
        requests.post(server.url + "/interrupt", timeout=10)
