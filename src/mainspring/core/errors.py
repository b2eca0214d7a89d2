"""What can go wrong, as one tree; every leaf that reaches HTTP carries Replicate's words.

MainspringError
├─ ApiError                  becomes a problem+json reply
│  ├─ Unauthenticated 401 · SpendLimitReached 402 · Forbidden 403 · NotFound 404 · Conflict 409 · TooLarge 413
│  ├─ InvalidInput 422 (invalid_fields) · InvalidVersion 422 · InvalidRequest 400
│  └─ Throttled 429 · Unavailable 503
├─ BundleError               a model's source, environment or schema is at fault; the author reads it
├─ LaunchError               an instance could not be started
└─ InstanceLost              the model process or its connection died: an infrastructure fault
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class MainspringError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class BundleError(MainspringError):
    """The model's source is at fault."""


class LaunchError(MainspringError):
    """The instance could not be started."""


class InstanceLost(MainspringError):
    """The model process died."""


class ApiError(MainspringError):
    """The request could not be served."""

    status = 500
    title: str | None = None

    def __init__(self, detail: str | None = None, *, title: str | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = str(self)
        self.title = title or self.title
        self.extra = extra

    def problem(self) -> dict[str, Any]:
        """The body of the reply: title?, detail, status and extras, as Replicate sends them."""
        head = {"title": self.title} if self.title else {}
        return {**head, "detail": self.detail, "status": self.status, **self.extra}

    def headers(self) -> dict[str, str]:
        """What the reply's headers say of it."""
        after = self.extra.get("retry_after")
        return {} if after is None else {"Retry-After": str(after)}


class InvalidRequest(ApiError):
    """The request could not be understood."""

    status = 400


class Unauthenticated(ApiError):
    """You did not pass a valid authentication token"""

    status, title = 401, "Unauthenticated"


class SpendLimitReached(ApiError):
    """You have reached a spending limit."""

    status, title = 402, "Spend limit reached"


class Forbidden(ApiError):
    """You do not have permission to perform this action."""

    status = 403


class NotFound(ApiError):
    """The requested resource could not be found."""

    status = 404


class Conflict(ApiError):
    """The request conflicts with what exists."""

    status = 409

    def headers(self) -> dict[str, str]:
        """The 2.x Python client would try a 409 again."""
        return {**super().headers(), "X-Should-Retry": "false"}


class TooLarge(ApiError):
    """Files must be less than 100MB in size"""

    status = 413


class InvalidVersion(ApiError):
    """The specified version does not exist (or perhaps you don't have permission to use it?)"""

    status, title = 422, "Invalid version or not permitted"


class Throttled(ApiError):
    """Request was throttled."""

    status = 429


class Unavailable(ApiError):
    """The platform can't take this now; try again shortly."""

    status = 503


@dataclass(frozen=True, slots=True)
class InvalidField:
    """One fault in a request body, in gojsonschema's vocabulary.

    type: required, enum, invalid_type, number_gte, …; field: dotted path ("" is the body, "input.size");
    description: a sentence fragment that starts with the property's name.
    """

    type: str
    field: str
    description: str


class InvalidInput(ApiError):
    """Input validation failed"""

    status, title = 422, "Input validation failed"

    def __init__(self, fields: list[InvalidField]) -> None:
        lines = "".join(
            f"- {f.field}: {f.description}\n" if f.field else f"- {f.description}\n" for f in fields
        )
        listed = [{"type": f.type, "field": f.field, "description": f.description} for f in fields]
        super().__init__(lines, invalid_fields=listed)
