"""Requests as plain values: every row of the rejection table, every decision of the negotiation."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from codec_transport.endpoints.negotiation import negotiate
from codec_transport.endpoints.negotiation_records import Endpoint, ModelFacts, RequestLimits, VersionFloor
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.spaces.registry import SpaceRegistry
from codec_transport.spaces.space import IMAGE_LATENTS, VIDEO_LATENTS

REGISTRY = SpaceRegistry()
SD1 = "stabilityai/sd-vae-ft-mse"
DEMO = "codec-comfyui/demo-sd1"
MAP = REGISTRY.map(DEMO, "https://host")
FACTS = ModelFacts("demo-model", REGISTRY.get(DEMO), MAP, native_size=(256, 256), has_video=True)
MODELS = {None: FACTS, "demo": FACTS}
LATENTS = {"prompt": "a cat", "modality": "image-latents"}
PIXELS = {"prompt": "a cat"}
HEX = MAP.hash.removeprefix("sha256:")


def ask(body, headers=None, *, endpoint=Endpoint.IMAGES, models=None, **options):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    resolve = (MODELS if models is None else models).get
    return negotiate(raw, headers or {}, endpoint=endpoint, resolve_model=resolve, **options)


def refusal(body, headers=None, **options) -> RejectionError:
    with pytest.raises(RejectionError) as caught:
        ask(body, headers, **options)
    return caught.value


def video(**fields):
    return {"prompt": "a cat", "modality": "video-latents", **fields}


def test_smallest_latent_request_gets_the_defaults():
    request = ask(LATENTS)
    assert (request.model, request.prompt, request.negative_prompt) == ("demo-model", "a cat", "")
    assert (request.width, request.height, request.steps, request.seed) == (256, 256, 25, None)
    assert (request.num_images, request.num_frames, request.fps) == (1, 1, None)
    assert (request.guidance_scale, request.sampler_name, request.scheduler) == (None, None, None)
    latents = request.latents
    assert (latents.pipeline, latents.stream_format) == ("raw", "msgpack")
    assert (latents.shape, latents.total_frames) == ((4, 32, 32), 1)
    assert (latents.content_type, latents.content_coding) == ("application/x-msgpack", "identity")
    assert latents.latent_map is MAP and latents.static_scales is None


def test_every_field_is_taken():
    request = ask(
        {
            **LATENTS, "model": "demo", "negative_prompt": "dog", "size": "128X64", "steps": 7, "seed": 2**64 - 1,
            "guidance_scale": 3, "sampler_name": "euler", "scheduler": "karras", "pipeline": "int8",
            "stream_format": "protobuf", "latent_space": DEMO, "n": 1, "user": "ignored", "quality": {"odd": 1},
        }
    )  # fmt: skip
    assert (request.width, request.height, request.steps, request.seed) == (128, 64, 7, 2**64 - 1)
    assert (request.negative_prompt, request.guidance_scale) == ("dog", 3.0)
    assert (request.sampler_name, request.scheduler) == ("euler", "karras")
    assert request.latents.shape == (4, 8, 16)
    assert request.latents.static_scales == REGISTRY.get(DEMO).static_scales.block


def test_null_counts_as_absent():
    nulls = dict.fromkeys(
        ["model", "size", "steps", "seed", "n", "pipeline", "stream_format", "latent_space"]
    )
    assert ask({**LATENTS, **nulls}) == ask(LATENTS)


@pytest.mark.parametrize(
    ("fields", "accept", "is_latents"),
    [
        ({"modality": "image-latents"}, None, True),
        ({}, None, False),
        ({}, "*/*", False),
        ({}, "application/json", False),
        ({"stream_format": "msgpack"}, None, True),
        ({"stream_format": "msgpack"}, "application/json", True),
        ({"stream_format": None}, None, False),
        ({}, "application/x-codec-msgpack", True),
        ({}, "application/json, application/x-protobuf;q=0.1", True),
        ({}, "application/x-msgpack;q=0", False),
        ({"modality": None, "stream_format": "msgpack"}, "application/x-msgpack", False),
        ({"modality": "image", "stream_format": "msgpack"}, None, False),
        ({"modality": "images"}, None, False),
        ({"modality": "video"}, None, False),
        ({"modality": "pixels"}, "application/x-msgpack", False),
        ({"modality": "rgb"}, None, False),
    ],
)
def test_latents_or_pixels(fields, accept, is_latents):
    request = ask({**PIXELS, **fields}, {"Accept": accept} if accept else {})
    assert (request.latents is not None) == is_latents


@pytest.mark.parametrize(
    ("stream_format", "accept", "expected_format", "content_type"),
    [
        (None, None, "msgpack", "x-msgpack"),
        (None, "*/*", "msgpack", "x-msgpack"),
        (None, "text/html", "msgpack", "x-msgpack"),
        (None, "application/x-protobuf", "protobuf", "x-protobuf"),
        (None, "application/x-codec-protobuf", "protobuf", "x-codec-protobuf"),
        (None, "application/x-codec-msgpack", "msgpack", "x-codec-msgpack"),
        (None, "application/x-msgpack, application/x-codec-msgpack", "msgpack", "x-msgpack"),
        (None, "application/x-protobuf, application/x-msgpack", "msgpack", "x-msgpack"),
        (None, "application/x-protobuf;q=0.9, application/x-msgpack;q=0.8", "protobuf", "x-protobuf"),
        (None, "application/x-protobuf, */*", "protobuf", "x-protobuf"),
        (None, "application/x-protobuf, application/*;q=0.5", "protobuf", "x-protobuf"),
        (None, "APPLICATION/X-PROTOBUF", "protobuf", "x-protobuf"),
        (None, "application/x-msgpack;q=0, */*", "msgpack", "x-codec-msgpack"),
        (None, "application/x-msgpack;q=0, application/x-codec-msgpack;q=0", "protobuf", "x-protobuf"),
        ("protobuf", "application/x-msgpack", "protobuf", "x-protobuf"),
        ("protobuf", "application/x-codec-msgpack", "protobuf", "x-codec-protobuf"),
        ("msgpack", "*/*;q=0", "msgpack", "x-msgpack"),
        ("msgpack-delta", None, "msgpack", "x-msgpack"),
        ("protobuf-delta", None, "protobuf", "x-protobuf"),
    ],
)
def test_stream_format_and_content_type(stream_format, accept, expected_format, content_type):
    body = LATENTS if stream_format is None else {**LATENTS, "stream_format": stream_format}
    latents = ask(body, {"accept": accept} if accept else {}).latents
    assert latents.stream_format == expected_format
    assert latents.content_type == f"application/{content_type}"


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"", 400, "invalid_json", None),
        (b"{", 400, "invalid_json", None),
        (b"\xff\xfe", 400, "invalid_json", None),
        (b'{"prompt": NaN}', 400, "invalid_json", None),
        (b"[" * 100_000, 400, "invalid_json", None),
        (b'{"seed": ' + b"1" * 5000 + b"}", 400, "invalid_json", None),
        (b"[]", 400, "invalid_type", None),
        (b'"text"', 400, "invalid_type", None),
        (b"null", 400, "invalid_type", None),
        ({"prompt": 5}, 400, "invalid_type", "prompt"),
        ({"prompt": "x", "modality": 5}, 400, "invalid_type", "modality"),
        ({"prompt": "x", "model": []}, 400, "invalid_type", "model"),
        ({**LATENTS, "steps": "25"}, 400, "invalid_type", "steps"),
        ({**LATENTS, "steps": True}, 400, "invalid_type", "steps"),
        ({**LATENTS, "steps": 2.5}, 400, "invalid_type", "steps"),
        ({**LATENTS, "size": 512}, 400, "invalid_type", "size"),
        ({**LATENTS, "pipeline": 8}, 400, "invalid_type", "pipeline"),
        ({**LATENTS, "stream_format": 1}, 400, "invalid_type", "stream_format"),
        ({**LATENTS, "latent_space": 1}, 400, "invalid_type", "latent_space"),
        ({**LATENTS, "guidance_scale": "7"}, 400, "invalid_type", "guidance_scale"),
        ({}, 400, "missing_prompt", "prompt"),
        ({"prompt": ""}, 400, "missing_prompt", "prompt"),
        ({"prompt": " \n"}, 400, "missing_prompt", "prompt"),
        ({"prompt": None}, 400, "missing_prompt", "prompt"),
        ({"prompt": "x" * 32_001}, 400, "invalid_value", "prompt"),
        (b'{"prompt": "\\ud800"}', 400, "invalid_value", "prompt"),
        ({**LATENTS, "steps": 0}, 400, "invalid_value", "steps"),
        ({**LATENTS, "steps": 1001}, 400, "invalid_value", "steps"),
        ({**LATENTS, "seed": -1}, 400, "invalid_value", "seed"),
        ({**LATENTS, "seed": 2**64}, 400, "invalid_value", "seed"),
        ({**LATENTS, "guidance_scale": -1}, 400, "invalid_value", "guidance_scale"),
        (b'{"prompt": "x", "guidance_scale": 1e999}', 400, "invalid_value", "guidance_scale"),
        ({**LATENTS, "keyframe_interval": 0}, 400, "invalid_value", "keyframe_interval"),
        ({**LATENTS, "n": 2}, 400, "invalid_value", "n"),
        ({**LATENTS, "n": 0}, 400, "invalid_value", "n"),
        ({**PIXELS, "n": 11}, 400, "invalid_value", "n"),
        ({**PIXELS, "response_format": "png"}, 400, "invalid_value", "response_format"),
        ({**LATENTS, "stream_format": "json"}, 400, "unknown_stream_format", "stream_format"),
        ({**PIXELS, "stream_format": "json"}, 400, "unknown_stream_format", "stream_format"),
        ({**LATENTS, "pipeline": "int6"}, 400, "unknown_pipeline", "pipeline"),
        ({**LATENTS, "pipeline": "delta+int8"}, 400, "pipeline_not_supported", "pipeline"),
        ({**LATENTS, "latent_space": SD1}, 400, "latent_space_unavailable", "latent_space"),
        ({**LATENTS, "latent_space": "../../x"}, 400, "latent_space_unavailable", "latent_space"),
        ({**PIXELS, "model": "gpt-image-1"}, 404, "model_not_found", "model"),
        ({**LATENTS, "model": "../../etc/passwd"}, 404, "model_not_found", "model"),
        ({**PIXELS, "modality": "video-latents"}, 400, "modality_endpoint_mismatch", "modality"),
        ({**PIXELS, "modality": "audio-latents"}, 415, "unsupported_modality", "modality"),
        ({**PIXELS, "modality": "text-tokens"}, 415, "unsupported_modality", "modality"),
        ({**PIXELS, "modality": ""}, 415, "unsupported_modality", "modality"),
    ],
)
def test_rejection(body, status, code, param):
    error = refusal(body)
    assert (error.status, error.code, error.param) == (status, code, param)
    answer = json.loads(json.dumps(error.body()))
    assert answer["error"]["code"] == code and answer["error"]["param"] == param
    assert answer["error"]["type"] == "invalid_request_error"
    assert answer["detail"] == answer["error"]["message"] == str(error)


@pytest.mark.parametrize(
    "size",
    ["", "512", "512x", "x512", "512x512x3", "512 x 512", "-512x512", "0x0", "0x512", "500x512", "512x500",
     "8192x8", "4096x4096", "999999x8", "1e3x512", "５１２x512", "512×512", "9999999x8"],
)  # fmt: skip
@pytest.mark.parametrize("body", [LATENTS, PIXELS])
def test_bad_size(body, size):
    error = refusal({**body, "size": size})
    assert (error.status, error.code, error.param) == (400, "invalid_size", "size")


@pytest.mark.parametrize(
    ("size", "expected"), [("8x8", (8, 8)), ("512X256", (512, 256)), (" 64x64 ", (64, 64))]
)
def test_good_size(size, expected):
    request = ask({**LATENTS, "size": size})
    assert (request.width, request.height) == expected


@pytest.mark.parametrize(
    ("fields", "frames", "fps"),
    [
        ({}, 24, 24),
        ({"fps": 8}, 24, 8),
        ({"fps": 8, "duration_seconds": 2.5}, 20, 8),
        ({"fps": 8, "duration_seconds": 2.5, "frames": 3}, 3, 8),
        ({"frames": 16.0}, 16, 24),
        ({"duration_seconds": 1}, 24, 24),
    ],
)
def test_all_spellings_of_a_videos_length(fields, frames, fps):
    request = ask(video(**fields), endpoint=Endpoint.VIDEOS)
    assert (request.num_frames, request.fps, request.latents.total_frames) == (frames, fps, frames)


@pytest.mark.parametrize(
    ("fields", "size"),
    [({"resolution": 128}, (128, 128)), ({"resolution": 128, "size": "64x32"}, (64, 32)), ({}, (256, 256))],
)
def test_video_resolution_is_square_and_size_wins(fields, size):
    request = ask(video(**fields), endpoint=Endpoint.VIDEOS)
    assert (request.width, request.height) == size


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"fps": 0}, "invalid_value", "fps"),
        ({"fps": 1000}, "invalid_value", "fps"),
        ({"frames": 0}, "invalid_value", "frames"),
        ({"frames": 961}, "invalid_value", "frames"),
        ({"duration_seconds": 0}, "invalid_value", "duration_seconds"),
        ({"duration_seconds": -1}, "invalid_value", "duration_seconds"),
        ({"duration_seconds": 900}, "invalid_value", "duration_seconds"),
        ({"duration_seconds": "1"}, "invalid_type", "duration_seconds"),
        ({"resolution": 100}, "invalid_size", "resolution"),
        ({"resolution": 0}, "invalid_size", "resolution"),
        ({"resolution": "512"}, "invalid_type", "resolution"),
        ({"keyframe_interval": 25, "pipeline": "delta+int8"}, "invalid_value", "keyframe_interval"),
    ],
)
def test_video_rejection(fields, code, param):
    error = refusal(video(**fields), endpoint=Endpoint.VIDEOS)
    assert (error.status, error.code, error.param) == (400, code, param)


def test_video_offers_delta_with_the_maps_interval():
    latents = ask(video(pipeline="delta+int4"), endpoint=Endpoint.VIDEOS).latents
    assert (latents.pipeline, latents.keyframe_interval) == ("delta+int4", 24)
    shorter = ask(video(pipeline="delta+int4", keyframe_interval=5), endpoint=Endpoint.VIDEOS).latents
    assert shorter.keyframe_interval == 5


def test_temporal_stride_counts_latent_frames():
    space = replace(REGISTRY.get(DEMO), temporal_stride=4, modalities=frozenset({VIDEO_LATENTS}))
    models = {None: replace(FACTS, space=space)}
    for frames, expected in ((1, 1), (2, 2), (5, 2), (6, 3), (81, 21)):
        latents = ask(video(frames=frames), endpoint=Endpoint.VIDEOS, models=models).latents
        assert latents.total_frames == expected


def test_model_without_a_mode_is_not_found_there():
    error = refusal(video(), endpoint=Endpoint.VIDEOS, models={None: replace(FACTS, has_video=False)})
    assert (error.status, error.code) == (404, "model_not_found")
    assert refusal(PIXELS, models={}).status == 404


def test_deployment_without_pixels_says_what_it_has():
    error = refusal(PIXELS, models={None: replace(FACTS, has_pixels=False)})
    assert (error.status, error.code) == (415, "unsupported_modality")
    assert error.body()["supported_modalities"] == [IMAGE_LATENTS]
    assert refusal({**PIXELS, "modality": "x"}).body()["supported_modalities"] == [IMAGE_LATENTS, "image"]


def test_model_of_unknown_space_serves_pixels_only():
    models = {None: ModelFacts("foreign", None)}
    assert ask(PIXELS, models=models).latents is None
    error = refusal(LATENTS, models=models)
    assert (error.code, error.extras) == ("latent_space_unavailable", {"supported_latent_spaces": []})


@pytest.mark.parametrize("pipeline", ["int8", "int4"])
def test_space_without_static_scales_refuses_static_pipelines(pipeline):
    models = {None: replace(FACTS, space=replace(FACTS.space, static_scales=None))}
    error = refusal({**LATENTS, "pipeline": pipeline}, models=models)
    assert (error.status, error.code) == (400, "static_scales_unavailable")
    assert error.body()["supported_pipelines"] == ["raw", "int8-adaptive", "int4-adaptive"]


def test_rejections_say_what_would_do():
    five = ["raw", "int8", "int4", "int8-adaptive", "int4-adaptive"]
    assert refusal({**LATENTS, "pipeline": "int6"}).body()["supported_pipelines"] == five
    assert refusal({**LATENTS, "pipeline": "delta+int4"}).body()["supported_pipelines"] == five
    assert refusal({**LATENTS, "stream_format": "x"}).body()["supported"] == ["msgpack", "protobuf"]
    assert refusal({**LATENTS, "latent_space": "x"}).body()["supported_latent_spaces"] == [DEMO]


def test_pixel_requests_ignore_what_only_latents_use():
    request = ask({**PIXELS, "pipeline": "no such", "latent_space": "x/y", "keyframe_interval": -1, "n": 4})
    assert (request.latents, request.num_images, request.response_format) == (None, 4, "b64_json")
    assert ask({**PIXELS, "response_format": "url"}).response_format == "url"


def test_names_are_checked_where_the_model_lists_them():
    models = {None: replace(FACTS, sampler_names=("euler",), schedulers=("normal",), default_steps=20)}
    assert ask({**LATENTS, "sampler_name": "euler"}, models=models).sampler_name == "euler"
    assert ask(LATENTS, models=models).steps == 20
    for field in ("sampler_name", "scheduler"):
        error = refusal({**LATENTS, field: "magic"}, models=models)
        assert (error.code, error.param) == ("invalid_value", field)


@pytest.mark.parametrize(
    "pin", [f"sha256:{HEX}", HEX, f"SHA256:{HEX.upper()}", f"https://host/map.json;sha256={HEX}", "  "]
)
def test_pin_of_the_active_map_is_accepted(pin):
    assert ask(LATENTS, {"X-Codec-Map": pin}).latents is not None


def test_pin_of_another_map_is_a_conflict_that_shows_the_active_one():
    error = refusal(LATENTS, {"x-codec-map": "sha256:" + "0" * 64})
    assert (error.status, error.code) == (409, "latent_map_mismatch")
    assert error.body()["latent_map"] == {"id": DEMO, "url": MAP.url, "hash": MAP.hash}
    without = refusal(LATENTS, {"X-Codec-Map": HEX}, models={None: replace(FACTS, latent_map=None)})
    assert (without.status, without.body()["latent_map"]) == (409, None)
    assert refusal(LATENTS, {"X-Codec-Map": "yes please"}).code == "invalid_value"
    assert ask(PIXELS, {"X-Codec-Map": "sha256:" + "0" * 64}).latents is None


@pytest.mark.parametrize(
    ("headers", "param"),
    [
        ({"Accept-Encoding": "identity;q=0"}, "Accept-Encoding"),
        ({"Accept-Encoding": "*;q=0"}, "Accept-Encoding"),
        ({"Accept": "*/*;q=0"}, "Accept"),
        ({"Accept": "application/*;q=0, text/html"}, "Accept"),
    ],
)
def test_nothing_acceptable_is_406(headers, param):
    error = refusal(LATENTS, headers)
    assert (error.status, error.code, error.param) == (406, "not_acceptable", param)


def test_coding_is_chosen_from_those_at_hand():
    latents = ask(LATENTS, {"Accept-Encoding": "gzip, br"}, codings=("gzip",)).latents
    assert (latents.content_coding, latents.is_coding_fallback) == ("gzip", False)
    assert latents.response_headers()["Content-Encoding"] == "gzip"
    fallback = ask(LATENTS, {"Accept-Encoding": "zstd"}, codings=("gzip",)).latents
    assert (fallback.content_coding, fallback.is_coding_fallback) == ("identity", True)
    assert not ask(LATENTS, codings=("gzip",)).latents.is_coding_fallback


def test_response_headers():
    assert ask(LATENTS).latents.response_headers() == {
        "Content-Type": "application/x-msgpack",
        "Vary": "Accept, Accept-Encoding, Codec-Client-Version",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
        "Access-Control-Expose-Headers": "Codec-Latent-Map, Codec-Zstd-Dict, X-Codec-Generation-Ms",
        "Codec-Latent-Map": MAP.hash,
    }


@pytest.mark.parametrize(
    ("version", "has_map"),
    [(None, True), ("0.3", True), ("v0.4", True), ("0.2", False), ("0.10", True), ("x", True)],
)
def test_older_clients_do_not_get_newer_headers(version, has_map):
    headers = {} if version is None else {"Codec-Client-Version": version}
    assert ("Codec-Latent-Map" in ask(LATENTS, headers).latents.response_headers()) == has_map


def test_version_floor():
    floor = VersionFloor((0, 4), ("safety",), docs_url="https://docs")
    error = refusal(LATENTS, {"Codec-Client-Version": "0.3"}, version_floor=floor)
    assert error.status == 426
    assert error.headers == {"Codec-Min-Version": "0.4", "Codec-Required-Features": "safety"}
    assert error.body() == {
        "error": "codec_version_required",
        "minimum_version": "0.4",
        "required_features": ["safety"],
        "client_version": "0.3",
        "docs_url": "https://docs",
    }
    assert ask(LATENTS, {"Codec-Client-Version": "0.4"}, version_floor=floor).latents is not None
    assert ask(PIXELS, {"Codec-Client-Version": "0.1"}, version_floor=floor).latents is None


def test_body_over_the_limit_is_413():
    error = refusal(b" " * 101, limits=RequestLimits(max_body_bytes=100))
    assert (error.status, error.code) == (413, "too_large")


def test_prompt_never_shows_in_a_rejection():
    for body in ({"prompt": "secret" * 6000}, {"prompt": "secret", "modality": "x"}, {"prompt": ["secret"]}):
        assert "secret" not in json.dumps(refusal(body).body())
