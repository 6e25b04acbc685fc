"""What people type into forms: read as it was sent, and told at the field that is wrong. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar
from urllib.parse import parse_qs

from pydantic import ValidationError

from shared.foundation.errors import Refused
from shared.web.http import Request

Made = TypeVar("Made")
# Sentences of the library that a person would not understand, by its own name for them.
WORDS = {
    "string_too_short": "Fill this in.",
    "missing": "Fill this in.",
    "int_parsing": "Type a number.",
    "string_pattern_mismatch": "is not in the expected form",
    "enum": "Choose one.",
    "literal_error": "Choose one.",
}
Errors = dict[str, str]


def posted(request: Request) -> dict[str, list[str]]:
    """A form's fields, each with everything that was sent under its name; one that was left empty is not there."""
    # A browser sends no NUL, and a database takes none.
    fields = parse_qs(request.body.decode("utf-8", "replace"))
    return {name: [value.replace("\0", "") for value in values] for name, values in fields.items()}


def said(request: Request) -> Request:
    """The request with what was left empty in its query left out, as nobody said anything there."""
    return replace(request, query={name: value for name, value in request.query.items() if value})


def one(form: Mapping[str, list[str]], name: str) -> str:
    """The one value of a field, or empty."""
    return (form.get(name) or [""])[0].strip()


def lines(form: Mapping[str, list[str]], name: str) -> list[str]:
    """The lines of a field in which each stands for itself."""
    return [line.strip() for line in one(form, name).splitlines() if line.strip()]


def made(make: Callable[[], Made], errors: Errors) -> Made | None:
    """What a model makes of a form; None, with what is wrong in `errors` by field, if it is not valid."""
    try:
        return make()
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False, include_context=False):
            names = [part for part in each["loc"] if isinstance(part, str)] or [""]
            place = next((part for part in each["loc"] if isinstance(part, int)), None)
            sentence = WORDS.get(each["type"]) or each["msg"].removeprefix("Value error, ")
            errors.setdefault(names[-1], _told(place, sentence))
        return None


def at_field(error: Refused, fields: Iterable[str]) -> Errors:
    """A refusal whose sentence begins with a field's name, by that field; raises it again if it is about none."""
    where, _, sentence = error.sentence.partition(": ")
    parts, known = where.split("."), set(fields)
    place = int(parts.pop()) if parts[-1].isdecimal() else None
    if parts and parts[-1] in known and sentence:
        return {parts[-1]: _told(place, sentence)}
    raise error


def _told(place: int | None, sentence: str) -> str:
    """What is wrong with a field, or with one of the lines in it, which people can count."""
    line = "" if place is None else f"Line {place + 1}"
    if sentence.startswith("is "):
        return f"{line or 'This'} {sentence.rstrip('.')}."
    told = f"{line}: {sentence}" if line else sentence[0].upper() + sentence[1:]
    return f"{told.rstrip('.')}."
