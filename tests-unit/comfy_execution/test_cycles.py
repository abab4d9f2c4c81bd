"""Static cycles: found, named, and cut to a readable length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from comfy_execution.cycles import MAX_NODES_SHOWN, cycle_entry, one_cycle, strongly_connected

graphs = st.dictionaries(
    st.integers(0, 9).map(str), st.lists(st.integers(0, 9).map(str), max_size=4), max_size=10
)


def reaches(sources: dict[str, list[str]], start: str, goal: str) -> bool:
    seen: set[str] = set()
    stack = list(sources.get(start, ()))
    while stack:
        node = stack.pop()
        if node == goal:
            return True
        if node not in seen:
            seen.add(node)
            stack += sources.get(node, ())
    return False


@given(graphs)
def test_exactly_the_nodes_that_reach_themselves_are_grouped(sources: dict[str, list[str]]) -> None:
    grouped = [node for group in strongly_connected(sources) for node in group]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {node for node in sources if reaches(sources, node, node)}


@given(graphs)
def test_the_cycle_of_a_group_follows_links_and_closes(sources: dict[str, list[str]]) -> None:
    for group in strongly_connected(sources):
        cycle = one_cycle(group, sources)
        assert set(cycle) <= set(group)
        assert len(cycle) == len(set(cycle))
        for node, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            assert after in sources[node]


def test_a_long_cycle_is_cut_in_text_and_list() -> None:
    prompt = {str(i): {"class_type": "A"} for i in range(100)}
    entry = cycle_entry("5", list(prompt), prompt)
    assert len(entry["extra_info"]["cycle_nodes"]) == MAX_NODES_SHOWN
    assert f"... {100 - MAX_NODES_SHOWN} more ... -> 0 (A)" in entry["details"]
