"""The list of things and backgrounds the model knows; the list itself is `concepts.json`."""

import json
from dataclasses import dataclass
from pathlib import Path

CONCEPTS_FILE = Path(__file__).with_name("concepts.json")


@dataclass(frozen=True)
class Concept:
    """One thing: its name in captions, its emoji, other names it answers to."""

    name: str
    code_points: tuple[int, ...]
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    """All things and all backgrounds; indices elsewhere are positions in these tuples."""

    concepts: tuple[Concept, ...]
    background_names: tuple[str, ...]
    background_rgb: tuple[tuple[int, int, int], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The first name of every thing."""
        return tuple(concept.name for concept in self.concepts)


def load_vocabulary(path: Path = CONCEPTS_FILE) -> Vocabulary:
    """Reads the list."""
    data = json.loads(path.read_text(encoding="utf-8"))
    concepts = tuple(
        Concept(
            entry["name"],
            tuple(int(code, 16) for code in entry["code_points"].split()),
            tuple(entry["aliases"]),
        )
        for entry in data["concepts"]
    )
    colors = data["backgrounds"]
    return Vocabulary(concepts, tuple(colors), tuple((r, g, b) for r, g, b in colors.values()))
