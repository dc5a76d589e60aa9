"""YAML with the line of every value; for any bytes, problems are returned, not raised.

The dialect is the plain one that people expect: keys are text, `true`, `false`, `null` and numbers mean
themselves, everything else is text (no times of day, no dates, no `yes`; 0755 is for its key to say). A key twice in one mapping, merge
keys and tags are problems, and so is an unquoted `yes`, `no`, `on` or `off`, on which YAML's versions differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from fabfile.rack.problem import Problem, key_text
from fabfile.rack.spelling import likest

Path = tuple[str | int, ...]

MOST_VALUES = 100_000  # a rack of a hundred machines has some 2,000; aliases of aliases can make billions
DEEPEST = 60
OCTAL = re.compile(r"0o?[0-7]+")  # 0755
WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FRACTION = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?")
KEY = re.compile(r"((?:\s|- )*)([^\s#'\"\[\]{},&*!|>%@`:-][^:#]*):(?:\s|$)")
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
UNCLEAR = {"yes", "no", "on", "off"}
POWER = "expect"  # machines.NAME.expect: on and off are meant there as they stand
UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # for a shell, a file, a screen

UNTAGGED = {
    BaseResolver.DEFAULT_SCALAR_TAG, BaseResolver.DEFAULT_SEQUENCE_TAG, BaseResolver.DEFAULT_MAPPING_TAG, "!"}


class Octal(str):
    """Text such as 0755: a number of the base of eight in upstream's own keys, as helm and kubectl read it; elsewhere text."""

    @property
    def number(self) -> int:
        return int(self.replace("o", ""), 8)


class _Endless(Exception):
    """Aliases that lead into themselves, or make far too much."""

    def __init__(self, line: int, path: Path) -> None:
        super().__init__(line)
        self.line, self.path = line, path


@dataclass(frozen=True)
class Document:
    """One file: its values as plain dicts, lists, str, int, float, bool and None, and the line of each."""

    file: str
    values: object
    lines: Mapping[Path, int]
    problems: tuple[Problem, ...] = ()

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        return Problem(self.file, self.line(path), key_text(path), message, hint)


