"""pydantic's validation errors as problems for the operator: the key, the value, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError

from fabfile.rack.problem import Problem
from fabfile.rack.reading import Document, Path
from fabfile.rack.spelling import did_you_mean, likest
from fabfile.rack.values import Part


def as_problems(document: Document, kind: type[Part], error: ValidationError) -> Iterator[Problem]:
    """Every error of one file as a problem."""
    errors = [(_path(one["loc"]), one) for one in error.errors(include_url=False)]
    unknown = {path for path, one in errors if one["type"] == "extra_forbidden"}
    misspelt = {(*path[:-1], likest(str(path[-1]), _keys(kind, path[:-1]))) for path in unknown}
    for path, one in errors:
        if one["type"] != "missing" or path not in misspelt:
            yield document.problem(path, *_message(one, path, kind))


def _path(location: tuple[int | str, ...]) -> Path:
    return tuple(part for part in location if part != "[key]")


def _message(error: Any, path: Path, kind: type[Part]) -> tuple[str, str]:
    match error["type"]:
        case "refused":
            return error["ctx"]["message"], error["ctx"]["hint"]
        case "missing":
            return "is missing", _example(kind, path)
        case "extra_forbidden":
            return "unknown key", did_you_mean(str(path[-1]), _keys(kind, path[:-1]))
        case "model_type" | "mapping_type" | "dict_type":
            return f"{_shown(error['input'])} found where keys and values are expected", _keys_at(kind, path)
        case _:
            return error["msg"].lower(), ""


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list | tuple):
        return "a list"
    return "a mapping" if isinstance(value, Mapping) else repr(value)


def _model_at(kind: type[Part], path: Path) -> type[Part] | None:
    """The model that the mapping at `path` should be, if it is one of fixed keys."""
    annotation: Any = kind
    for key in path:
        if part := _part(annotation):
            field = part.model_fields.get(str(key))
            annotation = field.annotation if field else None
        else:  # a mapping of names or a list
            held = (one for choice in _choices(annotation) for one in get_args(choice))
            annotation = next(filter(_part, held), None)
    return _part(annotation)


def _part(annotation: Any) -> type[Part] | None:
    types = (one for one in _choices(annotation) if isinstance(one, type))
    return next((one for one in types if issubclass(one, Part)), None)


def _choices(annotation: Any) -> tuple[Any, ...]:
    """The types of an `A | None`; else the type itself."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _field_at(kind: type[Part], path: Path) -> Any:
    model = _model_at(kind, path[:-1])
    return model.model_fields.get(str(path[-1])) if model else None


def _example(kind: type[Part], path: Path) -> str:
    wanted = _field_at(kind, path)
    if wanted is not None and wanted.examples:
        return f"such as {path[-1]}: {wanted.examples[0]}"
    return _keys_at(kind, path)


def _keys(kind: type[Part], path: Path) -> tuple[str, ...]:
    model = _model_at(kind, path)
    return tuple(model.model_fields) if model else ()


def _keys_at(kind: type[Part], path: Path) -> str:
    keys = _keys(kind, path)
    return f"its keys are {', '.join(keys)}" if keys else ""
