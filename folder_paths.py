"""Where files live: model folders, input, output, temp, user; and the one path jail.

Node packs read and change `folder_names_and_paths` in place and call the functions by these names
(contract); the server sets the base with `configure`. Every path that comes from outside goes through
`jailed_path`: resolve, then check. Output files are made by `atomic_output`: a temporary name, then an
exclusive rename, so a reader never sees a part of a file and a failed writer leaves nothing.
"""

from __future__ import annotations

import contextlib
import mimetypes
import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Literal

supported_pt_extensions: set[str] = {".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"}

folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = {}

base_path: str = os.path.dirname(os.path.realpath(__file__))
models_dir: str = os.path.join(base_path, "models")
output_directory: str = os.path.join(base_path, "output")
temp_directory: str = os.path.join(base_path, "temp")
input_directory: str = os.path.join(base_path, "input")
user_directory: str = os.path.join(base_path, "user")

extension_mimetypes_cache: dict[str, str] = {"webp": "image", "fbx": "model"}
filename_list_cache: dict[str, tuple[list[str], dict[str, float], float]] = {}

MAX_PATH_CHARS = 3000
"""Longest relative path; file systems refuse 4096 bytes with the root in front."""

_LEGACY_NAMES = {"unet": "diffusion_models", "clip": "text_encoders"}

# type -> (folders below models/, extensions; None = the model file extensions). The order is what /models
# answers.
_MODEL_FOLDERS: dict[str, tuple[tuple[str, ...], set[str] | None]] = {
    "checkpoints": (("checkpoints",), None),
    "configs": (("configs",), {".yaml"}),
    "loras": (("loras",), None),
    "vae": (("vae",), None),
    "text_encoders": (("text_encoders", "clip"), None),
    "diffusion_models": (("unet", "diffusion_models"), None),
    "clip_vision": (("clip_vision",), None),
    "style_models": (("style_models",), None),
    "embeddings": (("embeddings",), None),
    "diffusers": (("diffusers",), {"folder"}),
    "vae_approx": (("vae_approx",), None),
    "controlnet": (("controlnet", "t2i_adapter"), None),
    "gligen": (("gligen",), None),
    "upscale_models": (("upscale_models",), None),
    "custom_nodes": ((), set()),
    "hypernetworks": (("hypernetworks",), None),
    "photomaker": (("photomaker",), None),
    "classifiers": (("classifiers",), {""}),
    "model_patches": (("model_patches",), None),
    "audio_encoders": (("audio_encoders",), None),
}


class PathEscapeError(ValueError):
    """A path from outside would leave its folder, or cannot be a file name at all.

    Fields: `path` (as given), `root` (folder it must stay in), `reason`.
    """

    def __init__(self, path: str, root: str, reason: str) -> None:
        self.path, self.root, self.reason = path, root, reason
        super().__init__(f"{path!r} {reason}; give a path below {os.path.basename(root) or root!r}")


class CacheHelper:
    """File lists remembered while one answer is built; `with cache_helper:` turns it on."""

    def __init__(self) -> None:
        self.cache: dict[str, tuple[list[str], dict[str, float], float]] = {}
        self.active = False

    def get(self, key: str, default: object = None) -> tuple[list[str], dict[str, float], float] | object:
        return self.cache.get(key, default) if self.active else default

    def set(self, key: str, value: tuple[list[str], dict[str, float], float]) -> None:
        if self.active:
            self.cache[key] = value

    def clear(self) -> None:
        self.cache.clear()

    def __enter__(self) -> CacheHelper:
        self.active = True
        return self

    def __exit__(self, *_: object) -> None:
        self.active = False
        self.clear()


cache_helper = CacheHelper()


def configure(base_directory: str | None = None, models_directory: str | None = None) -> None:
    """Moves every folder below `base_directory`, models to `models_directory`; keeps dict identity."""
    global base_path, models_dir
    if base_directory is not None:
        base_path = os.path.abspath(base_directory)
    models_dir = os.path.abspath(models_directory) if models_directory else os.path.join(base_path, "models")
    set_output_directory(os.path.join(base_path, "output"))
    set_temp_directory(os.path.join(base_path, "temp"))
    set_input_directory(os.path.join(base_path, "input"))
    set_user_directory(os.path.join(base_path, "user"))
    filename_list_cache.clear()
    for name, (folders, extensions) in _MODEL_FOLDERS.items():
        paths = [os.path.join(models_dir, folder) for folder in folders]
        if name == "custom_nodes":
            paths = [os.path.join(base_path, "custom_nodes")]
        folder_names_and_paths[name] = (
            paths,
            supported_pt_extensions if extensions is None else set(extensions),
        )


