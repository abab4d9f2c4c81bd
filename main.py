"""Composition root: reads the command line, builds the parts, hands each what it needs, starts them.

Order matters: folders first, then the scripts that packs want to run before torch, then the server (packs look for
`PromptServer.instance` while they load) and its sockets, then torch, nodes and packs, then the engine's thread.
Requests that need one of these wait until it is there.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
from app.folders import FolderChoices, apply_folders
from comfy import options

# Read once, when torch is imported: threads that wait sleep instead of spinning. On a busy machine that is the
# difference between 0.2 s and 1.5 s for loading the demo model, and between 26 ms and 5 s for its first step.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

options.enable_args_parsing()

from comfy.cli_args import args, unknown_arguments, without_effect  # noqa: E402 - parsing must be on before this import
from comfy.memory.allocator import give_large_blocks_back  # noqa: E402 - as above
from comfy_extras.prestartup import run_prestartup_scripts  # noqa: E402 - imports nothing heavy

STOP_GRACE_S = 10.0
"""How long a stop waits for the running node: samplers look for an interrupt at each step."""

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.config import ServerConfig
    from codec_transport.spaces.space import LatentSpace
    from comfy_execution.queue import PromptQueue
    from server import PromptServer

logger = logging.getLogger("main")

MIB = 1024 * 1024
YOUNG_OBJECTS = 50_000
"""Objects that are made before Python looks for unreachable cycles among them. A prompt of 100,000 nodes makes a
million that live on: with Python's 700 their repeated inspection costs more than reading and validating them."""
HONOURED = frozenset(
    """
auth auto_launch base_directory cache_classic cache_lru cache_none cache_ram codec_maps_directory cpu
cuda_device date_based_output date_output_format default_device depth_first_lists deterministic
disable_all_custom_nodes disable_metadata dont_print_server enable_compress_response_body enable_cors_header
extra_model_paths_config feature_flag front_end_root front_end_version gpu_only history_size initial_model
input_directory list_feature_flags listen log_format log_stdout max_upload_size models_directory multi_user offline
output_directory port preview_method preview_size queue_memory queue_resume quick_test_for_ci reserve_vram
stream stream_budget stream_check temp_directory tls_certfile tls_keyfile user_directory verbose
webhook_allow_private whitelist_custom_nodes
""".split()
)
"""The flags that are read below; the others are named in a warning when they are given."""

GENERATION_EXAMPLE = """\
curl -s {url}/v1/images/generations -H 'Content-Type: application/json' \\
  -d '{{"prompt": "cat", "size": "128x128", "response_format": "url"}}'"""

FIRST_KEY = """
This server listens beyond this machine and asks for a key. This one is shown once:

    {token}

Clients send it as `Authorization: Bearer <key>`; the page asks for it. More keys: python -m app.keys add NAME
No keys at all: --auth off (or CODEC_AUTH=off)

"""


def folder_choices() -> FolderChoices:
    """Where the operator wants files to be."""
    return FolderChoices(
        base=args.base_directory,
        models=args.models_directory,
        output=args.output_directory,
        temp=args.temp_directory,
        input=args.input_directory,
        user=args.user_directory,
        extra_files=[path for group in args.extra_model_paths_config or () for path in group],
    )


def server_config() -> ServerConfig:
    """What the HTTP side is told."""
    from app.auth.gate import AuthMode
    from app.config import ServerConfig
    from app.system import has_no_accelerator
    from comfyui_version import __version__

    auth = AuthMode.parse(args.auth or os.environ.get("CODEC_AUTH") or AuthMode.AUTO.value)
    flags = dict(flag.partition("=")[::2] for flag in args.feature_flag)
    return ServerConfig(
        listen=args.listen,
        port=args.port,
        max_upload_mb=args.max_upload_size,
        cors_origin=args.enable_cors_header,
        tls_keyfile=Path(args.tls_keyfile) if args.tls_keyfile else None,
        tls_certfile=Path(args.tls_certfile) if args.tls_certfile else None,
        front_end_root=_front_end_root(),
        plain_cpu=args.cpu or has_no_accelerator(),
        multi_user=args.multi_user,
        compress_responses=args.enable_compress_response_body,
        preview_size=args.preview_size,
        offline=args.offline,
        feature_flags={name: value or True for name, value in flags.items()},
        argv=tuple(sys.argv),
        version=__version__,
        log_level=args.verbose,
        auth=auth,
        webhook_allow_private=args.webhook_allow_private,
    )


