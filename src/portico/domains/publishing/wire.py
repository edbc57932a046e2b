"""How the envelope and the types of events look to clients."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from portico.domains.events.model import Category
from portico.domains.events.public import EventWire, Kind, unversioned
from portico.domains.publishing.model import Envelope, EventType
from portico.platform.web import Ask, Wire

Text = Annotated[str, Field(min_length=1, max_length=200)]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be within the years 1 to 9999 of UTC") from error


Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class CloudEvent(Ask):
    """CloudEvents 1.0 in its structured JSON form; `data` is an object. Any other name is an extension attribute."""

    model_config = ConfigDict(extra="allow", str_strip_whitespace=True)
    __pydantic_extra__: dict[str, StrictBool | StrictInt | StrictStr | None]

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Annotated[str, Field(min_length=1, max_length=80)]
    data: dict[str, Any]
    time: Time | None = None
    subject: Text | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Annotated[str, Field(max_length=500)] | None = None


class PublishedWire(Wire):
    """`duplicate`: it was on record already, and nothing was recorded now."""

    event: EventWire
    duplicate: bool


class EventTypeAsk(Ask):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, validate_by_name=True, validate_by_alias=True)

    summary: Annotated[str, Field(max_length=300)] = ""
    json_schema: dict[str, Any] = Field(alias="schema")


class EventTypeWire(Wire):
    """`about` is the field that names what the event is about; of an org's own types the envelope's subject does."""

    model_config = ConfigDict(from_attributes=True, validate_by_name=True, validate_by_alias=True)

    type: str
    kind: str
    version: int
    category: Category
    summary: str
    about: str | None
    aliases: list[str]
    origin: Literal["portico", "org"]
    json_schema: dict[str, Any] = Field(alias="schema")


def envelope_of(sent: CloudEvent) -> Envelope:
    # An attribute that is null was not set.
    extensions = {name: value for name, value in sent.__pydantic_extra__.items() if value is not None}
    return Envelope(sent.source, sent.id, sent.type, sent.time, sent.subject, sent.data, extensions)


def house_type_wire(kind: Kind) -> EventTypeWire:
    return EventTypeWire(
        type=kind.name,
        kind=kind.kind,
        version=kind.version,
        category=kind.category,
        summary=kind.summary,
        about=kind.about,
        aliases=kind.aliases,
        origin="portico",
        schema=kind.schema,
    )


def org_type_wire(registered: EventType) -> EventTypeWire:
    return EventTypeWire(
        type=unversioned(registered.kind),
        kind=registered.kind,
        version=int(registered.kind.rpartition(".v")[2]),
        category="integration",
        summary=registered.summary,
        about=None,
        aliases=[],
        origin="org",
        schema=dict(registered.schema),
    )
