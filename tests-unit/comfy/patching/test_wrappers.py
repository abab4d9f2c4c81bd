"""Callbacks and wrappers in option dictionaries, and the chain that runs them."""

from __future__ import annotations

from comfy.patching import wrappers
from comfy.patching.wrappers import CallbacksMP, WrapperExecutor, WrappersMP


def test_wrappers_run_from_the_outside_in():
    calls = []

    def wrapper(name):
        def run(executor, value, *, extra):
            calls.append(name)
            return executor(value + 1, extra=extra) * 2

        return run

    chain = WrapperExecutor.new_executor(lambda value, extra: value + extra, [wrapper("out"), wrapper("in")])
    assert chain.execute(1, extra=10) == (1 + 2 + 10) * 4
    assert calls == ["out", "in"]


def test_without_wrappers_the_original_runs():
    assert WrapperExecutor.new_executor(abs, []).execute(-3) == 3


def test_a_wrapper_may_not_call_on_and_sees_the_object():
    owner = object()
    chain = WrapperExecutor.new_class_executor(abs, owner, [lambda executor, value: executor.class_obj])
    assert chain.execute(-3) is owner


def test_registration_in_options_is_by_kind_and_key():
    options = {}
    wrappers.add_wrapper(WrappersMP.APPLY_MODEL, len, options)
    wrappers.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "k", abs, options)
    wrappers.add_callback_with_key(CallbacksMP.ON_LOAD, "k", max, options)
    assert wrappers.get_all_wrappers(WrappersMP.APPLY_MODEL, options) == [len, abs]
    assert wrappers.get_wrappers_with_key(WrappersMP.APPLY_MODEL, "k", options) == [abs]
    assert wrappers.get_all_callbacks(CallbacksMP.ON_LOAD, options) == [max]
    assert wrappers.get_callbacks_with_key(CallbacksMP.ON_LOAD, "other", options) == []


def test_model_options_keep_wrappers_below_transformer_options():
    options = {}
    wrappers.add_wrapper(WrappersMP.PREDICT_NOISE, len, options, is_model_options=True)
    wrappers.add_callback(CallbacksMP.ON_LOAD, abs, options, is_model_options=True)
    assert wrappers.get_all_wrappers(WrappersMP.PREDICT_NOISE, options["transformer_options"]) == [len]
    assert wrappers.get_all_callbacks(CallbacksMP.ON_LOAD, options, is_model_options=True) == [abs]


def test_merging_joins_lists_and_leaves_the_inputs_alone():
    one = {"a": {"x": [1], "y": 1}, "b": [1]}
    two = {"a": {"x": [2], "y": 2}, "c": 3}
    assert wrappers.merge_nested_dicts(one, two) == {"a": {"x": [1, 2], "y": 2}, "b": [1], "c": 3}
    assert one == {"a": {"x": [1], "y": 1}, "b": [1]}
    wrappers.merge_nested_dicts(one, two, copy_dict1=False)
    assert one["c"] == 3


def test_copies_share_leaves_and_nothing_else():
    leaf = object()
    original = {"a": {"l": [leaf]}}
    copy = wrappers.copy_nested_dicts(original)
    copy["a"]["l"].append(1)
    assert original["a"]["l"] == [leaf]
    assert copy["a"]["l"][0] is leaf
