"""Why a call to a tagging service failed."""

from __future__ import annotations

from enum import Enum, auto


class Kind(Enum):
    """Groups of failures that are handled alike."""

    SUCCESS = auto()
    UNSPECIFIC = auto()  # failed, with the reason in another status
    ACCOUNT = auto()
    QUOTA = auto()
    THROTTLED = auto()
    REQUEST = auto()
    MODEL = auto()
    ADDRESS = auto()  # something else answers at the service's address
    NO_VISION = auto()  # the model can't see pictures
    DECLINED = auto()  # the model does not want to describe these pictures
    UNUSABLE = auto()  # the model's answer is not what it was asked for
    STARTING = auto()  # the model is being deployed or loaded
    NOT_DEPLOYED = auto()  # it sleeps until it is called, or was taken down
    SHUT_DOWN = auto()  # the model does not run any more
    UNPAID = auto()
    DOWNLOAD = auto()
    UNSUPPORTED = auto()
    INVALID = auto()
    OVER_LIMIT = auto()
    BAD_LINK = auto()
    BAD_BYTES = auto()
    UNDECODABLE = auto()
    EMPTY = auto()
    CONNECTION = auto()
    SERVER = auto()
    GARBLED = auto()  # not JSON: from a proxy on the way, or cut off
    UNEXPECTED = auto()  # JSON that does not match the API
    UNKNOWN = auto()


class CallFailed(Exception):
    """One failed call: its kind, details for the log, and ``retry_after`` (seconds) if given."""

    def __init__(self, kind: Kind, detail: str, retry_after: float | None = None) -> None:
        self.kind = kind
        self.detail = detail
        self.retry_after = retry_after
        super().__init__(kind, detail, retry_after)