def map_legacy(folder_name: str) -> str:
    """The current name of a folder type (`unet` -> `diffusion_models`, `clip` -> `text_encoders`)."""
    return _LEGACY_NAMES.get(folder_name, folder_name)


def set_output_directory(output_dir: str) -> None:
    """Sets where output nodes save."""
    global output_directory
    output_directory = output_dir


def set_temp_directory(temp_dir: str) -> None:
    """Sets where previews go; emptied at start."""
    global temp_directory
    temp_directory = temp_dir


def set_input_directory(input_dir: str) -> None:
    """Sets where uploads go."""
    global input_directory
    input_directory = input_dir


def set_user_directory(user_dir: str) -> None:
    """Sets where settings and workflows of users live."""
    global user_directory
    user_directory = user_dir


def get_output_directory() -> str:
    """Where output nodes save."""
    return output_directory


def get_temp_directory() -> str:
    """Where previews go."""
    return temp_directory


def get_input_directory() -> str:
    """Where uploads go."""
    return input_directory


def get_user_directory() -> str:
    """Where settings and workflows of users live."""
    return user_directory


def get_directory_by_type(type_name: str) -> str | None:
    """The folder for `output`, `temp` or `input`; None for another word."""
    if type_name == "output":
        return get_output_directory()
    if type_name == "temp":
        return get_temp_directory()
    if type_name == "input":
        return get_input_directory()
    return None


def jailed_path(root: str | os.PathLike[str], relative: str) -> Path:
    """The real path of `relative` below `root`, which may not exist yet.

    Raises: PathEscapeError when it is absolute, holds a NUL or a drive, has a part too long for a file name, or
    leaves `root` once every `..` and symbolic link is resolved.
    """
    base = os.path.realpath(root)
    if "\x00" in relative:
        raise PathEscapeError(relative, base, "holds a NUL character")
    forward = relative.replace("\\", "/")
    if forward.startswith("/") or re.match(r"^[A-Za-z]:", forward):
        raise PathEscapeError(relative, base, "is an absolute path")
    if len(forward) > MAX_PATH_CHARS or any(len(os.fsencode(part)) > 255 for part in forward.split("/")):
        raise PathEscapeError(relative[:80], base, "is longer than a file system takes")
    try:
        target = os.path.realpath(os.path.join(base, forward))
        inside = os.path.commonpath((base, target)) == base
    except (OSError, ValueError) as error:
        raise PathEscapeError(relative, base, f"is no usable path ({error})") from error
    if not inside:
        raise PathEscapeError(relative, base, "leaves its folder")
    return Path(target)


def filter_files_content_types(
    files: list[str], content_types: list[Literal["image", "video", "audio", "model"]]
) -> list[str]:
    """The names whose extension belongs to one of the groups, order kept."""
    kept = []
    for name in files:
        extension = name.split(".")[-1]
        group = extension_mimetypes_cache.get(extension)
        if group is None:
            mime = mimetypes.guess_type(name, strict=False)[0]
            if not mime:
                continue
            group = extension_mimetypes_cache[extension] = mime.split("/")[0]
        if group in content_types:
            kept.append(name)
    return kept


def annotated_filepath(name: str) -> tuple[str, str | None]:
    """Splits `"a.png [output]"` into name and folder; the folder is None without an annotation."""
    for suffix, folder in ((" [output]", get_output_directory), (" [input]", get_input_directory),
                           (" [temp]", get_temp_directory)):  # fmt: skip
        bare = suffix.strip()
        if name.endswith(bare):
            return name[: -len(bare)].rstrip(" "), folder()
    return name, None


def get_annotated_filepath(name: str, default_dir: str | None = None) -> str:
    """The full path of an annotated name, the input folder by default.

    Raises: PathEscapeError when the name leaves the folder.
    """
    bare, folder = annotated_filepath(name)
    return str(jailed_path(folder or default_dir or get_input_directory(), bare))


