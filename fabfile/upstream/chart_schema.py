"""A service's values against the chart's own schema, every problem told where it stands in the rack's
files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from fabfile.rack.files import SECRETS
from fabfile.rack.merge import overlay
from fabfile.rack.model import Rack
from fabfile.rack.problem import Problem
from fabfile.rack.reading import Path
from fabfile.rack.secrets import revealed
from fabfile.rack.services import Service
from fabfile.rack.spelling import did_you_mean
from fabfile.upstream.release import file_of, place_of

if TYPE_CHECKING:
    from jsonschema import ValidationError


def values_problems(rack: Rack, service: Service, values: Mapping[str, Any], defaults: Mapping[str, Any],
                    schema: Mapping[str, Any]) -> list[Problem]:
    """What the schema says against these values over the chart's defaults, as helm lays them."""
    from jsonschema.validators import validator_for

    whole = overlay(defaults, revealed(values), null_removes=True)
    validator = validator_for(schema)(schema)
    problems = (problem for error in validator.iter_errors(whole)
                for problem in _as_problems(rack, service, _nearest(error)))
    return sorted(set(problems))


def _nearest(error: ValidationError) -> ValidationError:
    """Of alternatives that all fail (anyOf), the failure that went deepest."""
    from jsonschema.exceptions import best_match

    return best_match([error]) if error.context else error


def _as_problems(rack: Rack, service: Service, error: ValidationError) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    schema: Any = error.schema
    found, wanted = cast(Any, error.instance), cast(Any, error.validator_value)
    match error.validator:
        case "additionalProperties":
            known = [*schema.get("properties", ()), *schema.get("patternProperties", ())]
            for key in sorted(set(found) - set(known)):
                yield _at(rack, service, (*path, key), "unknown key",
                          did_you_mean(key, schema.get("properties", ())))
        case "required":
            missing = [key for key in wanted if key not in found]
            yield _at(rack, service, path, f"{', '.join(missing)} is missing")
        case "type":
            wanted = wanted if isinstance(wanted, list) else [wanted]
            yield _at(rack, service, path,
                      f"{_shown(found)} found where {' or '.join(map(_named, wanted))} is expected",
                      "put it in quotes" if "string" in wanted and isinstance(found, int | float) else "")
        case "enum":
            yield _at(rack, service, path, "is none of those that the chart knows",
                      did_you_mean(str(found), [str(one) for one in wanted if one]))
        case "pattern":
            yield _at(rack, service, path, f"does not look like {wanted}")
        case _:
            yield _at(rack, service, path, f"the chart does not take this ({error.validator})")


def _at(rack: Rack, service: Service, path: Path, message: str, hint: str = "") -> Problem:
    """Where the value stands: among the secrets, in the service's own file, or nowhere but in what the rack
    demands."""
    secret, written = (service.name, *path), place_of(service, *path)
    if SECRETS in rack.documents and secret in rack.documents[SECRETS].lines:
        return rack.problem(SECRETS, secret, message, hint)
    return rack.problem(file_of(service), written, message, hint)


def _named(kind: str) -> str:
    return {"object": "keys and values", "array": "a list", "string": "a string", "boolean": "true or false",
            "integer": "a whole number", "number": "a number", "null": "nothing"}.get(kind, kind)


def _shown(value: object) -> str:
    """The kind of a value, never the value: it may be a secret."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case None:
            return "nothing"
    return "keys and values" if isinstance(value, Mapping) else "a list"
