"""`ComfyNode`: the base of V3 nodes, and the view that engine and packs have of them as V1 classes.

Everything is class level. A method never runs on the author's class itself but on a locked clone: a subclass
made for one call that carries `hidden` and refuses to be written to.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from comfy_api.errors import LockedClassError, SchemaError
from comfy_api.schema import v1_view
from comfy_api.schema.hidden import HiddenHolder
from comfy_api.schema.output import NodeOutput
from comfy_api.schema.schema import Schema

T = TypeVar("T")


class schema_property(Generic[T]):
    """A read-only class attribute computed from the node's schema each time it is asked for."""

    def __init__(self, read: Callable[[Schema], T]) -> None:
        self.read = read

    def __get__(self, instance: object, owner: type[ComfyNode]) -> T:
        return self.read(owner.GET_SCHEMA())


class _FunctionName:
    """`FUNCTION` depends on the class, not on its schema: the async form for a coroutine `execute`."""

    def __get__(self, instance: object, owner: type[ComfyNode]) -> str:
        is_async = inspect.iscoroutinefunction(owner.execute)
        return "EXECUTE_NORMALIZED_ASYNC" if is_async else "EXECUTE_NORMALIZED"


_LOCK = "_comfy_locked"
"""Set on a clone once it is complete: metaclasses like ABCMeta write to the class while they make it."""
_LOCKED_METACLASSES: dict[type, type] = {}


def _locked_metaclass(metaclass: type) -> type:
    """A metaclass like the author's own (usually `type`) whose classes refuse assignments."""
    known = _LOCKED_METACLASSES.get(metaclass)
    if known is not None:
        return known

    def set_attribute(cls: type, name: str, value: object) -> None:
        if _LOCK in vars(cls):
            raise LockedClassError(cls.__name__, name)
        type.__setattr__(cls, name, value)

    def delete_attribute(cls: type, name: str) -> None:
        raise LockedClassError(cls.__name__, name)

    members = {"__setattr__": set_attribute, "__delattr__": delete_attribute}
    made = type("LockedClass", (metaclass,), members)
    return _LOCKED_METACLASSES.setdefault(metaclass, made)


