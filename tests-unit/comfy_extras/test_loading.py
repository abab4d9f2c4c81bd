"""Custom node packs, really written to disk: what loads, what is reported, and what stops nobody."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from pathlib import Path

import pytest

from comfy_api.adapters import describe
from comfy_execution.registry import Registry
from comfy_extras import loading
from comfy_extras.catalogue import EXTENSION_WEB_DIRS, LOADED_MODULE_DIRS
from comfy_extras.object_info import node_info

GOOD_V1 = """
    from .parts import FACTOR

    class Twice:
        @classmethod
        def INPUT_TYPES(cls):
            return {"required": {"value": ("INT", {"default": 0})}}
        RETURN_TYPES = ("INT",)
        FUNCTION = "run"
        CATEGORY = "test"

        def run(self, value):
            return (value * FACTOR,)

    NODE_CLASS_MAPPINGS = {"Twice": Twice}
    NODE_DISPLAY_NAME_MAPPINGS = {"Twice": "Two Times"}
"""

GOOD_V3 = """
    from comfy_api.latest import ComfyExtension, io

    class Half(io.ComfyNode):
        @classmethod
        def define_schema(cls):
            return io.Schema(node_id="Half", display_name="One Half", inputs=[io.Int.Input("value")],
                             outputs=[io.Float.Output()])

        @classmethod
        def execute(cls, value):
            return io.NodeOutput(value / 2)

    class Broken(io.ComfyNode):
        @classmethod
        def define_schema(cls):
            raise RuntimeError("no schema today")

    class Pack(ComfyExtension):
        loaded = 0

        async def on_load(self):
            Pack.loaded += 1

        async def get_node_list(self):
            return [Half, Broken]

    async def comfy_entrypoint():
        return Pack()
"""

SINGLE_FILE = """
    class Thrice:
        @classmethod
        def INPUT_TYPES(cls):
            return {"required": {}}
        RETURN_TYPES = ()
        FUNCTION = "run"

        def run(self):
            return ()

    NODE_CLASS_MAPPINGS = {"Thrice": Thrice}
