"""Errors as a client sees them: the message, and the code that closes the socket."""

import time

from izwi import messages as m
from izwi.errors import ClientError, InternalError, IzwiError


def error_message(error: IzwiError, *, fatal: bool, request_id: str, seq: int) -> m.ErrorMessage:
    """An error that is not an event of the session."""
    data = m.ErrorData(
        code=error.code,
        message=str(error),
        retryable=error.retryable,
        fatal=fatal,
        request_id=request_id,
        retry_after_s=error.retry_after_s,
    )
    return m.ErrorMessage(data=data, seq=seq, timestamp=time.time())


def close_code(error: IzwiError) -> int:
    """RFC 6455 codes: 1013 asks to try again later, 1008 says the client is at fault, 1011 that we are."""
    if error.retryable:
        return 1013
    return 1008 if isinstance(error, ClientError) else 1011


def first(group: BaseExceptionGroup[BaseException]) -> Exception:
    """The first leaf of a (nested) group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else InternalError(type(error).__name__)