def _front_end_root() -> Path | None:
    """The page's folder where it is not the installed package."""
    from app.frontend_versions import wanted_front_end

    if args.front_end_root:
        return Path(args.front_end_root)
    folder = Path(folder_paths.base_path, "web_custom_versions")
    return wanted_front_end(args.front_end_version, folder, offline=args.offline)


def cache_choice() -> tuple[Any, dict[str, Any]]:
    """The result cache that the flags ask for; RAM pressure without one, as servers of 2026 do."""
    from comfy_execution.caching.modes import CacheType

    if args.cache_classic:
        return CacheType.CLASSIC, {}
    if args.cache_none:
        return CacheType.NONE, {}
    if args.cache_lru:
        return CacheType.LRU, {"lru": args.cache_lru}
    return CacheType.RAM_PRESSURE, {"ram": args.cache_ram[0]} if args.cache_ram else {}


def stream_policy() -> Any:
    """How the engine streams."""
    from comfy.memory import residency
    from comfy_api.frames import FRAME_KINDS
    from comfy_api.torch_modes import TorchModes
    from comfy_execution.streaming.policy import GIB, StreamMode, StreamPolicy

    if not args.stream_budget > 0:
        raise ValueError(f"--stream-budget takes a number of GiB above 0, got {args.stream_budget}")
    return StreamPolicy(
        mode=StreamMode(args.stream),
        budget_bytes=int(args.stream_budget * GIB),
        check_chunks=args.stream_check,
        depth_first_lists=args.depth_first_lists,
        frame_kinds=FRAME_KINDS,
        modes=TorchModes(),
        hold_models=residency.load_together,
        spill_directory=folder_paths.get_temp_directory(),
    )


def start_engine(server: PromptServer) -> tuple[PromptQueue, threading.Thread]:
    """Queue, executor and the engine's thread."""
    from app.durable_queue import QueueChoices, open_queue
    from app.engine import Engine
    from app.log_format import ENGINE_THREAD
    from comfy.interruption import interrupt_current_processing
    from comfy.memory import residency
    from comfy.memory.facts import device_facts
    from comfy.progress import set_progress_bar_global_hook
    from comfy.sampling import previews
    from comfy_api.replacements import REPLACEMENTS
    from comfy_execution import executor as executor_home
    from comfy_execution import validation
    from comfy_execution.progress import ProgressHook
    from comfy_execution.registry import install
    from comfy_execution.streaming.stepper import refuse_output_after_failure
    from comfy_execution.worker import WorkerHooks, run_worker
    from comfy_extras import object_info
    from comfy_extras.catalogue import EXTENSION_WEB_DIRS, REGISTRY

    install(REGISTRY)
    folder_paths.output_guards.append(refuse_output_after_failure)
    queue, server.number = open_queue(
        server,
        folder_paths.get_user_directory(),
        QueueChoices(
            in_memory=args.queue_memory or args.quick_test_for_ci,
            resume=args.queue_resume,
            history_size=args.history_size,
        ),
    )
    cache_type, cache_arguments = cache_choice()
    # Packs wrap the engine's functions and methods, at any time and in the shape of old: found by name at each call.
    executor = executor_home.PromptExecutor(server, cache_type, cache_arguments, streams=stream_policy())
    set_progress_bar_global_hook(ProgressHook(server))

    async def validate(prompt_id: str, prompt: dict[str, Any], partial_targets: Any) -> Any:
        REPLACEMENTS.apply(prompt, REGISTRY)
        return await validation.validate_prompt(prompt_id, prompt, partial_targets)

    server.attach_engine(
        Engine(
            queue=queue,
            validate=validate,
            class_types=lambda: list(REGISTRY),
            node_info=lambda class_type: object_info.node_info(REGISTRY, class_type),
            interrupt=interrupt_current_processing,
            devices=device_facts,
            is_alive=lambda: thread.is_alive(),
            explain=executor.explanations.get,
            web_directories=EXTENSION_WEB_DIRS,
        )
    )
    hooks = WorkerHooks(
        unload_models=residency.unload_all_models,
        before_prompt=lambda extra_data: previews.set_preview_method(extra_data.get("preview_method")),
        after_prompt=_collect_young,
    )
    thread = threading.Thread(
        target=run_worker, args=(queue, executor, server, hooks), name=ENGINE_THREAD, daemon=True
    )
    thread.start()
    return queue, thread


