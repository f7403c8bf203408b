"""Instructions of Python that run in corsbp: unlike seconds, the same on every machine and in every run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import corsbp

from .cases import Case

_OURS = str(Path(corsbp.__file__).parent)
_TOOL = 4  # one of those that Python leaves free


class Meter:
    """A context manager that counts instructions. A call of C counts as one, whatever its work."""

    def __init__(self) -> None:
        self.count = 0
        self.before: Any = None

    def __enter__(self) -> Meter:
        self.count = 0
        if sys.version_info >= (3, 12):
            # In these versions, `f_trace_opcodes` misses functions that were entered before.
            instruction = sys.monitoring.events.INSTRUCTION
            sys.monitoring.use_tool_id(_TOOL, "corsbp's meter")
            sys.monitoring.register_callback(_TOOL, instruction, self._monitor)
            sys.monitoring.set_events(_TOOL, instruction)
        else:
            self.before = sys.gettrace()
            sys.settrace(self._enter)
        return self

    def __exit__(self, *_: object) -> None:
        if sys.version_info >= (3, 12):
            sys.monitoring.set_events(_TOOL, 0)
            sys.monitoring.free_tool_id(_TOOL)
        else:
            sys.settrace(self.before)

    def _monitor(self, code: CodeType, _: int) -> Any:
        if sys.version_info >= (3, 12) and not code.co_filename.startswith(_OURS):
            return sys.monitoring.DISABLE
        self.count += 1
        return None

    def _enter(self, frame: FrameType, event: str, arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._instruction

    def _instruction(self, frame: FrameType, event: str, arg: object) -> Any:
        self.count += event == "opcode"
        return self._instruction


def allowance(case: Case) -> int:
    """Return the instructions that a case may take: a sum for each request, and some for each byte."""
    return 8_000 * (1 + case.raw.count(b"\r\n\r\n")) + 20 * len(case.raw)
