"""Reads a pickle as a document: nothing that it names is imported, and nothing is called."""

from __future__ import annotations

import io
import pickletools
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from facesdk.errors import InputError

NOT_RUN = "Nothing of it was run. Take the file from its maker, or ask for it as safetensors."


@dataclass(frozen=True)
class Name:
    """A class or function that the pickle names, "module.name"."""

    path: str


@dataclass
class Made:
    """What calling a name would have given; it was not called.

    Attributes:
        path: of the name.
        arguments: that it would have been called with.
        state: that would have been set afterwards, or None.
        items: that would have been put into it.
    """

    path: str
    arguments: tuple[Any, ...]
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)


_MARK = object()
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_SILENT = {"PROTO", "FRAME"}
_KEYS = (str, bytes, int, float)
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(data: bytes, source: str, allowed: Collection[str]) -> Any:
    """Reads a pickle's values: numbers, texts, bytes, lists, tuples, dicts, and Made for every object.

    Args:
        data: the file.
        source: its name, for messages.
        allowed: names that it may hold; any other is refused as soon as it is read.

    Raises:
        InputError: a name that is not allowed, an instruction that no such file needs, or damage.
    """
    reader = _Reader(source, frozenset(allowed))
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(data)):
            if opcode.name == "STOP":
                return reader.pop()
            reader.step(opcode.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, UnicodeError) as error:
        raise InputError(f"{source} is no whole pickle: {error}.", "Fetch the file again.") from error
    raise InputError(f"{source} is no whole pickle: it does not end.", "Fetch the file again.")


class _Reader:
    """The pickle machine's stack and memo; Source: CPython Lib/pickletools.py, which documents every instruction."""

    def __init__(self, source: str, allowed: frozenset[str]) -> None:
        self.source = source
        self.allowed = allowed
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value belongs")
        return value

    def _top(self) -> Any:
        value = self.pop()
        self.stack.append(value)
        return value

    def _to_mark(self) -> list[Any]:
        items: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _SILENT:
            return
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self._to_mark()
        elif name == "DUP":
            stack.append(self._top())
        elif name in _TUPLES:
            stack.append(tuple([self.pop() for _ in range(_TUPLES[name])][::-1]))
        elif name in ("EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT"):
            stack.append({"EMPTY_TUPLE": (), "EMPTY_LIST": [], "EMPTY_DICT": {}}[name])
        elif name in ("TUPLE", "LIST", "DICT"):
            items = self._to_mark()
            stack.append({"TUPLE": tuple, "LIST": list, "DICT": _pairs}[name](items))
        elif name in ("APPEND", "APPENDS"):
            items = [self.pop()] if name == "APPEND" else self._to_mark()
            self._expect(list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [self.pop() for _ in range(2)][::-1] if name == "SETITEM" else self._to_mark()
            self._mapping().update(_pairs(items))
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self._top()
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self._top()
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        else:
            self._object(name, argument)

    def _object(self, name: str, argument: Any) -> None:
        if name == "GLOBAL":
            module, _, attribute = argument.partition(" ")
            self.stack.append(self._name(module, attribute))
        elif name == "STACK_GLOBAL":
            attribute, module = self.pop(), self.pop()
            self.stack.append(self._name(module, attribute))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, what = self._expect(tuple, remove=True), self._expect(Name, remove=True)
            self.stack.append(Made(what.path, arguments))
        elif name == "BUILD":
            state = self.pop()
            self._expect(Made).state = state
        else:
            raise InputError(f"{self.source} holds the pickle instruction {name}, which weights do not need.", NOT_RUN)

    def _name(self, module: Any, attribute: Any) -> Name:
        # The text of anything else may be of any length: a tuple can hold the one before it twice, and so on.
        if not (isinstance(module, str) and isinstance(attribute, str)):
            raise ValueError("a name that is no text")
        path = f"{module}.{attribute}"
        if path not in self.allowed:
            raise InputError(f"{self.source} names {path[:80]!r}, which weights do not need.", NOT_RUN)
        return Name(path)

    def _expect(self, kind: type, remove: bool = False) -> Any:
        value = self.pop() if remove else self._top()
        if not isinstance(value, kind):
            raise ValueError(f"a {type(value).__name__} where a {kind.__name__} belongs")
        return value

    def _mapping(self) -> dict[Any, Any]:
        value = self._top()
        if isinstance(value, Made):
            return value.items
        found: dict[Any, Any] = self._expect(dict)
        return found


def _pairs(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise ValueError("a key without a value")
    # A tuple within tuples would be hashed all the way down: for ever, or until the stack of the process is full.
    if not all(key is None or isinstance(key, _KEYS) for key in items[::2]):
        raise ValueError("a key that is neither text nor number")
    return dict(zip(items[::2], items[1::2], strict=True))