def exists_annotated_filepath(name: str) -> bool:
    """Whether an annotated name is an existing file inside its folder."""
    try:
        return os.path.isfile(get_annotated_filepath(name))
    except PathEscapeError:
        return False


def add_model_folder_path(folder_name: str, full_folder_path: str, is_default: bool = False) -> None:
    """Adds a folder to a type; `is_default` puts it first. New types take any file."""
    name = map_legacy(folder_name)
    if name not in folder_names_and_paths:
        folder_names_and_paths[name] = ([], set())
    paths = folder_names_and_paths[name][0]
    if full_folder_path in paths:
        if is_default and paths[0] != full_folder_path:
            paths.remove(full_folder_path)
            paths.insert(0, full_folder_path)
    elif is_default:
        paths.insert(0, full_folder_path)
    else:
        paths.append(full_folder_path)


def get_folder_paths(folder_name: str) -> list[str]:
    """A copy of the folders of a type. Raises KeyError for an unknown type."""
    return folder_names_and_paths[map_legacy(folder_name)][0][:]


def recursive_search(
    directory: str, excluded_dir_names: list[str] | None = None
) -> tuple[list[str], dict[str, float]]:
    """Every file below `directory` as a relative name, and the modification time of each folder seen."""
    if not os.path.isdir(directory):
        return [], {}
    excluded = set(excluded_dir_names or ())
    names: list[str] = []
    times = {directory: os.path.getmtime(directory)}
    for folder, subfolders, files in os.walk(directory, followlinks=True, topdown=True):
        subfolders[:] = [name for name in subfolders if name not in excluded]
        names.extend(os.path.relpath(os.path.join(folder, name), directory) for name in files)
        for name in subfolders:
            with contextlib.suppress(FileNotFoundError):
                path = os.path.join(folder, name)
                times[path] = os.path.getmtime(path)
    return names, times


def filter_files_extensions(files: Collection[str], extensions: Collection[str]) -> list[str]:
    """The names that end in one of the extensions (any when there are none), sorted."""
    return sorted(
        name
        for name in files
        if not extensions or os.path.splitext(name)[-1].lower() in extensions or "folder" in extensions
    )


def get_full_path(folder_name: str, filename: str) -> str | None:
    """The first file of that relative name in the folders of the type, or None.

    A name that leaves its folder is not found; links placed inside a model folder by its owner are followed.
    Raises: KeyError for an unknown type.
    """
    name = map_legacy(folder_name)
    relative = os.path.relpath(os.path.join("/", filename.replace("\x00", "")), "/")
    for folder in folder_names_and_paths[name][0]:
        path = os.path.join(folder, relative)
        if os.path.isfile(path):
            return path
    return None


def get_full_path_or_raise(folder_name: str, filename: str) -> str:
    """As `get_full_path`. Raises: FileNotFoundError when there is none."""
    path = get_full_path(folder_name, filename)
    if path is None:
        raise FileNotFoundError(f"Model in folder '{folder_name}' with filename '{filename}' not found.")
    return path


def get_filename_list_(folder_name: str) -> tuple[list[str], dict[str, float], float]:
    """Reads the folders of a type now: sorted names, folder times, time of reading."""
    paths, extensions = folder_names_and_paths[map_legacy(folder_name)]
    found: set[str] = set()
    times: dict[str, float] = {}
    for folder in paths:
        names, folder_times = recursive_search(folder, excluded_dir_names=[".git"])
        found.update(filter_files_extensions(names, extensions))
        times.update(folder_times)
    return sorted(found), times, time.perf_counter()


def cached_filename_list_(folder_name: str) -> tuple[list[str], dict[str, float], float] | None:
    """The remembered list of a type while no folder of it changed, else None."""
    name = map_legacy(folder_name)
    inner = cache_helper.get(name)
    if isinstance(inner, tuple):
        return inner
    known = filename_list_cache.get(name)
    if known is None:
        return None
    for folder, modified in known[1].items():
        if not os.path.isdir(folder) or os.path.getmtime(folder) != modified:
            return None
    if any(os.path.isdir(path) and path not in known[1] for path in folder_names_and_paths[name][0]):
        return None
    return known


