"""Every error Izwi raises on purpose, drawn as one tree.

    IzwiError
    ├── ClientError              400  the request is at fault; sending it again will not help
    │   ├── InvalidMessage       400  not JSON, or a field that does not fit
    │   ├── UnknownMessageType   400  JSON, but no message we know
    │   ├── ProtocolViolation    409  a valid message at the wrong time
    │   ├── EmptyCommit          400  a commit with nothing to commit
    │   ├── SessionTaken         409  the session goes on over another connection
    │   ├── SessionGone          410  nothing to resume: expired, lost, or another token
    │   ├── ClientTimeout        408  the client said nothing for too long
    │   ├── Unauthorized         401  no key, or none that is known
    │   ├── Forbidden            403  a key or an origin that may not do this
    │   │   └── UrlNotAllowed    403  an address that is not listed in IZWI_JOBS__URLS
    │   ├── DownloadRefused      424  the server that has the recording does not give it, or not in time
    │   ├── JobNotFound          404  no such job, or not one of this key
    │   ├── JobConflict          409  the job is not where this makes sense
    │   ├── UnsupportedLanguage  400  no engine for this language
    │   ├── UnsupportedPair      400  no engine for this translation direction
    │   ├── UnsupportedParameter 400  a field of another service's protocol that nothing here can honour
    │   ├── UnknownModel         404  no model of this name is loaded
    │   ├── UnknownVoice         400  no voice of this name is loaded
    │   ├── NothingToSay         400  a text without a letter or digit
    │   ├── NotMeasured          400  a plan for what no row of the cost table is about
    │   ├── BadCostTable         400  a cost table of one's own that cannot be read
    │   ├── BadManifest          400  a list of recordings that cannot be read, or names files that are not there
    │   ├── OutOfReach           400  a delay that no number of replicas brings
    │   ├── UnsupportedAudio     415  not audio, or empty
    │   │   └── DamagedAudio     415  truncated or damaged; what could be decoded came before
    │   ├── AudioTooLong         413  beyond IZWI_MAX_AUDIO_SECONDS
    │   ├── TextTooLong          413  beyond IZWI_MAX_TEXT_CHARS
    │   ├── TooManyHotwords      413  more hotwords, or lists of them, than are accepted
    │   ├── HotwordListMissing   404  no list of that name
    │   ├── BodyTooLarge         413  beyond IZWI_MAX_MESSAGE_BYTES
    │   └── TooManyMessages      429  more frames on a socket than IZWI_MAX_MESSAGES_PER_S
    ├── Unavailable              503  a passing state of ours; try again
    │   ├── NotReady             503  models still load
    │   ├── Overloaded           503  no room for another session
    │   ├── RateLimited          429  this key has used up its share for now
    │   ├── StoreUnavailable     503  Redis does not answer
    │   ├── SpoolFull            507  no disk space for another recording
    │   ├── DownloadFailed       502  the server that has the recording does not answer, or breaks off
    │   ├── StageTimeout         504  a stage did not answer in time
    │   ├── RequestTimeout       504  no answer to an HTTP request within IZWI_REQUEST_TIMEOUT_S
    │   └── EngineFailed         503  every engine of a stage failed
    ├── ModelMissing             500  a model or program a stage needs is not installed
    ├── PackageMissing           500  a package that a setting asks for is not installed
    ├── BadKeyFile               500  IZWI_API_KEYS_FILE cannot be read
    └── InternalError            500  a defect; details stay in the log

Each class has a wire ``code``, an HTTP ``status`` and says whether it is ``retryable``. The message is the
only constructor argument, so that instances survive pickling across Ray. All of them stand in one file, however long,
because the tree is what clients, the HTTP interface and the documentation go by.
"""

from typing import ClassVar, Self


class IzwiError(Exception):
    """Root of the tree. ``str(error)`` is safe to show to a client."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    retry_after_s: ClassVar[float | None] = None
    """When trying again makes sense; clients should add a random part of their own."""
    param: str | None = None
    """The field of the request that is at fault, with dots between its parts."""
    event_id: str | None = None
    """The client's own id of the message at fault, for protocols that repeat it."""

    def about(self, param: str) -> Self:
        """This error, naming the field."""
        self.param = param
        return self


class ClientError(IzwiError):
    code = "bad_request"
    status = 400


class InvalidMessage(ClientError):
    code = "invalid_message"


class UnknownMessageType(ClientError):
    code = "unknown_message_type"


