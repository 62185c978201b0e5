"""What every part of the object has in common: how it is read, and its scalar types.

Each scalar is bounded: the API server charges a CEL rule for the largest value the schema allows,
and refuses the whole CRD where a bound is missing.
Source: Kubernetes documentation, "Validation rules", section on resource use.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel, to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"

ObjectName = Annotated[
    str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
]
Name = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
Namespace = Name
LabelKey = Annotated[str, Field(min_length=1, max_length=317, pattern=LABEL_KEY)]
LabelValue = Annotated[
    str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")
]
Text = Annotated[str, Field(max_length=4096)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Unique:
    """Marks a list whose items differ, in `key` or, without one, altogether.

    The API server gets it as the list type `map` or `set`, so that two authors who apply parts of
    one list do not overwrite each other's items.
    """

    key: str | None = None

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Refuse a list with two equal items when it is read."""
        return core_schema.no_info_after_validator_function(self._distinct, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Name the list type in the schema."""
        if self.key is None:
            return handler(schema) | {"x-kubernetes-list-type": "set"}
        kind = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}
        return handler(schema) | kind

    def _distinct(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [item if self.key is None else getattr(item, to_snake(self.key)) for item in items]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise PydanticCustomError(
                "duplicate",
                "wanted different {key}s, {twice} stands there twice",
                {"key": self.key or "value", "twice": ", ".join(twice)},
            )
        return items


class Block(BaseModel):
    """A frozen group of fields, camelCase in the object; an unknown name is refused.

    Values are taken as they are: the API server turns no text into a number either.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    def written(self) -> dict[str, Any]:
        """The block as an author would write it: without what is left at its default."""
        found: dict[str, Any] = self.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
        )
        return found