def get_filename_list(folder_name: str) -> list[str]:
    """Sorted relative names of all files of a type. Raises KeyError for an unknown type."""
    name = map_legacy(folder_name)
    known = cached_filename_list_(name)
    if known is None:
        known = filename_list_cache[name] = get_filename_list_(name)
    cache_helper.set(name, known)
    return list(known[0])


def get_save_image_path(
    filename_prefix: str, output_dir: str, image_width: int = 0, image_height: int = 0
) -> tuple[str, str, int, str, str]:
    """Where the next file of a prefix goes: (folder, name part, counter, subfolder, prefix).

    `%width% %height% %year% %month% %day% %hour% %minute% %second%` in the prefix are filled in. The folder
    is made. The counter is the highest existing `<name>_<digits>_` plus one. Raises: PathEscapeError when
    the prefix leaves `output_dir`. With `set_date_folders` the prefix begins with a folder of today's date.
    """
    if _date_format and os.path.realpath(output_dir) == os.path.realpath(get_output_directory()):
        filename_prefix = f"{time.strftime(_date_format)}/{filename_prefix}"
    if "%" in filename_prefix:
        filename_prefix = _fill_prefix(filename_prefix, image_width, image_height)
    subfolder = os.path.dirname(os.path.normpath(filename_prefix))
    name = os.path.basename(os.path.normpath(filename_prefix))
    folder = str(jailed_path(output_dir, subfolder))
    os.makedirs(folder, exist_ok=True)
    pattern = re.compile(re.escape(name) + r"_(\d+)_?", re.IGNORECASE if os.name == "nt" else 0)
    counters = [int(match.group(1)) for entry in os.listdir(folder) if (match := pattern.match(entry))]
    return folder, name, max(counters, default=0) + 1, subfolder, filename_prefix


_date_format: str | None = None


def set_date_folders(date_format: str | None) -> None:
    """Saved files go into a folder named after the day, as strftime writes it; None turns that off."""
    global _date_format
    _date_format = date_format


def _fill_prefix(prefix: str, width: int, height: int) -> str:
    now = time.localtime()
    values = {
        "%width%": str(width),
        "%height%": str(height),
        "%year%": str(now.tm_year),
        "%month%": f"{now.tm_mon:02}",
        "%day%": f"{now.tm_mday:02}",
        "%hour%": f"{now.tm_hour:02}",
        "%minute%": f"{now.tm_min:02}",
        "%second%": f"{now.tm_sec:02}",
    }
    for name, value in values.items():
        prefix = prefix.replace(name, value)
    return prefix


def get_input_subfolders() -> list[str]:
    """Every folder below the input folder, as relative names, sorted."""
    root = get_input_directory()
    found = []
    for folder, _, _ in os.walk(root):
        relative = os.path.relpath(folder, root)
        if relative != ".":
            found.append(relative.replace("\\", "/"))
    return sorted(found)


output_guards: list[Callable[[], None]] = []
"""Called before a finished file gets its name; one that raises keeps it from appearing. Set by `main`."""


@contextlib.contextmanager
def atomic_output(folder: str | os.PathLike[str], name_for: Callable[[int], str]) -> Iterator[OutputFile]:
    """A file that appears whole or not at all: `with atomic_output(folder, name_for) as out: ...`.

    Write to `out.temporary`. On leaving without an error the file gets the first free name of `name_for(0)`,
    `name_for(1)`, ... by exclusive creation, found in `out.path` afterwards. After an error, or when one of the
    `output_guards` refuses, it is gone.
    Raises: OSError of the file system; FileExistsError after 100000 taken names.
    """
    os.makedirs(folder, exist_ok=True)
    out = OutputFile(Path(folder) / f".{secrets.token_hex(8)}.part")
    try:
        yield out
        for guard in output_guards:
            guard()
        for attempt in range(100_000):
            target = Path(folder) / name_for(attempt)
            try:
                os.link(out.temporary, target)
            except FileExistsError:
                continue
            except OSError:
                # a file system without hard links: claim the name first, then move over our own claim
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(target, os.O_CREAT | os.O_EXCL))
                    os.replace(out.temporary, target)
                    out.path = target
                    return
                continue
            out.path = target
            return
        raise FileExistsError(f"no free name after {name_for(99_999)!r} in {os.fspath(folder)!r}")
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(out.temporary)


class OutputFile:
    """The file being written by `atomic_output`: `temporary` now, `path` once it has its name."""

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        self.path: Path | None = None


configure()