class ProtocolViolation(ClientError):
    code = "protocol_violation"
    status = 409


class EmptyCommit(ClientError):
    code = "input_audio_buffer_commit_empty"  # OpenAI's name


class SessionTaken(ClientError):
    code = "session_taken"
    status = 409


class SessionGone(ClientError):
    code = "session_gone"
    status = 410


class ClientTimeout(ClientError):
    code = "client_timeout"
    status = 408


class Unauthorized(ClientError):
    code = "unauthorized"
    status = 401


class Forbidden(ClientError):
    code = "forbidden"
    status = 403


class UrlNotAllowed(Forbidden):
    code = "url_not_allowed"


class DownloadRefused(ClientError):
    code = "download_refused"
    status = 424


class JobNotFound(ClientError):
    code = "job_not_found"
    status = 404


class JobConflict(ClientError):
    code = "job_conflict"
    status = 409


class UnsupportedLanguage(ClientError):
    code = "unsupported_language"


class UnsupportedPair(ClientError):
    code = "unsupported_pair"


class UnsupportedParameter(ClientError):
    code = "unsupported_parameter"


class UnknownModel(ClientError):
    code = "model_not_found"
    status = 404


class UnknownVoice(ClientError):
    code = "unknown_voice"


class NothingToSay(ClientError):
    code = "nothing_to_say"


class NotMeasured(ClientError):
    code = "not_measured"


class BadCostTable(ClientError):
    code = "bad_cost_table"


class BadManifest(ClientError):
    code = "bad_manifest"


class OutOfReach(ClientError):
    code = "out_of_reach"


class UnsupportedAudio(ClientError):
    code = "unsupported_audio"
    status = 415


class DamagedAudio(UnsupportedAudio):
    code = "damaged_audio"


class AudioTooLong(ClientError):
    code = "audio_too_long"
    status = 413


class TextTooLong(ClientError):
    code = "text_too_long"
    status = 413


class TooManyHotwords(ClientError):
    code = "too_many_hotwords"
    status = 413


class HotwordListMissing(ClientError):
    code = "hotword_list_missing"
    status = 404


class BodyTooLarge(ClientError):
    code = "body_too_large"
    status = 413


class TooManyMessages(ClientError):
    code = "too_many_messages"
    status = 429


class Unavailable(IzwiError):
    code = "unavailable"
    status = 503
    retryable = True


class NotReady(Unavailable):
    code = "not_ready"
    retry_after_s = 5.0  # a model loads in about this time


class Overloaded(Unavailable):
    code = "overloaded"
    retry_after_s = 10.0  # a speaker who stops frees the machine at once, and speakers stop every few seconds


class RateLimited(Unavailable):
    code = "rate_limited"
    status = 429
    retry_after_s = 15.0  # a new minute begins within four times that, and sessions end sooner


class StoreUnavailable(Unavailable):
    code = "store_unavailable"


class SpoolFull(Unavailable):
    code = "spool_full"
    status = 507
    retry_after_s = 600.0  # a recording goes as soon as it has been heard


class DownloadFailed(Unavailable):
    code = "download_failed"
    status = 502


class StageTimeout(Unavailable):
    code = "stage_timeout"
    status = 504


class RequestTimeout(Unavailable):
    code = "request_timeout"
    status = 504


class EngineFailed(Unavailable):
    code = "engine_failed"


class ModelMissing(IzwiError):
    code = "model_missing"


class PackageMissing(IzwiError):
    code = "package_missing"


class BadKeyFile(IzwiError):
    code = "bad_key_file"


class InternalError(IzwiError):
    code = "internal_error"


def error_classes() -> dict[str, type[IzwiError]]:
    """All concrete classes by wire code, so that a client can raise what the server meant."""
    found: dict[str, type[IzwiError]] = {}
    waiting: list[type[IzwiError]] = [IzwiError]
    while waiting:
        cls = waiting.pop()
        if cls.__module__ == __name__:  # Ray derives classes of its own from ours
            found[cls.code] = cls
        waiting.extend(cls.__subclasses__())
    return found


def error_type(status: int) -> str:
    """The class of an error as clients of OpenAI's protocols know it, from its HTTP status."""
    match status:
        case 401:
            return "authentication_error"
        case 403:
            return "permission_error"
        case 429:
            return "rate_limit_error"
        case _:
            return "server_error" if status >= 500 else "invalid_request_error"
