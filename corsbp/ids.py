"""The ids of messages: each is declared once, with its message, its meaning and its remedy.

The tables of the pages and `corsbp why` are made from these declarations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A message with its id; `{name}` in its text stands for a value."""

    id: str
    text: str

    def fill(self, **values: object) -> str:
        """Return the text with its values."""
        return self.text.format(**values)

    def variant(self, text: str) -> Message:
        """Return another message with the same id, for another case of the same fault."""
        return Message(self.id, text)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The documentation of an id, in Markdown: what it means, and what to do."""

    id: str
    meaning: str
    remedy: str


class IdTable(Mapping[str, Explanation]):
    """The ids of one kind, each with its explanation, in the order of their table on the page.

    An id never changes its meaning: users compare with it.
    """

    def __init__(self) -> None:
        self._explanations: dict[str, Explanation] = {}

    def declare(self, id_: str, message: str, *, meaning: str, remedy: str) -> Message:
        """Add an id, and return its message.

        Raises:
            ValueError: the table has the id.
        """
        self.explain(id_, meaning=meaning, remedy=remedy)
        return Message(id_, message)

    def explain(self, id_: str, *, meaning: str, remedy: str) -> None:
        """Add an id whose messages have no common text.

        Raises:
            ValueError: the table has the id.
        """
        if id_ in self._explanations:
            raise ValueError(f"{id_} is declared twice")
        self._explanations[id_] = Explanation(id_, meaning, remedy)

    def __getitem__(self, id_: str) -> Explanation:
        return self._explanations[id_]

    def __iter__(self) -> Iterator[str]:
        return iter(self._explanations)

    def __len__(self) -> int:
        return len(self._explanations)