"""


@pytest.fixture
def root(tmp_path):
    modules, web, folders = set(sys.modules), dict(EXTENSION_WEB_DIRS), dict(LOADED_MODULE_DIRS)
    yield tmp_path / "custom.nodes"  # a dot in the path must not read as a parent package
    for name in set(sys.modules) - modules:
        if str(tmp_path).replace(".", "_x_") in name or str(tmp_path) in name:
            del sys.modules[name]
    for table, before in ((EXTENSION_WEB_DIRS, web), (LOADED_MODULE_DIRS, folders)):
        table.clear()
        table.update(before)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def pack(root: Path, name: str, text: str) -> Path:
    write(root / name / "__init__.py", text)
    return root / name


async def load(root: Path, registry: Registry | None = None, **options):
    registry = registry or Registry(describe)
    reports = await loading.load_packs([str(root)], registry, **options)
    return registry, {report.name: report for report in reports}


async def test_a_v1_folder_registers_its_classes_and_titles(root):
    write(pack(root, "good", GOOD_V1) / "parts.py", "FACTOR = 2")
    registry, reports = await load(root)
    assert reports["good"].nodes == ("Twice",) and reports["good"].is_loaded
    assert registry.display_names == {"Twice": "Two Times"}
    assert registry.classes["Twice"]().run(4) == (8,)
    assert node_info(registry, "Twice")["python_module"] == "custom_nodes.good"
    assert LOADED_MODULE_DIRS["good"] == str((root / "good").resolve())


async def test_the_module_is_known_by_its_path_with_dots_replaced(root):
    write(pack(root, "good", GOOD_V1) / "parts.py", "FACTOR = 2")
    await load(root)
    assert str((root / "good").resolve()).replace(".", "_x_") in sys.modules


async def test_a_v3_entrypoint_is_awaited_and_one_bad_node_is_left_out(root):
    pack(root, "modern", GOOD_V3)
    registry, reports = await load(root)
    assert reports["modern"].nodes == ("Half",)
    assert "no schema today" in reports["modern"].warnings[0]
    assert registry.spec("Half").api == "v3"
    assert registry.display_names["Half"] == "One Half"
    assert sys.modules[str((root / "modern").resolve()).replace(".", "_x_")].Pack.loaded == 1


async def test_a_blocking_entrypoint_works_too(root):
    pack(root, "modern", GOOD_V3.replace("async def comfy_entrypoint", "def comfy_entrypoint"))
    assert (await load(root))[1]["modern"].nodes == ("Half",)


async def test_a_single_file_is_a_pack(root):
    write(root / "single.py", SINGLE_FILE)
    registry, reports = await load(root)
    assert reports["single"].nodes == ("Thrice",)
    assert registry.classes["Thrice"].RELATIVE_PYTHON_MODULE == "custom_nodes.single"
    assert str((root / "single").resolve()) in sys.modules


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("raise ValueError('boom')", ValueError),
        ("def f(:\n    pass", SyntaxError),
        ("import sys; sys.exit(3)", SystemExit),
        ("class Odd(BaseException): pass\nraise Odd", BaseException),
        ("import asyncio; raise asyncio.CancelledError", asyncio.CancelledError),
        ("import no_such_module_anywhere", ModuleNotFoundError),
        ("from . import missing_part", ImportError),
        ("NODE_CLASS_MAPPINGS = 7", loading.PackError),
        ("x = 1", loading.PackError),
        ("comfy_entrypoint = 'text'", loading.PackError),
        ("def comfy_entrypoint():\n    return object()", loading.PackError),
        ("async def comfy_entrypoint():\n    raise KeyError('late')", KeyError),
    ],
)
async def test_a_bad_pack_is_reported_and_stops_nobody(root, code, kind, caplog):
    caplog.set_level("INFO")
    write(root / "a_bad" / "__init__.py", code)
    write(root / "b_good.py", SINGLE_FILE)
    registry, reports = await load(root)
    assert isinstance(reports["a_bad"].error, kind) and not reports["a_bad"].is_loaded
    assert reports["b_good"].is_loaded and list(registry) == ["Thrice"]
    assert "(IMPORT FAILED)" in caplog.text and "Traceback" in caplog.text


async def test_core_names_stay_and_the_last_pack_wins_among_packs(root):
    write(root / "a.py", SINGLE_FILE)
    write(root / "b.py", SINGLE_FILE.replace('"Thrice": Thrice', '"Thrice": Thrice, "KSampler": Thrice'))
    registry = Registry(describe)
    core = registry.classes["KSampler"] = type("KSampler", (), {})
    await load(root, registry)
    assert registry.classes["KSampler"] is core
    assert registry.classes["Thrice"].RELATIVE_PYTHON_MODULE == "custom_nodes.b"


async def test_disabled_and_foreign_entries_are_skipped(root):
    pack(root, "off.disabled", "raise ValueError")
    pack(root, "__pycache__", "raise ValueError")
    write(root / "notes.txt", "no code")
    (root / "empty").mkdir()
    registry, reports = await load(root)
    assert reports == {} and list(registry) == []


async def test_disable_all_keeps_only_the_whitelist(root):
    write(root / "a.py", SINGLE_FILE)
    pack(root, "b", SINGLE_FILE)
    assert set((await load(root, disable_all=True))[1]) == set()
    assert set((await load(root, disable_all=True, whitelist=["b"]))[1]) == {"b"}
    assert set((await load(root, disable_all=True, whitelist=["a.py"]))[1]) == {"a"}


async def test_web_folders_come_from_the_module_and_from_pyproject(root):
    folder = pack(root, "webby", SINGLE_FILE + '\n    WEB_DIRECTORY = "./js"\n')
    write(folder / "js" / "a.js", "")
    write(folder / "dist" / "b.js", "")
    write(folder / "pyproject.toml", '[project]\nname = "webby-project"\n\n[tool.comfy]\nweb = "dist"\n')
    await load(root)
    assert EXTENSION_WEB_DIRS["webby"] == str((folder / "js").resolve())
    assert EXTENSION_WEB_DIRS["webby-project"] == str((folder / "dist").resolve())


async def test_a_pack_of_web_files_alone_is_loaded(root):
    write(pack(root, "page", 'WEB_DIRECTORY = "web"') / "web" / "a.js", "")
    assert (await load(root))[1]["page"].is_loaded


async def test_a_broken_pyproject_costs_only_the_web_folder(root):
    write(pack(root, "odd", SINGLE_FILE) / "pyproject.toml", "this is [not toml")
    assert (await load(root))[1]["odd"].nodes == ("Thrice",)
    assert "odd" not in EXTENSION_WEB_DIRS


async def test_findings_of_a_foreign_class_are_warnings(root):
    write(root / "a.py", SINGLE_FILE.replace('FUNCTION = "run"', 'FUNCTION = "walk"'))
    registry, reports = await load(root)
    assert "walk" in reports["a"].warnings[0] and "Thrice" in registry


async def test_a_pack_that_changes_the_live_mappings_is_seen(root):
    registry = Registry(describe)
    mappings = registry.classes
    write(root / "a.py", SINGLE_FILE)
    await load(root, registry)
    mappings["Added"] = mappings["Thrice"]
    assert "Added" in registry and registry.spec("Added").api == "v1"


async def test_odd_classes_cost_a_warning_not_the_pack(root):
    code = (
        SINGLE_FILE
        + """
    from comfy_api.latest import io

    class Schemaless(io.ComfyNode):
        pass

    class Meta(type):
        @property
        def FUNCTION(cls):
            raise OSError("not now")

    class Odd(metaclass=Meta):
        INPUT_TYPES = classmethod(lambda cls: {})

    NODE_CLASS_MAPPINGS |= {"Schemaless": Schemaless, "Odd": Odd, "Nothing": None, 7: Thrice}
    """
    )
    write(root / "a.py", code)
    registry, reports = await load(root)
    assert reports["a"].is_loaded and set(registry) == {"Thrice", "Schemaless", "Odd", "Nothing"}
    text = "\n".join(reports["a"].warnings)
    assert all(
        part in text for part in ("define_schema()", "not now", "None is not a class", "7 is no class name")
    )
    assert node_info(registry, "Thrice")["name"] == "Thrice"


async def test_stopping_the_server_while_packs_load_stops_it(root):
    pack(root, "slow", "async def comfy_entrypoint():\n    import asyncio\n    await asyncio.Event().wait()")
    task = asyncio.create_task(load(root))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
