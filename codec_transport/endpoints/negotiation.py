"""From a request's body and headers to one frozen record, or a typed rejection. Pure: no HTTP, no engine.

Everything that can be wrong with a request is decided here, before a sampler starts. The caller hands in
what it knows of the models (`resolve_model`) and gets back a `GenerationRequest` whose `latents` say
exactly which bytes to send, or None for pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from codec_transport.endpoints.negotiation_fields import FieldReader, parse_json_object
from codec_transport.endpoints.negotiation_headers import (
    IDENTITY,
    ClientVersion,
    MediaPreference,
    choose_coding,
    client_version,
    lower_keys,
    map_pin,
    offers_coding,
)
from codec_transport.endpoints.negotiation_records import (
    Endpoint,
    GenerationRequest,
    LatentDelivery,
    ModelFacts,
    RequestLimits,
    VersionFloor,
)
from codec_transport.endpoints.negotiation_sizes import check_clip, read_length, read_size
from codec_transport.endpoints.rejection import RejectionError, VersionRequiredError
from codec_transport.endpoints.workflows import Workflow, checked_graph, read_workflow
from codec_transport.spaces.space import MODALITIES, LatentSpace
from codec_transport.wire.codings import KNOWN_CODINGS, ZSTD
from codec_transport.wire.encoder import STREAM_FORMATS
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, PIPELINES, Scales

PIXEL_MODALITIES: tuple[str, ...] = ("image", "images", "video", "pixels", "rgb")
RESPONSE_FORMATS: tuple[str, ...] = ("b64_json", "url")
NO_MODEL = ModelFacts("workflow", None)  # a caller's graph that nobody asked about
ZSTD_SINCE: ClientVersion = (0, 2)  # clients before it do not know Codec-Zstd-Dict
ASSUMED_VERSION: ClientVersion = (0, 3)  # of a client that asks for latents and does not say


ModelResolver = Callable[[str | None], ModelFacts | None]
WorkflowResolver = Callable[[Workflow], ModelFacts]


def negotiate(
    body: bytes,
    headers: Mapping[str, str],
    *,
    endpoint: Endpoint,
    resolve_model: ModelResolver,
    resolve_workflow: WorkflowResolver | None = None,
    limits: RequestLimits | None = None,
    codings: tuple[str, ...] = (),
    version_floor: VersionFloor | None = None,
) -> GenerationRequest:
    """The request as one record.

    resolve_model: name (None for the server's choice) to facts, None for a name that nobody knows.
    resolve_workflow: a caller's graph to the facts of what makes its latents; without it none are accepted.
    codings: content codings at hand besides identity; zstd is added for streams that have a dictionary.
    Raises: RejectionError.
    """
    limits = limits or RequestLimits()
    fields = FieldReader(parse_json_object(body, max_bytes=limits.max_body_bytes))
    negotiation = _Negotiation(fields, lower_keys(headers), endpoint, limits, codings)
    wants_latents = negotiation.wants_latents()
    version = negotiation.checked_version(version_floor) if wants_latents else ASSUMED_VERSION
    if resolve_workflow is not None and fields.has("workflow"):
        return negotiation.workflow_request(resolve_workflow, version, wants_latents=wants_latents)
    model = negotiation.model(resolve_model, wants_latents=wants_latents)
    return negotiation.request(model, version, wants_latents=wants_latents)


def negotiate_kept(
    fields: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    endpoint: Endpoint,
    model: ModelFacts,
    default_pipeline: str,
    fps: int | None,
    codings: tuple[str, ...] = (),
    version_floor: VersionFloor | None = None,
) -> LatentDelivery:
    """How a latent that is already there travels; its shape and number of frames are the caller's to fill in.

    fields: `pipeline`, `stream_format`, `latent_space`, `keyframe_interval`. default_pipeline: where the request
    names none, unless the endpoint does not offer it. Raises: RejectionError.
    """
    negotiation = _Negotiation(
        FieldReader(dict(fields)), lower_keys(headers), endpoint, RequestLimits(), codings
    )
    version = negotiation.checked_version(version_floor)
    if model.space is not None and default_pipeline in model.space.pipelines_for(endpoint.value):
        negotiation.default_pipeline = default_pipeline
    return negotiation.kept_delivery(model, fps, version)


class _Negotiation:
    """One request on its way to a record; each method settles one question or rejects."""

    def __init__(
        self,
        fields: FieldReader,
        headers: dict[str, str],
        endpoint: Endpoint,
        limits: RequestLimits,
        codings: tuple[str, ...],
    ) -> None:
        self.fields = fields
        self.headers = headers
        self.endpoint = endpoint
        self.limits = limits
        self.codings = codings
        self.default_pipeline = "raw"
        self.media = MediaPreference.parse(headers.get("accept"))

    def wants_latents(self) -> bool:
        """True for latents, False for pixels."""
        modality = self.fields.text("modality")
        if modality is None:
            is_absent = not self.fields.is_null("modality")
            return is_absent and (self.fields.has("stream_format") or self.media.names_codec_type())
        if modality == self.endpoint.value:
            return True
        if modality in MODALITIES:
            raise RejectionError(
                400,
                "modality_endpoint_mismatch",
                f"modality {modality} is served by the other endpoint, here it is {self.endpoint.value}",
                param="modality",
            )
        if modality in PIXEL_MODALITIES:
            return False
        raise self._unsupported_modality(modality, has_pixels=True)

    def checked_version(self, floor: VersionFloor | None) -> ClientVersion:
        """The client's version."""
        text = self.headers.get("codec-client-version")
        version = client_version(text) or ASSUMED_VERSION
        if floor is not None and version < floor.minimum:
            raise VersionRequiredError(
                minimum_version="{}.{}".format(*floor.minimum),
                client_version="{}.{}".format(*version),
                required_features=floor.required_features,
                docs_url=floor.docs_url,
                deployment_id=floor.deployment_id,
            )
        return version

    def model(self, resolve_model: ModelResolver, *, wants_latents: bool) -> ModelFacts:
        """The model that answers."""
        name = self.fields.text("model") or None
        facts = resolve_model(name)
        if facts is None:
            what = "no model is loaded here" if name is None else f"model {name!r:.120} is not known here"
            raise RejectionError(404, "model_not_found", what, param="model")
        is_able = facts.has_video if self.endpoint is Endpoint.VIDEOS else facts.has_images
        if not is_able:
            kind = "videos" if self.endpoint is Endpoint.VIDEOS else "images"
            raise RejectionError(404, "model_not_found", f"model {facts.name} makes no {kind}", param="model")
        if not wants_latents and not facts.has_pixels:
            raise self._unsupported_modality("pixels", has_pixels=False)
        return facts

    def workflow_request(
        self, resolve: WorkflowResolver, version: ClientVersion, *, wants_latents: bool
    ) -> GenerationRequest:
        """A request whose work is the caller's own graph: the fields that describe a picture have no say."""
        graph = self.fields.raw("workflow")
        if not wants_latents:
            request = self.request(NO_MODEL, version, wants_latents=False, needs_prompt=False)
            return replace(request, graph=checked_graph(graph))
        _, fps = read_length(self.fields, self.endpoint, NO_MODEL, self.limits)
        workflow = read_workflow(graph, self.fields.text("channel"), float(fps or 0))
        self.default_pipeline = workflow.pipeline or self.default_pipeline
        request = self.request(resolve(workflow), version, wants_latents=True, needs_prompt=False)
        return replace(request, graph=workflow.graph, channel=workflow.channel)

    def kept_delivery(self, model: ModelFacts, fps: int | None, version: ClientVersion) -> LatentDelivery:
        """The delivery of a latent whose size is not asked for."""
        choice = self._stream_choice(model)
        return self._delivery(model, choice, model.native_size, (1, fps), version)

    def request(
        self, model: ModelFacts, version: ClientVersion, *, wants_latents: bool, needs_prompt: bool = True
    ) -> GenerationRequest:
        """Everything else, in the order in which a reader of the body would check it."""
        fields, limits = self.fields, self.limits
        prompt = self._prompt() if needs_prompt else ""
        negative_prompt = fields.text("negative_prompt", max_chars=limits.max_prompt_chars) or ""
        delivery = self._stream_choice(model) if wants_latents else None
        width, height = read_size(fields, self.endpoint, model, limits)
        num_frames, fps = read_length(fields, self.endpoint, model, limits)
        check_clip(self.endpoint, model, width * height * num_frames)
        is_single = wants_latents or self.endpoint is Endpoint.VIDEOS
        num_images = fields.whole("n", least=1, most=1 if is_single else limits.max_images)
        latents = None
        if delivery is not None:
            latents = self._delivery(model, delivery, (width, height), (num_frames, fps), version)
        return GenerationRequest(
            endpoint=self.endpoint,
            model=model.name,
            prompt=prompt,
            negative_prompt=negative_prompt,
            width=width,
            height=height,
            steps=fields.whole("steps", least=1, most=limits.max_steps) or model.default_steps,
            seed=fields.whole("seed", least=0, most=2**64 - 1),
            guidance_scale=fields.number("guidance_scale", least=0.0, most=100.0),
            sampler_name=self._word("sampler_name", model.sampler_names),
            scheduler=self._word("scheduler", model.schedulers),
            num_images=num_images or 1,
            response_format=fields.choice("response_format", RESPONSE_FORMATS) or "b64_json",
            num_frames=num_frames,
            fps=fps,
            latents=latents,
            is_stream=fields.flag("stream"),
        )

    def _prompt(self) -> str:
        prompt = self.fields.text("prompt", max_chars=self.limits.max_prompt_chars)
        if prompt is None or not prompt.strip():
            raise RejectionError(400, "missing_prompt", "prompt is missing or empty", param="prompt")
        return prompt

    def _word(self, name: str, allowed: tuple[str, ...]) -> str | None:
        return self.fields.choice(name, allowed) if allowed else self.fields.text(name, max_chars=100)

    def _stream_choice(self, model: ModelFacts) -> tuple[LatentSpace, str, str]:
        """Space, pipeline and stream format."""
        space = self._space(model)
        return space, self._pipeline(space), self._stream_format()

    def _stream_format(self) -> str:
        stream_format = self.fields.text("stream_format")
        if stream_format is None:
            best = self.media.best_format()
            if best is None:
                raise RejectionError(
                    406,
                    "not_acceptable",
                    "Accept refuses every stream format",
                    param="Accept",
                    extras={"supported": list(STREAM_FORMATS)},
                )
            return best
        plain = stream_format.removesuffix("-delta")
        if plain not in STREAM_FORMATS:
            raise RejectionError(
                400,
                "unknown_stream_format",
                f"stream_format is {stream_format!r:.80}, expected one of {', '.join(STREAM_FORMATS)}",
                param="stream_format",
                extras={"supported": list(STREAM_FORMATS)},
            )
        return plain

    def _space(self, model: ModelFacts) -> LatentSpace:
        asked = self.fields.text("latent_space")
        offered = [model.space.id] if model.space is not None else []
        if model.space is not None and asked in (None, model.space.id):
            return model.space
        what = "its latent space is not known" if not offered else f"its latent space is {offered[0]}"
        raise RejectionError(
            400,
            "latent_space_unavailable",
            f"latent_space is {asked!r:.120}; model {model.name} answers, {what}",
            param="latent_space",
            extras={"supported_latent_spaces": offered},
        )

    def _pipeline(self, space: LatentSpace) -> str:
        pipeline = self.fields.text("pipeline") or self.default_pipeline
        supported = list(space.pipelines_for(self.endpoint.value))
        if pipeline in supported:
            return pipeline
        layout = PIPELINE_LAYOUTS.get(pipeline)
        if layout is None:
            code, why = "unknown_pipeline", f"expected one of {', '.join(PIPELINES)}"
        elif layout.scales is Scales.HEADER:
            code, why = "static_scales_unavailable", f"space {space.id} has no static scales for it"
        else:
            code, why = "pipeline_not_supported", f"not offered for {self.endpoint.value} of space {space.id}"
        raise RejectionError(
            400,
            code,
            f"pipeline {pipeline!r:.80}: {why}",
            param="pipeline",
            extras={"supported_pipelines": supported},
        )

    def _delivery(
        self,
        model: ModelFacts,
        choice: tuple[LatentSpace, str, str],
        size: tuple[int, int],
        clip: tuple[int, int | None],
        version: ClientVersion,
    ) -> LatentDelivery:
        space, pipeline, stream_format = choice
        num_frames, fps = clip
        self._check_map_pin(model)
        accept_encoding = self.headers.get("accept-encoding")
        codings = self._codings(space, stream_format, pipeline, version)
        coding = choose_coding(accept_encoding, codings)
        if coding is None:
            raise RejectionError(
                406,
                "not_acceptable",
                "Accept-Encoding refuses every coding at hand",
                param="Accept-Encoding",
                extras={"supported": [*codings, IDENTITY]},
            )
        width, height = size
        return LatentDelivery(
            space=space,
            pipeline=pipeline,
            stream_format=stream_format,
            content_type=self.media.content_type(stream_format),
            shape=(space.shape[0], height // space.spatial_stride, width // space.spatial_stride),
            total_frames=math.ceil((num_frames - 1) / space.temporal_stride) + 1,
            keyframe_interval=self._keyframe_interval(space, pipeline),
            content_coding=coding,
            is_coding_fallback=coding == IDENTITY and offers_coding(accept_encoding),
            latent_map=model.latent_map if version >= (0, 3) else None,
            is_clip=self.endpoint is Endpoint.VIDEOS,
            fps=fps,
        )

    def _codings(
        self, space: LatentSpace, stream_format: str, pipeline: str, version: ClientVersion
    ) -> tuple[str, ...]:
        """The codings at hand, zstd among them where there is a dictionary and the client can be told of it.

        A browser (`Sec-Fetch-Site`, which scripts cannot set) undoes codings itself, before any script could name
        the dictionary: to it, zstd with one is a broken body.
        """
        has_dictionary = space.dictionary_for(stream_format, pipeline) is not None
        is_browser = "sec-fetch-site" in self.headers
        if has_dictionary and not is_browser and version >= ZSTD_SINCE and ZSTD in KNOWN_CODINGS:
            return (ZSTD, *self.codings)
        return self.codings

    def _keyframe_interval(self, space: LatentSpace, pipeline: str) -> int:
        """Never more than the map promises, because a client may size its buffers by that."""
        most = space.keyframe_interval if PIPELINE_LAYOUTS[pipeline].is_delta else 2**31
        return self.fields.whole("keyframe_interval", least=1, most=most) or space.keyframe_interval

    def _check_map_pin(self, model: ModelFacts) -> None:
        pin = self.headers.get("x-codec-map")
        if pin is None or not pin.strip():
            return
        digits = map_pin(pin)
        if digits is None:
            raise RejectionError(
                400, "invalid_value", "X-Codec-Map holds no sha256 hash", param="X-Codec-Map"
            )
        active = model.latent_map
        if active is None or active.hash != f"sha256:{digits}":
            extras: dict[str, Any] = {"latent_map": None if active is None else active.pointer()}
            raise RejectionError(
                409,
                "latent_map_mismatch",
                f"the pinned map sha256:{digits} is not the active one",
                param="X-Codec-Map",
                extras=extras,
            )

    def _unsupported_modality(self, modality: str, *, has_pixels: bool) -> RejectionError:
        pixel = "image" if self.endpoint is Endpoint.IMAGES else "video"
        supported = [self.endpoint.value, *([pixel] if has_pixels else [])]
        return RejectionError(
            415,
            "unsupported_modality",
            f"modality {modality!r:.80}, expected one of {', '.join(supported)}",
            param="modality",
            extras={"supported_modalities": supported},
        )
