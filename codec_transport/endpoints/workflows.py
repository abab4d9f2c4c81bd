"""A caller's own graph as the source of latents: where they leave it, and which model makes them. Pure.

A graph in API format answers in latents through its `EmitLatents` node. One without such a node is cut: its last
VAE decode gives way to an `EmitLatents`, and what hung behind the decode goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codec_transport.channel import DEFAULT_CHANNEL
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.templates import Graph

EMIT = "EmitLatents"
DECODERS = ("VAEDecode", "VAEDecodeTiled")
MAX_NODES = 5000
"""A graph of the largest body that is read has about as many."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A graph that emits. node_id: of its EmitLatents. checkpoint: name of the one above it, None without.

    pipeline, latent_space: as the node says, None where it leaves them open.
    """

    graph: Graph
    node_id: str
    channel: str
    pipeline: str | None
    latent_space: str | None
    checkpoint: str | None


def read_workflow(value: Any, channel: str | None = None, frame_rate: float = 0.0) -> Workflow:
    """The graph with exactly one source of latents, which tells frame_rate when it had to be put in.

    channel: which EmitLatents is meant, where there are several. Raises: RejectionError 400 `invalid_workflow`.
    """
    graph = checked_graph(value)
    node_id = _emitting_node(graph, channel)
    if node_id is None:
        graph, node_id = _cut_before_decode(graph, channel or DEFAULT_CHANNEL, frame_rate)
    return describe(graph, node_id)


def checked_graph(value: Any) -> Graph:
    """The value as a graph whose nodes have a class and inputs. Raises: RejectionError 400."""
    if not isinstance(value, dict) or not value:
        raise _refused("expected an object of node id -> {class_type, inputs}, as POST /prompt takes it")
    if len(value) > MAX_NODES:
        raise _refused(f"{len(value)} nodes, at most {MAX_NODES} are accepted")
    for node_id, node in value.items():
        is_node = isinstance(node, dict) and isinstance(node.get("class_type"), str)
        if not is_node or not isinstance(node.get("inputs"), dict):
            raise _refused(f"node {node_id!r:.80} needs class_type and inputs")
    return {node_id: {**node, "inputs": dict(node["inputs"])} for node_id, node in value.items()}


def describe(graph: Graph, node_id: str) -> Workflow:
    """What the graph says of the latents that leave it through this EmitLatents node."""
    inputs = graph[node_id]["inputs"]
    return Workflow(
        graph=graph,
        node_id=node_id,
        channel=_text(inputs, "channel") or DEFAULT_CHANNEL,
        pipeline=_text(inputs, "pipeline"),
        latent_space=_text(inputs, "latent_space"),
        checkpoint=_checkpoint_above(graph, node_id),
    )


def emitting_nodes(graph: Mapping[str, Any]) -> list[str]:
    """Ids of the graph's EmitLatents nodes."""
    return [node_id for node_id, node in graph.items() if node.get("class_type") == EMIT]


def _emitting_node(graph: Graph, channel: str | None) -> str | None:
    found = emitting_nodes(graph)
    if channel is not None and found:
        found = [n for n in found if (_text(graph[n]["inputs"], "channel") or DEFAULT_CHANNEL) == channel]
        if not found:
            raise _refused(f"no {EMIT} node writes into channel {channel!r:.80}", param="channel")
    if len(found) > 1:
        raise _refused(f"{len(found)} {EMIT} nodes; say which by its channel", param="channel")
    return found[0] if found else None


def _cut_before_decode(graph: Graph, channel: str, frame_rate: float) -> tuple[Graph, str]:
    """The graph with EmitLatents in place of its last decode and without what came behind it."""
    decodes = [
        node_id
        for node_id, node in graph.items()
        if node["class_type"] in DECODERS and _link(node["inputs"].get("samples"))
    ]
    behind = {node_id: _downstream(graph, node_id) for node_id in decodes}
    last = [node_id for node_id in decodes if not behind[node_id].intersection(decodes)]
    if len(last) != 1:
        found = "none is there" if not last else f"nodes {', '.join(last)} decode".replace("\n", " ")[:200]
        raise _refused(f"needs one {EMIT} node, or one last {DECODERS[0]} to put it in the place of; {found}")
    [node_id] = last
    kept = {name: node for name, node in graph.items() if name not in behind[node_id]}
    kept[node_id] = {
        "class_type": EMIT,
        "inputs": {
            "latents": graph[node_id]["inputs"]["samples"],
            "latent_space": "",
            "pipeline": "raw",
            "frame_rate": frame_rate,
            "channel": channel,
        },
    }
    return kept, node_id


def _checkpoint_above(graph: Graph, node_id: str) -> str | None:
    """The nearest checkpoint name among the nodes that this one depends on."""
    waiting, seen = deque([node_id]), {node_id}
    while waiting:
        inputs = graph[waiting.popleft()]["inputs"]
        if name := _text(inputs, "ckpt_name"):
            return name
        for source in _sources(inputs):
            if source in graph and source not in seen:
                seen.add(source)
                waiting.append(source)
    return None


def _downstream(graph: Graph, node_id: str) -> set[str]:
    """Ids of all nodes that depend on this one, it itself not among them."""
    users: dict[str, list[str]] = {}
    for user, node in graph.items():
        for source in _sources(node["inputs"]):
            users.setdefault(source, []).append(user)
    found: set[str] = set()
    waiting = [node_id]
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user not in found and user != node_id:
                found.add(user)
                waiting.append(user)
    return found


def _sources(inputs: Mapping[str, Any]) -> Iterator[str]:
    for value in inputs.values():
        if source := _link(value):
            yield source


def _link(value: Any) -> str | None:
    """The node that a value links to, None when it is no link."""
    is_link = (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int)
    )
    return value[0] if is_link else None


def _text(inputs: Mapping[str, Any], name: str) -> str | None:
    value = inputs.get(name)
    return value if isinstance(value, str) and value else None


def _refused(problem: str, *, param: str = "workflow") -> RejectionError:
    return RejectionError(400, "invalid_workflow", f"workflow: {problem}", param=param)
