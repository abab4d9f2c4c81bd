"""One producer, many readers: borders, release, budget and file, on lists of numbers instead of pictures."""

from __future__ import annotations

import pickle
import random
from typing import Any

import pytest

from comfy_execution.streaming.errors import StreamUseError
from comfy_execution.streaming.member import Member
from comfy_execution.streaming.policy import DEFAULT_CHUNK_FRAMES, MAX_CHUNK_FRAMES, StreamPolicy, TeeBudget
from comfy_execution.streaming.spill import SpillFile
from comfy_execution.streaming.tee import Branch, Tee


class ListOps:
    """Chunks are lists; a frame takes 10 bytes."""

    def length(self, chunk: list[int]) -> int:
        return len(chunk)

    def cut(self, chunk: list[int], start: int, stop: int) -> list[int]:
        return chunk[start:stop]

    def join(self, chunks: Any) -> list[int]:
        return [item for chunk in chunks for item in chunk]

    def size_bytes(self, chunk: list[int]) -> int:
        return 10 * len(chunk)

    def empty(self, like: Any, dimensions: Any) -> list[int]:
        return []

    def digest(self, chunk: list[int]) -> int:
        return hash(tuple(chunk))

    def dump(self, chunk: list[int], file: Any) -> None:
        pickle.dump(chunk, file)

    def load(self, file: Any) -> Any:
        return pickle.load(file)


class Numbers:
    """A stream of 0 .. n - 1, and its producer."""

    frame_ops = ListOps()
    frame_count = None
    frame_rate = None

    def __init__(self, n: int) -> None:
        self.n, self.at, self.asked, self.events = n, 0, [], []

    def get_dimensions(self) -> None:
        return None

    def reset(self) -> None:
        self.events.append("reset")

    def pull_row(self, max_frames: int) -> tuple[list[int]]:
        self.asked.append(max_frames)
        stop = min(self.n, self.at + max_frames)
        chunk, self.at = list(range(self.at, stop)), stop
        return (chunk,)

    def close(self, aborted: bool) -> None:
        self.events.append(f"close {aborted}")


class Free:
    """A drive without checks."""

    def __init__(self, chunk_frames: int) -> None:
        self.chunk_frames = chunk_frames

    def check(self) -> None:
        pass

    def call(self, member: Member, function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    def pull(self, branch: Branch, max_frames: int) -> Any:
        return branch.read(max_frames)


def tee_of(n: int, chunk: int = 4, **policy: Any) -> tuple[Tee, Numbers]:
    source = Numbers(n)
    tee = Tee(Member("p", "1", 0, "src", 1), source, [source], TeeBudget(StreamPolicy(**policy)))
    tee.drive = Free(chunk)
    tee.member.tees.append(tee)
    return tee, source


def reader(tee: Tee, name: str) -> Branch:
    return Branch(tee.lanes[0], Member("p", name, 0, "sink", 2))


def test_borders_do_not_depend_on_the_readers():
    tee, source = tee_of(10)
    a, b = reader(tee, "a"), reader(tee, "b")
    assert a.pull(3) == [0, 1, 2] and b.pull(7) == list(range(7)) and a.pull(100) == list(range(3, 10))
    assert b.pull(4) == [7, 8, 9] and b.pull(4) == [] == a.pull(1)
    assert source.asked == [4, 4, 4] and source.events == ["reset"]


def test_frames_are_kept_only_for_readers_that_want_them():
    tee, _ = tee_of(100)
    a, b = reader(tee, "a"), reader(tee, "b")
    a.pull(20)
    assert tee.lanes[0].held_frames == 20
    b.pull(10)
    assert tee.lanes[0].held_frames == 12
    b.release()
    assert tee.lanes[0].held_frames == 0 and tee.budget.used == 0
    assert a.pull(4) == [20, 21, 22, 23] and tee.lanes[0].peak_frames == 20


def test_beyond_the_budget_the_oldest_frames_go_to_a_file():
    tee, _ = tee_of(100, tee_frames=8)
    a, b = reader(tee, "a"), reader(tee, "b")
    assert a.pull(40) == list(range(40))
    assert tee.lanes[0].held_frames <= 8 and tee.budget.is_full and tee.lanes[0].spilled_frames == 32
    assert b.pull(40) == list(range(40)) and tee.budget.used == 0
    assert a.pull(4) == [40, 41, 42, 43] == b.pull(4)
    tee.close(aborted=False)


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_reading_gives_the_same_frames(seed):
    choose = random.Random(seed)
    tee, _ = tee_of(200, chunk=choose.randint(1, 9), tee_frames=choose.choice([5, 50, None]))
    branches = [reader(tee, str(i)) for i in range(3)]
    seen: list[list[int]] = [[], [], []]
    while any(len(frames) < 200 for frames in seen):
        i = choose.randrange(3)
        seen[i] += branches[i].pull(choose.randint(1, 30))
    assert seen == [list(range(200))] * 3
    assert tee.budget.used == 0 and not tee.lanes[0].blocks
    tee.close(aborted=False)


def test_reset_is_nothing_at_the_start_and_an_error_later():
    tee, _ = tee_of(10)
    branch = reader(tee, "a")
    branch.reset()
    branch.pull(3)
    with pytest.raises(StreamUseError, match="Node a: reset its input stream after 3 frames"):
        branch.reset()


def test_a_pull_before_the_drive_names_the_node():
    tee, _ = tee_of(10)
    tee.drive = None
    with pytest.raises(StreamUseError, match="Node a: pulled a stream while it was being opened"):
        reader(tee, "a").pull(1)


def test_close_forgets_frames_and_file():
    tee, source = tee_of(100, tee_frames=4)
    a, _ = reader(tee, "a"), reader(tee, "b")
    a.pull(50)
    tee.close(aborted=True)
    assert source.events == ["reset", "close True"] and tee.budget.used == 0 and not tee.lanes[0].blocks


def test_a_spill_file_gives_its_space_back():
    file = SpillFile(ListOps())
    places = [file.write([i] * 50) for i in range(3)]
    assert [file.read(place)[0] for place in reversed(places)] == [2, 1, 0]
    for _ in places:
        file.drop()
    assert file.write([9]) == 0 and file.read(0) == [9]
    file.close()


def test_the_file_is_where_the_policy_says(tmp_path):
    tee, _ = tee_of(100, tee_frames=4, spill_directory=str(tmp_path / "made" / "here"))
    a, _ = reader(tee, "a"), reader(tee, "b")
    a.pull(50)
    assert tee.lanes[0].spilled_frames and (tmp_path / "made" / "here").is_dir()
    tee.close(aborted=False)
    assert list((tmp_path / "made" / "here").iterdir()) == []


def test_chunks_follow_from_the_budget():
    policy = StreamPolicy(budget_bytes=8000)
    assert policy.chunk_for(100) == 10 and policy.chunk_for(10_000) == 1
    assert policy.chunk_for(1) == MAX_CHUNK_FRAMES and policy.chunk_for(0) == DEFAULT_CHUNK_FRAMES
    assert StreamPolicy(chunk_frames=3).chunk_for(1) == 3
    assert TeeBudget(StreamPolicy(budget_bytes=8000)).limit == 4000
