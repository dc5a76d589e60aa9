"""The simple values of a rack: names, MACs, addresses; each rejects bad input with a sentence and a hint."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, PlainSerializer
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from fabfile.rack.merge import plain
from fabfile.rack.reading import Octal


class Part(BaseModel):
    """A piece of the rack: read once, checked, never changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def refuse(message: str, hint: str = "") -> PydanticCustomError:
    """What a validator raises: told to the operator as it stands."""
    return PydanticCustomError("refused", "{message}", {"message": message, "hint": hint})


def _text(value: object, what: str, hint: str) -> str:
    match value:
        case str():
            return value
        case bool() | int() | float():
            said = str(value).lower()
            raise refuse(f"{said} is not {what}", f"put it in quotes: {said!r}" if what == "a string" else hint)
        case _:
            shown = "nothing" if value is None else "a mapping" if isinstance(value, Mapping) else "a list"
            raise refuse(f"{shown} is not {what}", hint)


def several(value: object) -> object:
    """A list, as a tuple."""
    if not isinstance(value, list):
        raise refuse("a list is expected", "in brackets, or one line each with a dash")
    return tuple(value)


def at_least_one(message: str, hint: str) -> BeforeValidator:
    """A list that is not empty, as a tuple; else this is told."""
    def check(value: object) -> object:
        if not isinstance(value, list) or not value:
            raise refuse(message, hint)
        return tuple(value)

    return BeforeValidator(check)


def pattern(wanted: str, what: str, hint: str) -> BeforeValidator:
    """A text that matches as a whole; else "'…' is not `what`", and the hint."""
    compiled = re.compile(wanted)

    def check(value: object) -> str:
        text = _text(value, what, hint)
        if not compiled.fullmatch(text):
            raise refuse(f"{text!r} is not {what}", hint)
        return text

    return BeforeValidator(check)


def unprivileged(what: str) -> BeforeValidator:
    """A port that needs no privilege; else "… is not `what`"."""
    return port(what, 1024)


def port(what: str, lowest: int = 1) -> BeforeValidator:
    """A port; else "… is not `what`"."""
    def check(value: object) -> object:
        hint = f"a number from {lowest} to 65535"
        if type(value) is not int or not lowest <= value < 65536:
            raise refuse(f"{value if type(value) is int else repr(_text(value, what, hint))} is not {what}", hint)
        return value

    return BeforeValidator(check)


def _parsed(parse: Callable[[str], Any], kind: type, what: str, hint: str) -> BeforeValidator:
    def check(value: object) -> Any:
        if isinstance(value, kind):
            return value
        text = _text(value, what, hint)
        try:
            return parse(text)
        except PydanticCustomError:
            raise
        except ValueError:
            raise refuse(f"{text!r} is not {what}", hint) from None

    return BeforeValidator(check)


