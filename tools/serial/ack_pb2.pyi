from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class AckRequest(_message.Message):
    __slots__ = ("processed_count", "available_capacity", "rtt_ms", "given_up", "shed", "overwritten", "session")
    PROCESSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_CAPACITY_FIELD_NUMBER: _ClassVar[int]
    RTT_MS_FIELD_NUMBER: _ClassVar[int]
    GIVEN_UP_FIELD_NUMBER: _ClassVar[int]
    SHED_FIELD_NUMBER: _ClassVar[int]
    OVERWRITTEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    processed_count: int
    available_capacity: int
    rtt_ms: int
    given_up: int
    shed: int
    overwritten: int
    session: int
    def __init__(self, processed_count: _Optional[int] = ..., available_capacity: _Optional[int] = ..., rtt_ms: _Optional[int] = ..., given_up: _Optional[int] = ..., shed: _Optional[int] = ..., overwritten: _Optional[int] = ..., session: _Optional[int] = ...) -> None: ...
