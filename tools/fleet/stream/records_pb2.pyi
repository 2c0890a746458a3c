from sluice_tools.serial import ack_pb2 as _ack_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Open(_message.Message):
    __slots__ = ("board", "session", "ack")
    BOARD_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    board: str
    session: int
    ack: _ack_pb2.AckRequest
    def __init__(self, board: _Optional[str] = ..., session: _Optional[int] = ..., ack: _Optional[_Union[_ack_pb2.AckRequest, _Mapping]] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("session", "seq", "record_size")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RECORD_SIZE_FIELD_NUMBER: _ClassVar[int]
    session: int
    seq: int
    record_size: int
    def __init__(self, session: _Optional[int] = ..., seq: _Optional[int] = ..., record_size: _Optional[int] = ...) -> None: ...

class Record(_message.Message):
    __slots__ = ("seq", "payload", "tick")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TICK_FIELD_NUMBER: _ClassVar[int]
    seq: int
    payload: bytes
    tick: int
    def __init__(self, seq: _Optional[int] = ..., payload: _Optional[bytes] = ..., tick: _Optional[int] = ...) -> None: ...

class Consuming(_message.Message):
    __slots__ = ("open", "ack")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    open: Open
    ack: _ack_pb2.AckRequest
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., ack: _Optional[_Union[_ack_pb2.AckRequest, _Mapping]] = ...) -> None: ...

class Consumed(_message.Message):
    __slots__ = ("opened", "record")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    opened: Opened
    record: Record
    def __init__(self, opened: _Optional[_Union[Opened, _Mapping]] = ..., record: _Optional[_Union[Record, _Mapping]] = ...) -> None: ...

class Producing(_message.Message):
    __slots__ = ("open", "record")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    open: Open
    record: Record
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., record: _Optional[_Union[Record, _Mapping]] = ...) -> None: ...

class Produced(_message.Message):
    __slots__ = ("opened", "ack")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    opened: Opened
    ack: _ack_pb2.AckRequest
    def __init__(self, opened: _Optional[_Union[Opened, _Mapping]] = ..., ack: _Optional[_Union[_ack_pb2.AckRequest, _Mapping]] = ...) -> None: ...