class ComfyNode:
    """Base of V3 nodes: override `define_schema` and `execute`, where needed the other three.

    `execute` and `check_lazy_status` may be coroutines, as may `validate_inputs` and `fingerprint_inputs`.
    """

    RELATIVE_PYTHON_MODULE: ClassVar[str] = "nodes"
    hidden: ClassVar[HiddenHolder] = HiddenHolder({})

    @classmethod
    def define_schema(cls) -> Schema:
        """The node's declaration; read anew for each prompt, so choices may come from folders."""
        raise NotImplementedError(f"{cls.__name__} needs define_schema()")

    @classmethod
    def execute(cls, *args: Any, **kwargs: Any) -> Any:
        """The work: inputs by id; gives a NodeOutput (or tuple, dict, None, ExecutionBlocker)."""
        raise NotImplementedError(f"{cls.__name__} needs execute()")

    @classmethod
    def validate_inputs(cls, *args: Any, **kwargs: Any) -> Any:
        """Optional: True, or a text that says what is wrong. Range checks of named inputs become its job."""
        return True

    @classmethod
    def fingerprint_inputs(cls, *args: Any, **kwargs: Any) -> Any:
        """Optional: a value that changes when the node must run again though its inputs did not change."""
        return None

    @classmethod
    def check_lazy_status(cls, *args: Any, **kwargs: Any) -> Any:
        """Optional: names of lazy inputs still needed. By default all that are not there yet."""
        return [name for name, value in kwargs.items() if value is None]

    @classmethod
    def overrides(cls, method: str) -> bool:
        """Whether the author defined one of the optional methods."""
        own = getattr(getattr(cls, method), "__func__", None)
        return own is not getattr(getattr(ComfyNode, method), "__func__", None)

    # --- the V1 view: names and spellings are contract ---

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        """The checked schema. Raises: SchemaError; whatever `define_schema` raises."""
        schema = cls.define_schema()
        if not isinstance(schema, Schema):
            raise SchemaError(
                f"define_schema() must return an io.Schema, not {schema!r}", node_id=cls.__name__
            )
        schema.finalize()
        schema.validate()
        return schema

    @classmethod
    def GET_BASE_CLASS(cls) -> type[ComfyNode]:
        """The author's class, also when asked on a locked clone."""
        base = vars(cls).get("_locked_base", cls)
        assert isinstance(base, type)
        return base

    @classmethod
    def GET_NODE_INFO_V1(cls) -> dict[str, Any]:
        """The node's entry in GET /object_info."""
        return v1_view.node_info(cls.GET_SCHEMA(), cls.RELATIVE_PYTHON_MODULE)

    @classmethod
    def VALIDATE_CLASS(cls) -> None:
        """Raises SchemaError when `define_schema` or `execute` is missing or the schema is wrong."""
        for method in ("define_schema", "execute"):
            if not cls.overrides(method):
                raise SchemaError(f"needs {method}()", node_id=cls.__name__)
        cls.GET_SCHEMA()

    @classmethod
    def INPUT_TYPES(cls, include_hidden: bool = True) -> dict[str, dict[str, Any]]:
        """Inputs by section, as V1 nodes give them."""
        return v1_view.input_types(cls.GET_SCHEMA(), include_hidden)

    @classmethod
    def PREPARE_CLASS_CLONE(cls, hidden: HiddenHolder | Mapping[str, Any] | None = None) -> type[ComfyNode]:
        """A subclass for one call: reads `hidden`, refuses every assignment with LockedClassError."""
        base = cls.GET_BASE_CLASS()
        holder = hidden if isinstance(hidden, HiddenHolder) else HiddenHolder(hidden or {})
        members = {
            "hidden": holder,
            "_locked_base": base,
            "__module__": base.__module__,
            "__qualname__": base.__qualname__,
            "__doc__": base.__doc__,
        }
        clone = _locked_metaclass(type(base))(base.__name__, (base,), members)
        assert isinstance(clone, type)
        setattr(clone, _LOCK, True)
        return clone

    @classmethod
    def EXECUTE_NORMALIZED(cls, *args: Any, **kwargs: Any) -> NodeOutput:
        """Runs `execute` and gives a NodeOutput whatever form the author returned."""
        return as_node_output(cls.execute(*args, **kwargs))

    @classmethod
    async def EXECUTE_NORMALIZED_ASYNC(cls, *args: Any, **kwargs: Any) -> NodeOutput:
        """As EXECUTE_NORMALIZED for a coroutine `execute`."""
        found = cls.execute(*args, **kwargs)
        return as_node_output(await found if isinstance(found, Awaitable) else found)

    FUNCTION = _FunctionName()
    CATEGORY = schema_property[str](lambda schema: schema.category)
    DESCRIPTION = schema_property[str](lambda schema: schema.description)
    RETURN_TYPES = schema_property[tuple[Any, ...]](lambda s: tuple(o.get_io_type() for o in s.outputs))
    RETURN_NAMES = schema_property[tuple[Any, ...]](lambda s: tuple(v1_view.output_names(s)))
    OUTPUT_IS_LIST = schema_property[tuple[bool, ...]](lambda s: tuple(o.is_output_list for o in s.outputs))
    OUTPUT_TOOLTIPS = schema_property[tuple[str | None, ...]](lambda s: tuple(o.tooltip for o in s.outputs))
    OUTPUT_NODE = schema_property[bool](lambda schema: schema.is_output_node)
    INPUT_IS_LIST = schema_property[bool](lambda schema: schema.is_input_list)
    DEPRECATED = schema_property[bool](lambda schema: schema.is_deprecated)
    EXPERIMENTAL = schema_property[bool](lambda schema: schema.is_experimental)
    DEV_ONLY = schema_property[bool](lambda schema: schema.is_dev_only)
    API_NODE = schema_property[bool](lambda schema: schema.is_api_node)
    NOT_IDEMPOTENT = schema_property[bool](lambda schema: schema.not_idempotent)
    SEARCH_ALIASES = schema_property[list[str]](lambda schema: list(schema.search_aliases or ()))
    ESSENTIALS_CATEGORY = schema_property[str | None](lambda schema: schema.essentials_category)
    HAS_INTERMEDIATE_OUTPUT = schema_property[bool](lambda schema: schema.has_intermediate_output)
    ACCEPT_ALL_INPUTS = schema_property[bool](lambda schema: schema.accept_all_inputs)


def as_node_output(found: Any) -> NodeOutput:
    """What an author returned, as a NodeOutput: tuple = results, dict = the V1 form, None = nothing."""
    if isinstance(found, NodeOutput):
        return found
    if found is None:
        return NodeOutput()
    if isinstance(found, Mapping):
        return NodeOutput.from_dict(found)
    if isinstance(found, tuple):
        return NodeOutput(*found)
    return NodeOutput(found)