def _network(text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError:
        around = IPv4Network(text, strict=False)  # raises too when it is no address at all
        raise refuse(f"{text!r} is not an IPv4 network", f"the one around it is {around}") from None


def _interface(text: str) -> IPv4Interface:
    if "/" not in text:
        raise ValueError(text)
    return IPv4Interface(text)


def _shell_text(value: object) -> str:
    text = _text(value, "a command", "")
    try:
        if shlex.split(text):
            return text
    except ValueError:
        raise refuse("a quote is not closed in this command") from None
    raise refuse("the command is empty", "leave the key out")


Text = Annotated[str, BeforeValidator(lambda value: _text(value, "a string", ""))]
HOST_KEY_BYTES = {  # how many a key of the type has; an RSA key at least
    "ssh-ed25519": 51, "ecdsa-sha2-nistp256": 104, "ecdsa-sha2-nistp384": 136, "ecdsa-sha2-nistp521": 172,
    "ssh-rsa": 279,
}


def _whole_host_key(text: str) -> str:
    kind, _, encoded = text.partition(" ")
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    whole = len(key) >= HOST_KEY_BYTES[kind] if kind == "ssh-rsa" else len(key) == HOST_KEY_BYTES[kind]
    if not whole or key[4:4 + len(kind)] != kind.encode():
        raise refuse(f"this is not a complete {kind} key", "copy the line again")
    return text


ShellText = Annotated[str, BeforeValidator(_shell_text)]
_LABEL, _LETTERS = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "a DNS label: a-z, 0-9 and -, at most 63 characters"
Label = Annotated[str, pattern(_LABEL, "a name", _LETTERS)]
MachineName = Annotated[str, pattern(_LABEL, "a machine name", _LETTERS)]
_NAME = rf"{_LABEL}(\.{_LABEL})+"
_WHOLE = r"(?=.{1,253}$)(?!.*\.[0-9]+$)"  # no address
DomainName = Annotated[str, pattern(
    _WHOLE + _NAME,
    "a domain name", "such as flock.lan, without a port")]
PublishedName = Annotated[str, pattern(
    rf"{_WHOLE}(\*\.)?{_NAME}",
    "a domain name", "such as jupyter.flock.example, without a port; *.jupyter.flock.example stands for all names below")]
HostName = Annotated[str, pattern(
    rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*",
    "a host name or address", "such as 2.debian.pool.ntp.org")]
InterfaceName = Annotated[str, pattern(
    r"(?!\.{1,2}$)[^\s/:]{1,15}", "an interface name", "at most 15 characters, as `ip link` shows it")]
UserName = Annotated[str, pattern(r"[a-z_][a-z0-9_-]{0,31}", "a user name", "such as spicy")]
Mac = Annotated[str, AfterValidator(str.lower), pattern(
    r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", "a MAC address", "six pairs such as 00:25:90:51:cf:1c")]
DiskPath = Annotated[str, pattern(
    r"/dev/disk/by-id/[^/\s]+", "a disk by its id",
    "names like sda change at reboots: take one of `ls /dev/disk/by-id`")]
HostKey = Annotated[str, AfterValidator(_whole_host_key), pattern(
    rf"({'|'.join(HOST_KEY_BYTES)}) [A-Za-z0-9+/]+={{0,2}}", "an SSH host key",
    "type and key as in /etc/ssh/ssh_host_ed25519_key.pub, without the comment")]
Sha256 = Annotated[str, pattern(
    r"[0-9a-f]{64}", "a SHA-256 sum", "64 hexadecimal digits, as sha256sum prints")]
Url = Annotated[str, pattern(r"https?://[^\s/]+(/\S*)?", "a web address", "https://host/path")]
SafeUrl = Annotated[str, pattern(  # what is fetched there is trusted as it comes
    r"https://[^\s/]+(/\S*)?", "an https address", "https://host/path")]
Duration = Annotated[str, pattern(
    r"[1-9][0-9]*[smhd]", "a duration", "a number with s, m, h or d, such as 12h")]

Address = Annotated[IPv4Address, _parsed(
    IPv4Address, IPv4Address, "an IPv4 address", "such as 10.0.0.100"), PlainSerializer(str)]
AddressInNetwork = Annotated[IPv4Interface, _parsed(
    _interface, IPv4Interface, "an IPv4 address with its network's length", "such as 10.0.0.100/24"),
    PlainSerializer(str)]
Network = Annotated[IPv4Network, _parsed(
    _network, IPv4Network, "an IPv4 network", "its first address and length, such as 10.0.0.0/24"),
    PlainSerializer(str)]


def seconds(duration: str) -> int:
    """Of a Duration: "30m"."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]]


def _frozen(value: object) -> object:
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen(inner) for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_frozen(inner) for inner in value)
    return value


def _sorted(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(inner) for inner in value] if isinstance(value, list | tuple) else value


class _Fixed:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        shown = core_schema.plain_serializer_function_ser_schema(plain)
        return core_schema.no_info_after_validator_function(_frozen, handler(source), serialization=shown)


Fixed = _Fixed()  # on a mapping: nobody changes it after the rack is loaded
Sorted = AfterValidator(_sorted)  # on a mapping whose order means nothing: the same text is made of it


def _tree(value: object) -> object:
    if not isinstance(value, Mapping):
        raise refuse("a mapping is expected here", "upstream's own keys, indented below this one")
    return _with_numbers(value)


def _with_numbers(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _with_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_numbers(inner) for inner in value]
    return value.number if isinstance(value, Octal) else value


NOTHING: Mapping[str, Any] = MappingProxyType({})
Tree = Annotated[  # upstream's own keys, whatever they are
    Mapping[str, Any], BeforeValidator(_tree), Sorted, Fixed, Field(default_factory=lambda: NOTHING)]
