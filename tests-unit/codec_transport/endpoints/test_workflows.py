"""Callers' own graphs: where latents leave them, what is cut, which model makes them, and the answers over a socket."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codec_transport import decode_latent_frame_msgpack, decode_latent_header_msgpack, split_messages
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.workflows import read_workflow

URL = "/v1/images/generations"
LATENTS = {"Accept": "application/x-codec-msgpack"}
DEMO = "codec-demo-sd1.safetensors"


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


PICTURE = {
    "1": node("CheckpointLoaderSimple", ckpt_name=DEMO),
    "2": node("LoraLoader", model=["1", 0], clip=["1", 1], lora_name="x"),
    "3": node("KSampler", model=["2", 0], latent_image=["4", 0], seed=1),
    "4": node("EmptyLatentImage", width=64, height=64, batch_size=1),
    "5": node("VAEDecode", samples=["3", 0], vae=["1", 2]),
    "6": node("ImageInvert", image=["5", 0]),
    "7": node("SaveImage", images=["6", 0], filename_prefix="x"),
}
EMITTING = {
    **{name: PICTURE[name] for name in "1234"},
    "9": node(
        "EmitLatents",
        latents=["3", 0],
        latent_space="",
        pipeline="int4-adaptive",
        frame_rate=0.0,
        channel="mine",
    ),
}


def test_a_graph_with_an_emitting_node_stays_as_it_is() -> None:
    before = copy.deepcopy(EMITTING)
    workflow = read_workflow(EMITTING)
    assert workflow.graph == before == EMITTING
    assert (workflow.node_id, workflow.channel, workflow.pipeline) == ("9", "mine", "int4-adaptive")
    assert (workflow.latent_space, workflow.checkpoint) == (None, DEMO)


def test_a_graph_that_saves_pictures_is_cut_before_its_decode() -> None:
    before = copy.deepcopy(PICTURE)
    workflow = read_workflow(PICTURE, frame_rate=8.0)
    assert before == PICTURE
    assert set(workflow.graph) == {"1", "2", "3", "4", "5"}
    assert workflow.graph["5"]["class_type"] == "EmitLatents"
    assert workflow.graph["5"]["inputs"]["latents"] == ["3", 0]
    assert workflow.graph["5"]["inputs"]["frame_rate"] == 8.0
    assert (workflow.node_id, workflow.channel, workflow.checkpoint) == ("5", "default", DEMO)


def test_of_two_decodes_in_a_row_the_last_one_is_cut() -> None:
    graph = {
        **PICTURE,
        "6": node("VAEEncode", pixels=["5", 0], vae=["1", 2]),
        "7": node("KSampler", model=["1", 0], latent_image=["6", 0]),
        "8": node("VAEDecodeTiled", samples=["7", 0], vae=["1", 2]),
        "9": node("SaveImage", images=["8", 0]),
    }
    workflow = read_workflow(graph)
    assert workflow.node_id == "8"
    assert workflow.graph["5"]["class_type"] == "VAEDecode"
    assert "9" not in workflow.graph


def test_nodes_beside_the_cut_stay() -> None:
    beside = {"20": node("LoadImage", image="a.png"), "21": node("PreviewImage", images=["20", 0])}
    assert {"20", "21"} <= set(read_workflow({**PICTURE, **beside}).graph)


@pytest.mark.parametrize(
    ("graph", "problem"),
    [
        ([], "expected an object"),
        ({}, "expected an object"),
        ("text", "expected an object"),
        ({"1": 3}, "needs class_type"),
        ({"1": {"class_type": "X", "inputs": []}}, "needs class_type"),
        ({"1": {"class_type": 5, "inputs": {}}}, "needs class_type"),
        ({"1": node("EmptyImage")}, "none is there"),
        ({**PICTURE, "8": node("VAEDecode", samples=["4", 0], vae=["1", 2])}, "nodes 5, 8 decode"),
        ({**EMITTING, "10": EMITTING["9"]}, "2 EmitLatents nodes"),
        ({"1": node("VAEDecode", samples="none", vae=["1", 2])}, "none is there"),
        ({str(i): node("X") for i in range(5001)}, "at most 5000"),
    ],
)
def test_graphs_without_one_clear_source_are_refused_with_the_reason(graph, problem) -> None:
    with pytest.raises(RejectionError, match=problem) as caught:
        read_workflow(graph)
    assert (caught.value.status, caught.value.code) == (400, "invalid_workflow")


def test_the_channel_says_which_of_several_sources_is_meant() -> None:
    other = node("EmitLatents", latents=["3", 0])
    graph = {**EMITTING, "10": other}
    assert read_workflow(graph, "mine").node_id == "9"
    assert read_workflow(graph, "default").node_id == "10"
    with pytest.raises(RejectionError, match="no EmitLatents node writes"):
        read_workflow(graph, "nowhere")


def test_a_ring_of_links_ends_the_search_and_not_the_process() -> None:
    graph = {
        "1": node("A", x=["2", 0]),
        "2": node("B", x=["1", 0]),
        "3": node("EmitLatents", latents=["1", 0]),
    }
    assert read_workflow(graph).checkpoint is None


async def test_a_workflow_answers_with_the_latent_in_its_own_shape(client, host) -> None:
    host.samples = torch.ones(1, 4, 5, 7)
    answer = await client.post(URL, json={"workflow": EMITTING}, headers=LATENTS)
    header, frame = split_messages([await answer.read()], "msgpack")
    head = decode_latent_header_msgpack(header)
    assert (head.shape, head.pipeline, head.total_frames) == ((4, 5, 7), "int4-adaptive", 1)
    assert head.latent_space_id == "codec-comfyui/demo-sd1"
    assert decode_latent_frame_msgpack(frame).finish_reason == "ok"
    assert answer.headers["X-Codec-Prompt-Id"] in host.prompts
    assert "X-Codec-Seed" not in answer.headers
    assert host.graphs == [EMITTING]


async def test_the_requests_pipeline_wins_over_the_nodes(client) -> None:
    body = {"workflow": EMITTING, "pipeline": "raw", "modality": "image-latents"}
    header, _ = split_messages([await (await client.post(URL, json=body)).read()], "msgpack")
    assert decode_latent_header_msgpack(header).pipeline == "raw"


async def test_a_batch_is_a_clip_on_the_video_endpoint_and_refused_on_the_other(client, host) -> None:
    host.samples = torch.ones(3, 4, 8, 8)
    body = {"workflow": PICTURE, "fps": 5}
    answer = await client.post("/v1/videos/generations", json=body, headers=LATENTS)
    header, *frames = split_messages([await answer.read()], "msgpack")
    head = decode_latent_header_msgpack(header)
    assert (head.total_frames, head.fps, len(frames)) == (3, 5, 3)
    refused = await client.post(URL, json={"workflow": PICTURE}, headers=LATENTS)
    assert (refused.status, (await refused.json())["error"]["code"]) == (500, "generation_failed")


async def test_a_graph_that_validation_refuses_is_400_with_its_node_errors(client, host) -> None:
    host.refused = {
        "error": {"message": "Prompt outputs failed validation"},
        "node_errors": {"3": {"errors": []}},
    }
    answer = await client.post(URL, json={"workflow": EMITTING}, headers=LATENTS)
    body = await answer.json()
    assert (answer.status, body["error"]["code"], body["error"]["param"]) == (
        400,
        "invalid_workflow",
        "workflow",
    )
    assert body["node_errors"] == {"3": {"errors": []}}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"1": node("UNETLoader", unet_name="x")}, "latent_space_unavailable"),
        ({"1": node("CheckpointLoaderSimple", ckpt_name="unknown.ckpt")}, "latent_space_unavailable"),
        ({"9": node("EmitLatents", latents=["3", 0], latent_space="no/such")}, "latent_space_unavailable"),
        ({"9": node("EmitLatents", latents=["3", 0], pipeline="delta+int8")}, "pipeline_not_supported"),
    ],
)
async def test_what_cannot_be_encoded_is_refused_before_it_is_queued(client, host, changes, code) -> None:
    answer = await client.post(URL, json={"workflow": {**EMITTING, **changes}}, headers=LATENTS)
    assert (answer.status, (await answer.json())["error"]["code"]) == (400, code)
    assert host.graphs == []


async def test_a_space_named_by_the_node_needs_no_checkpoint(client, host) -> None:
    emit = node(
        "EmitLatents",
        latents=["3", 0],
        latent_space="stabilityai/sd-vae-ft-mse",
        pipeline="raw",
        frame_rate=0,
        channel="c",
    )
    graph = {**EMITTING, "1": node("UNETLoader", unet_name="x"), "9": emit}
    header, _ = split_messages(
        [await (await client.post(URL, json={"workflow": graph}, headers=LATENTS)).read()], "msgpack"
    )
    assert decode_latent_header_msgpack(header).latent_space_id == "stabilityai/sd-vae-ft-mse"


async def test_a_latent_of_another_space_than_the_graphs_is_our_failure_before_the_header(
    client, host
) -> None:
    host.samples = torch.ones(1, 16, 8, 8)
    answer = await client.post(URL, json={"workflow": EMITTING}, headers=LATENTS)
    assert answer.status == 500
    assert "16 channels" in (await answer.json())["detail"]


async def test_a_workflow_that_ends_without_a_latent_is_a_500(client, host) -> None:
    host.samples = None
    host.entry = {"status": {"status_str": "error"}, "outputs": {}}
    answer = await client.post(URL, json={"workflow": EMITTING}, headers=LATENTS)
    assert (answer.status, (await answer.json())["error"]["code"]) == (500, "generation_failed")


async def test_without_latents_asked_for_the_workflow_runs_as_it_is(client, host) -> None:
    host.samples = None
    file = {"filename": "a.png", "subfolder": "", "type": "output"}
    host.entry["outputs"] = {"7": {"images": [file]}}
    body = await (await client.post(URL, json={"workflow": PICTURE, "response_format": "url"})).json()
    assert len(body["data"]) == 1
    assert host.graphs == [PICTURE]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
LINKS = st.tuples(st.sampled_from("12345"), st.integers(0, 2)).map(list)
INPUTS = st.dictionaries(
    st.sampled_from(["samples", "latents", "images", "ckpt_name", "channel", "pipeline", "latent_space"]),
    LINKS | st.text(max_size=5) | JSON,
    max_size=4,
)
NODES = st.builds(
    lambda name, inputs: node(name, **inputs),
    st.sampled_from(["EmitLatents", "VAEDecode", "VAEDecodeTiled", "SaveImage", "CheckpointLoaderSimple"]),
    INPUTS,
)


@given(JSON | st.dictionaries(st.sampled_from("12345"), NODES | JSON, min_size=1, max_size=5))
def test_any_value_is_a_graph_with_one_source_or_a_refusal(value: Any) -> None:
    before = copy.deepcopy(value)
    refusal = None
    try:
        workflow = read_workflow(value)
    except RejectionError as error:
        refusal = error
    if refusal is None:
        assert workflow.graph[workflow.node_id]["class_type"] == "EmitLatents"
    else:
        assert (refusal.status, refusal.code) == (400, "invalid_workflow")
        json.dumps(refusal.body())
    assert value == before