class _Composer(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML up to its nodes, with no opinion on what a scalar means."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)


def compose(text: str) -> yaml.Node | None:
    """The nodes of a YAML text, with their places in it. Raises yaml.YAMLError, RecursionError."""
    return _Composer(text).get_single_node()


def read(file: str, content: bytes) -> Document:
    """The document that `content` holds; with problems, as much of it as could be made out."""
    text = content.decode("utf-8-sig", "replace")

    def unreadable(line: int, message: str, hint: str = "", key: str | None = None) -> Document:
        key = _key_near(text, line) if key is None else key
        return Document(file, None, {}, (Problem(file, line, key, message, hint),))

    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        return unreadable(line, f"byte 0x{byte:02x} is not UTF-8", "save the file as UTF-8")
    try:
        node = compose(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        wrong = chr(error.character) if isinstance(error.character, int) else error.character
        return unreadable(line, f"the character {wrong!r} is not allowed in YAML", "remove it")
    except yaml.MarkedYAMLError as error:
        return unreadable(*_syntax_error(error, text))
    except RecursionError:
        return unreadable(1, "is nested too deeply")
    if node is None:
        return unreadable(1, "is empty")
    try:
        return _Builder(file).build(node)
    except _Endless as endless:
        return unreadable(endless.line, "contains itself, or far too many values", "write it without aliases",
                          key_text(endless.path))


def read_file(folder: FilePath, file: str, shown: str = "") -> Document:
    """The document in `folder / file`; a file that cannot be read is a problem too. `shown`: what it is called."""
    name = folder / file
    try:
        content = name.read_bytes()
    except OSError as error:
        near = likest(name.name, [one.name for one in name.parent.glob("*.yaml")])
        hint = f"did you mean {near}?" if near else \
            "a rack has hosts.yaml, and network, versions, cluster in configs"
        said = f"cannot be read: {(error.strerror or str(error)).lower()}"
        return Document(shown or file, None, {}, (Problem(shown or file, 0, "", said, hint),))
    return read(shown or file, content)


def _key_near(text: str, line: int) -> str:
    """The key that this line stands at or below, by its indentation: a file that is no YAML says no more."""
    path: list[tuple[int, str]] = []
    for one in text.splitlines()[:line]:
        if found := KEY.match(one):
            indent = len(found[1])
            path = [(place, key) for place, key in path if place < indent] + [(indent, found[2])]
    return key_text(key for _, key in path)


def _syntax_error(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str, str]:
    """Line, message and hint for what PyYAML could not read."""
    opened = (error.context or "").startswith(("while parsing a flow", "while scanning a quoted"))
    mark = error.context_mark if opened else error.problem_mark or error.context_mark
    lines = text.splitlines()
    line = min(mark.line, len(lines) - 1) + 1 if mark else 1
    said = (error.problem or str(error)).replace("\n", " ")
    said = re.sub(r"but found '?<?(.+?)>?'?$", r"but found '\1'", said)
    for number in (line, line - 1):
        if 0 < number <= len(lines) and "\t" in lines[number - 1][: _indent(lines[number - 1])]:
            return number, "a tab is used for indentation", "use spaces"
    if "mapping values are not allowed" in said:
        for number in range(line - 1, 0, -1):
            if lines[number - 1].strip():
                if re.match(r"\s*(- )?[^\s#:'\"]+:[^\s:]", lines[number - 1]):
                    return number, "a blank is missing after the colon", "YAML reads 'a:b' as one word"
                break
    if opened:
        said = "a bracket, brace or quote that begins here is not closed correctly"
        return line, said, "is one not closed, or a comma missing?"
    hints = {
        "mapping values are not allowed": "a string that holds ': ' needs quotes",
        "could not find expected ':'": "a key needs ': ' after it",
        "found character '@'": "quote the text",
        "expected <block end>": "the indentation does not fit the lines above",
        "found undefined alias": "no anchor of that name is defined above",
        "single document": "one file is one document: remove the line with '---'",
    }
    whole = f"{error.context or ''} {error.problem or ''}"
    hint = next((hint for sign, hint in hints.items() if sign in whole), "")
    return line, f"is not valid YAML from here: {said}", hint


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


@dataclass
class _Builder:
    """Turns nodes into values, and keeps the line of each."""

    file: str
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def build(self, node: yaml.Node) -> Document:
        self.lines[()] = node.start_mark.line + 1
        values = self._value(node, (), ())
        return Document(self.file, values, self.lines, tuple(self.problems))

    def _tell(self, node: yaml.Node, path: Path, message: str, hint: str = "") -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, key_text(path), message, hint))

    def _value(self, node: yaml.Node, path: Path, around: tuple[yaml.Node, ...]) -> object:
        self.count += 1
        if self.count > MOST_VALUES or len(around) > DEEPEST or any(node is one for one in around):
            raise _Endless(node.start_mark.line + 1, path)
        if node.tag not in UNTAGGED:
            self._tell(node, path, f"the tag {node.tag} is not supported", "write the value without a tag")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, (*around, node))
        if isinstance(node, yaml.SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                self.lines[*path, index] = item.start_mark.line + 1
                items.append(self._value(item, (*path, index), (*around, node)))
            return items
        return self._scalar(node, path) if isinstance(node, yaml.ScalarNode) else None

    def _mapping(
        self, node: yaml.MappingNode, path: Path, around: tuple[yaml.Node, ...],
    ) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._tell(key_node, (*path, "?"), "a key is not a string",
                           "a string with braces or brackets needs quotes")
                continue
            key = self._text(key_node, path)
            here = (*path, key)
            if key == "<<" and key_node.style is None:
                self._tell(key_node, here, "merge keys are not supported", "write the keys out")
                continue
            if key in values:
                self._tell(key_node, here, "appears twice", f"first on line {self.lines[here]}")
                continue
            scalar = isinstance(value_node, yaml.ScalarNode) and value_node.value
            self.lines[here] = (value_node if scalar else key_node).start_mark.line + 1
            values[key] = self._value(value_node, here, around)
        return values

    def _text(self, node: yaml.ScalarNode, path: Path) -> str:
        """What is written, without characters that nothing can take."""
        if found := UNWRITABLE.search(node.value):
            self._tell(node, path, f"the character {found[0]!r} is not allowed in a string", "remove it")
        return UNWRITABLE.sub("", node.value)

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        text = self._text(node, path)
        if node.style is not None:
            return text
        if text.lower() in WORDS and text in {text.lower(), text.lower().capitalize(), text.upper()}:
            return WORDS[text.lower()]
        if text.lower() in UNCLEAR and not (len(path) == 3 and path[-1] == POWER):
            self._tell(node, path, f"{text} may mean a boolean or a string",
                       "write true or false, or put it in quotes")
            return text
        if WHOLE.fullmatch(text) and len(text) < 20:
            return int(text)
        if OCTAL.fullmatch(text) and len(text) < 20:
            return Octal(text)
        if FRACTION.fullmatch(text) and len(text) < 40 and not text.isdigit():
            return float(text)
        return text
