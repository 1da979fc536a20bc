"""Settings of a training, KEY=VALUE, made into its dataclasses."""

from dataclasses import fields
from difflib import get_close_matches
from typing import Container, Sequence

from wm_ros.types import WmRosError

#: What recordings, or other arguments, tell: not to be set.
TOLD = {'seed', 'streams', 'actions', 'features'}


def _whole(text):
    """Return the whole number that ``text`` says, such as 1e4."""
    number = float(text)
    if not number.is_integer():
        raise ValueError(text)
    return int(number)


def configured(kinds: Sequence[type], settings: Sequence[str], usual: dict,
               told: Container[str] = TOLD) -> list:
    """
    Return one of each of the dataclasses ``kinds``, made of ``usual`` values and settings.

    Settings are texts KEY=VALUE, no key one of ``told``; a value is of the field's type.  Raises
    WmRosError for keys that none has, and values that do not fit.
    """
    known = {field.name: field for kind in kinds for field in fields(kind)
             if field.name not in told}
    values = dict(usual)
    for text in settings:
        key, equals, value = text.partition('=')
        if not equals or key not in known:
            near = get_close_matches(key, known, 1)
            hint = f'; did you mean {near[0]!r}?' if near else ''
            raise WmRosError(f'--set {text}: expected KEY=VALUE, a key of '
                             f'{", ".join(sorted(known))}{hint}')
        kind = known[key].type if isinstance(known[key].type, type) else str
        try:
            values[key] = _whole(value) if kind is int else kind(value)
        except ValueError as error:
            raise WmRosError(f'--set {text}: got {value!r}, expected {kind.__name__}') from error
    try:
        return [kind(**{field.name: values[field.name] for field in fields(kind)
                        if field.name in values}) for kind in kinds]
    except ValueError as error:
        raise WmRosError(f'--set: {error}') from error