async def stop_engine(queue: PromptQueue, thread: threading.Thread) -> None:
    """Interrupts the running prompt and waits for the engine's thread to end, at most STOP_GRACE_S.

    A thread that is inside torch while the interpreter goes down takes the process with it.
    """
    from comfy.interruption import interrupt_current_processing

    queue.close()
    interrupt_current_processing()
    await asyncio.to_thread(thread.join, STOP_GRACE_S)
    if thread.is_alive():
        logger.warning("A node does not stop; the process ends without it")
        logging.shutdown()
        os._exit(0)


def add_codec_endpoints(server: PromptServer) -> None:
    """The latent transport beside ComfyUI's routes."""
    from app.graph_runs import GraphRuns
    from codec_transport.endpoints.catalogue import ModelCatalogue
    from codec_transport.endpoints.context import CodecContext
    from codec_transport.endpoints.routes import add_routes
    from codec_transport.endpoints.stream_metrics import StreamMetrics
    from codec_transport.spaces.decoder_files import shipped_decoders
    from codec_transport.spaces.registry import SpaceRegistry
    from comfy.progress import set_progress_bar_global_hook
    from comfy_execution.progress import ProgressHook

    runs = GraphRuns(server.context.engine, server.intake, server.loop)
    server.queue_listeners.append(runs.queue_changed)
    # the engine's own hook, now also telling those who wait here
    set_progress_bar_global_hook(runs.observing(ProgressHook(server)))
    models = ModelCatalogue(
        lambda: folder_paths.get_filename_list("checkpoints"),
        lambda name: folder_paths.get_full_path("checkpoints", name),
        initial=args.initial_model or os.environ.get("CODEC_INITIAL_MODEL"),
    )
    context = CodecContext(
        runner=runs,
        models=models,
        spaces=SpaceRegistry(_latent_spaces(), decoder_files=shipped_decoders()),
        file_path=_ui_file,
        public_url=os.environ.get("CODEC_PUBLIC_URL"),
        metrics=StreamMetrics(server.context.metrics.registry),
    )
    add_routes(server.app, server.routes, context)


def _latent_spaces() -> Iterable[LatentSpace]:
    """The built-in latent spaces with the operator's maps and dictionaries. Raises: MapFileError."""
    from codec_transport.spaces.builtin import builtin_spaces
    from codec_transport.spaces.maps_directory import spaces_with

    spaces: tuple[LatentSpace, ...] = builtin_spaces()
    for directory in (
        os.environ.get("CODEC_LATENT_DICTS_DIR"),
        args.codec_maps_directory or os.environ.get("CODEC_MAPS_DIR"),
    ):
        if directory:
            spaces = spaces_with(Path(directory), spaces)
    return spaces


def _ui_file(folder_type: str, subfolder: str, filename: str) -> Path:
    root = folder_paths.get_directory_by_type(folder_type) or folder_paths.get_output_directory()
    return folder_paths.jailed_path(root, os.path.join(subfolder, filename))


async def serve() -> None:
    """Listens, builds everything on this loop and serves until the process is stopped."""
    import server as server_module
    from app.logs import capture_output

    server = server_module.create_server(server_config())
    capture_output(server.logs)
    engine = None
    try:
        if not args.quick_test_for_ci:
            await server.bind()
        # torch takes seconds; what needs none is answered meanwhile
        await asyncio.to_thread(configure_devices)
        await load_nodes()
        engine = start_engine(server)
        add_codec_endpoints(server)
        server.add_routes()
        if args.quick_test_for_ci:
            return
        _spare_the_collector()
        _show_first_key(server)
        await server.start(call_on_start=_announce)
        await asyncio.Event().wait()
    finally:
        if engine is not None:
            await stop_engine(*engine)
        await server.stop()


async def load_nodes() -> None:
    """Built-in nodes, then packs, into the registry."""
    from comfy_api.media import saving
    from comfy_extras.catalogue import REGISTRY
    from comfy_extras.loading import load_builtin_nodes, load_packs

    saving.set_metadata_enabled(not args.disable_metadata)
    await load_builtin_nodes(REGISTRY)
    await load_packs(
        folder_paths.get_folder_paths("custom_nodes"),
        REGISTRY,
        disable_all=args.disable_all_custom_nodes,
        whitelist=args.whitelist_custom_nodes,
    )


def _spare_the_collector() -> None:
    """Modules, classes and the nodes' records stay for good: cycle collections need not visit them again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def _collect_young() -> None:
    """What a prompt left behind in cycles may hold large arrays."""
    gc.collect(1)


def _show_first_key(server: PromptServer) -> None:
    """A server that asks for keys and has none makes one. Not through the log: its panel would keep the key."""
    token = server.context.gate.first_key() if server.context.gate is not None else None
    if token is not None and sys.__stdout__ is not None:
        sys.__stdout__.write(FIRST_KEY.format(token=token))
        sys.__stdout__.flush()


def _announce(scheme: str, address: str, port: int) -> None:
    """The page's address and a ready command line, once the socket listens."""
    host = "127.0.0.1" if address in ("0.0.0.0", "::", "") else address
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    if not args.dont_print_server:
        sys.stdout.write(f"\nOpen {url} in a browser, or ask for a picture:\n\n")
        sys.stdout.write(GENERATION_EXAMPLE.format(url=url) + "\n\n")
        sys.stdout.flush()
    if args.auto_launch:
        import webbrowser

        webbrowser.open(url)


def list_feature_flags() -> None:
    """Prints what GET /features would answer."""
    import json

    from app.features import server_features

    sys.stdout.write(json.dumps(server_features(server_config()), indent=2) + "\n")


def configure_devices() -> None:
    """The device policy of the command line; imports torch."""
    from comfy.memory import devices
    from comfy.sampling import previews

    chosen = args.default_device if args.cuda_device is None else args.cuda_device
    cuda = str(chosen).split(",")[0] if chosen is not None else ""
    devices.configure(
        devices.DeviceSettings(
            cpu_only=args.cpu,
            gpu_only=args.gpu_only,
            cuda_device=int(cuda) if cuda.isdigit() else None,
            reserve_bytes=400 * MIB if args.reserve_vram is None else int(args.reserve_vram * 1024 * MIB),
        )
    )
    previews.configure(args.preview_method.value, args.preview_size)
    if args.deterministic:
        import torch

        torch.use_deterministic_algorithms(True, warn_only=True)


def _log_as_json() -> None:
    """Every line of the log as a JSON object."""
    from app.log_format import JsonFormatter

    def running() -> str | None:
        module = sys.modules.get("server")
        instance = getattr(getattr(module, "PromptServer", None), "instance", None)
        return getattr(instance, "last_prompt_id", None)

    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonFormatter(running))


def main() -> int:
    """Runs the server; the exit status of the process."""
    logging.basicConfig(
        level=args.verbose, format="%(message)s", stream=sys.stdout if args.log_stdout else sys.stderr
    )
    if args.log_format == "json":
        _log_as_json()
    if unknown_arguments:
        logger.warning("These flags are not known here and are ignored: %s", " ".join(unknown_arguments))
    if idle := without_effect(args, HONOURED):
        logger.warning("These flags are accepted and change nothing here: %s", " ".join(idle))
    folder_paths.set_date_folders(args.date_output_format if args.date_based_output else None)
    try:
        give_large_blocks_back()
        apply_folders(folder_choices())
        if args.list_feature_flags:
            list_feature_flags()
            return 0
        run_prestartup_scripts(
            folder_paths.get_folder_paths("custom_nodes"),
            disable_all=args.disable_all_custom_nodes,
            whitelist=args.whitelist_custom_nodes,
        )
        asyncio.run(serve())
    except KeyboardInterrupt:
        logger.info("Stopped by the user")
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
            raise
        logger.error("Cannot listen on %s port %s: %s", args.listen, args.port, error.strerror)  # noqa: TRY400 - the text says it all
        return 1
    except ValueError as error:
        logger.error("Cannot start: %s", error)  # noqa: TRY400 - a setting is wrong, the text names it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
