"""Objects of a bucket by name: of S3 and its kin, Google Cloud Storage and Azure, through obstore.

A name is an object's key below the run's URL. Each failure leaves as one ``StorageError`` of our
own words: what a library or a server says may hold tokens and signatures, and is neither shown nor
kept. What the objects mean is not known here.

obstore, as its conditional put was tried: of others, s3fs overwrote in silence, and pyarrow's file
systems have no condition.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar, TypeVarTuple, cast
from urllib.parse import quote
from weakref import finalize

from shmtext.dataset.places import StoreUrl
from shmtext.errors import ConfigError, StorageError, WorkersError

RETRIES_S = 180.0
"""For which an object is tried again: throttling and restarts of servers take minutes."""
ROLE_S = 5.0
"""For which a machine is asked for its role at first: most have none, and nothing answers."""
FIRST_WAIT_S, MAX_WAIT_S = 0.5, 15.0
CONNECT_S = 10.0
SILENCE_S = 60.0
"""Without a byte of an answer, until a request is given up and tried again."""
REQUEST_S = 900.0
"""Of one request: at a megabyte a second, a full shard of large pictures."""
MAX_TRIES = 5
"""With credentials that have expired, and of creating what can't be created and is not there."""
PART_BYTES = 8 << 20
PARTS_AT_ONCE = 2
"""Of a large object under way: each is held in memory. Shards go side by side already."""
CALLS_AT_ONCE = 32
HEED_S = 0.2
"""How late a wait notices that it is to end."""
_CLIENT_SETTINGS = (
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "proxy_ca_certificate",
    "proxy_excludes",
    "proxy_url",
    "read_timeout",
    "timeout",
)
"""obstore's names of what the environment may say of a connection."""

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")
Coming: TypeAlias = "Future[bytes | None]"
"""An object's bytes on their way; None where there is none."""


class ObjectStore:
    """The objects of a run, by name. A context manager; threads may share it, forked children not.

    Calls run in a thread of their own, so that a signal ends the wait for them.
    """

    def __init__(self, url: StoreUrl) -> None:
        """Raise ``ConfigError`` where obstore is not installed, or the URL is no store's."""
        self.url = url
        self.heed: Callable[[], None] = lambda: None
        """Called now and then by what waits; may raise to end it."""
        self._obstore = _import_obstore()
        self._store = self._make(RETRIES_S)
        self._owner_pid = os.getpid()
        self._loop = _Loop()
        self._thread = threading.Thread(target=_serve, args=(self._loop,), daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # what threading makes of EAGAIN
            self._loop.close()
            raise WorkersError.cannot_start("a thread", error) from error
        self._end = finalize(self, _end, self._loop, self._owner_pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what is under way. May be called twice."""
        if self._owner_pid == os.getpid():
            self._end()
            self._thread.join()

    def check_credentials(self) -> None:
        """Raise ``StorageError`` soon where there are none; else that would take minutes."""
        if self.url.scheme == "s3":
            return  # they were looked for as the client was made
        impatient = self._make(ROLE_S)

        async def attempt() -> None:
            await impatient.get_async("run.json")

        _, failure = self._run(self._once(attempt))
        # Whatever else it is, the first request meets it too, and is more patient.
        if failure is not None and failure.why == _NO_CREDENTIALS:
            raise failure.error(f"read {self.url}")

    # -- objects ---------------------------------------------------------------------------------

    def get(self, name: str) -> bytes | None:
        """All bytes of an object; None where there is none."""
        return self._run(self._get(name))

    def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Likewise of many, in their order, some at a time."""
        return self._run(self._side_by_side(self._get, names))

    def get_start(self, name: str, num_bytes: int) -> bytes:
        """The first bytes of an object, at most so many. Raises ``FileNotFoundError``."""
        return self._run(self._start(name, num_bytes))[0]

    def size(self, name: str) -> int:
        """The size of an object. Raises ``FileNotFoundError``."""
        # A HEAD would do, but that it has no words for what goes wrong.
        return self._run(self._start(name, 1))[1]

    def get_pieces(self, name: str) -> Iterator[bytes]:
        """An object's bytes, some megabytes at a time. Raises ``FileNotFoundError``."""
        found = self._run(self._tried("read", name, lambda: self._found(name)))
        if found is None:
            raise _absent(name)
        stream = found.stream(min_chunk_size=PART_BYTES).__aiter__()

        async def following() -> Any:
            return await anext(stream, None)

        while True:
            piece, failure = self._run(self._once(following))
            if failure is not None:
                raise failure.error(f"read {self.url / name}")
            if piece is None:
                return
            yield bytes(piece)

    def begin_to_get(self, name: str) -> Coming:
        """Begin to get an object that is needed soon; what is returned gives it, or None."""
        return self._begun(self._get(name))

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Put an object in place of whatever has the name."""
        self._run(self._tried("write", name, lambda: self._store.put_async(name, bytes(data))))

    def put_file(self, name: str, path: Path) -> None:
        """Put a file's bytes, in parts where they are many."""

        async def attempt() -> None:
            if not path.exists():  # the library would tell of a bucket that is not there
                raise StorageError(f"cannot write {self.url / name}: {path} was removed")
            await self._store.put_async(
                name, path, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
            )

        self._run(self._tried("write", name, attempt))

    def create(self, name: str, data: bytes) -> bytes:
        """Put an object under a name that nothing has, and return what the object holds: of several
        that do, what the first one put.

        A writer whose answer was lost may be told that there is one already, which is its own:
        what is there is read back, and decides.
        """
        return self._run(self._create(name, data))

    def names(self, folder: str) -> list[str]:
        """Names directly below a folder, "" for the run's own: of objects, and of such folders."""
        return self._run(self._names(folder))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Names and sizes of all objects below a prefix, such as ``fragments``."""
        return self._run(self._sizes(prefix))

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects; those that are not there need not be."""
        if names:
            self._run(self._delete(list(names)))

    # -- how they are asked ------------------------------------------------------------------------

    def _run(self, asking: Coroutine[Any, Any, Result]) -> Result:
        return self.wait(self._begun(asking))

    def wait(self, coming: Future[Result]) -> Result:
        """What comes, as soon as it is there."""
        try:
            while True:
                try:
                    return coming.result(HEED_S)
                except TimeoutError:
                    if coming.done():
                        return coming.result()  # it came meanwhile, or has timed out itself
                    if not self._thread.is_alive():
                        raise self._closed() from None
                    self.heed()
                except CancelledError:
                    raise self._closed() from None
        except BaseException:
            coming.cancel()
            raise

    def _begun(self, asking: Coroutine[Any, Any, Result]) -> Future[Result]:
        if self._owner_pid != os.getpid():
            asking.close()
            # Its threads are not there: the first request would wait for ever.
            raise StorageError(
                f"{self.url} was opened before this process was forked: processes that read from a "
                "bucket must be spawned (of a DataLoader: multiprocessing_context='spawn')"
            )
        try:
            return asyncio.run_coroutine_threadsafe(asking, self._loop)
        except RuntimeError:
            asking.close()
            raise self._closed() from None

    def _closed(self) -> StorageError:
        return StorageError(f"{self.url} was closed while it was in use")

    async def _found(self, name: str, num_bytes: int | None = None) -> Any:
        options = None if num_bytes is None else {"range": (0, num_bytes)}
        try:
            return await self._store.get_async(name, options=options)
        except FileNotFoundError as error:
            if _code_of(error) in NO_BUCKET:
                raise
            return None

    async def _get(self, name: str) -> bytes | None:
        async def attempt() -> bytes | None:
            found = await self._found(name)
            return None if found is None else bytes(await found.bytes_async())

        return await self._tried("read", name, attempt)

    async def _start(self, name: str, num_bytes: int) -> tuple[bytes, int]:
        """The first bytes, and the size of the whole."""

        async def attempt() -> tuple[bytes, int] | None:
            try:
                found = await self._found(name, num_bytes)
            except self._obstore.exceptions.BaseError as error:
                if _status_of(error) == NO_SUCH_RANGE:  # it is empty
                    return b"", 0
                raise
            if found is None:
                return None
            return bytes(await found.bytes_async()), found.meta["size"]

        found = await self._tried("read", name, attempt)
        if found is None:
            raise _absent(name)
        return found

    async def _create(self, name: str, data: bytes) -> bytes:
        failures = self._obstore.exceptions

        async def attempt() -> bytes | None:
            try:
                await self._store.put_async(name, data, mode="create")
            except failures.AlreadyExistsError:
                pass
            except failures.GenericError as error:
                if Failure.of(error).status:
                    raise
                # No answer: it may have been created all the same.
            except NotImplementedError:
                raise StorageError(
                    f"{self.url} can't create objects only where there are none: take a store that "
                    "can, as nothing else keeps two runs apart"
                ) from None
            else:
                return data
            return await self._get(name)

        for _ in range(MAX_TRIES):
            there = await self._tried("create", name, attempt)
            if there is not None:
                return there
            await asyncio.sleep(FIRST_WAIT_S)
        raise StorageError(
            f"cannot create {self.url / name}: it is refused as if it were there, and is not; try "
            "again, everything committed is kept"
        )

    async def _delete(self, names: list[str]) -> None:
        async def attempt() -> bool:
            try:
                await self._store.delete_async(names)
            except FileNotFoundError as error:
                # S3 takes no notice of what is not there; Azure and Google Cloud Storage do.
                if _code_of(error) in NO_BUCKET:
                    raise
                return False
            return True

        if not await self._tried("remove", names[0], attempt) and len(names) > 1:
            await self._side_by_side(lambda name: self._delete([name]), names)

    async def _names(self, folder: str) -> list[str]:
        async def attempt() -> list[str]:
            listed = await self._store.list_with_delimiter_async(folder or None)
            paths = [*listed["common_prefixes"], *(each["path"] for each in listed["objects"])]
            names = (path.rpartition("/")[2] for path in paths)
            # Without a name: what consoles make to show a folder.
            return sorted(name for name in names if name)

        return await self._tried("list", folder, attempt)

    async def _sizes(self, prefix: str) -> dict[str, int]:
        async def attempt() -> dict[str, int]:
            found: dict[str, int] = {}
            async for chunk in self._store.list_async(prefix):
                found.update((each["path"], each["size"]) for each in chunk if each["path"])
            return found

        return await self._tried("list", prefix, attempt)

    async def _side_by_side(
        self, ask: Callable[[str], Awaitable[Result]], names: Iterable[str]
    ) -> list[Result]:
        room = asyncio.Semaphore(CALLS_AT_ONCE)

        async def one(name: str) -> Result:
            async with room:
                return await ask(name)

        return await asyncio.gather(*map(one, names))

    async def _tried(
        self, doing: str, name: str, attempt: Callable[[], Awaitable[Result]]
    ) -> Result:
        """Do what may be done again, as long as it may pass; raise ``StorageError`` in the end."""
        begin_s, num_expired, wait_s = self._loop.time(), 0, FIRST_WAIT_S
        while True:
            done, failure = await self._once(attempt)
            if failure is None:
                return cast("Result", done)
            num_expired += failure.code in EXPIRED
            # The library gives up a wait before its time is over.
            left_s = begin_s + RETRIES_S - MAX_WAIT_S - self._loop.time()
            if left_s < 0 or num_expired == MAX_TRIES or not failure.may_pass:
                raise failure.error(f"{doing} {self.url / name}")
            if failure.code in EXPIRED:
                # Credentials are taken up as a store is made, and kept.
                self._store = self._make(RETRIES_S)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, MAX_WAIT_S)

    async def _once(
        self, attempt: Callable[[], Awaitable[Result]]
    ) -> tuple[Result | None, Failure | None]:
        """Do it, or tell what was wrong: raised beside the library's error, ours would keep it."""
        try:
            return await attempt(), None
        except (FileNotFoundError, self._obstore.exceptions.BaseError) as error:
            return None, Failure.of(error)

    def _make(self, retries_s: float) -> Any:
        """A client with what the environment says now."""
        given: dict[str, Any] = {
            "retry_config": {
                "max_retries": 1_000,  # the time is the limit
                "retry_timeout": timedelta(seconds=retries_s),
                "backoff": {
                    "init_backoff": timedelta(seconds=FIRST_WAIT_S),
                    "max_backoff": timedelta(seconds=MAX_WAIT_S),
                    "base": 2,
                },
            },
            "client_options": {
                "connect_timeout": timedelta(seconds=CONNECT_S),
                "read_timeout": timedelta(seconds=SILENCE_S),
                "timeout": timedelta(seconds=REQUEST_S),
                **_client_settings(self.url.scheme),
            },
        }
        if self.url.scheme == "s3" and (provider := _profile()) is not None:
            given["credential_provider"] = provider
        text = f"{self.url.scheme}://{self.url.bucket}/{quote(self.url.prefix)}"
        try:
            return self._obstore.store.from_url(text, **given)
        except (ValueError, self._obstore.exceptions.BaseError) as error:
            kind = type(error).__name__
        raise ConfigError(
            f"{self.url} can't be opened ({kind}): check the URL, and the variables that name "
            "account and endpoint"
        )


def _absent(name: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that can wait until whoever told it something has left Python.

    What a call came to is told by a thread of the library's. Up to Python 3.13 such a thread is
    ended where it waits for the GIL as Python ends, which its frames of Rust answer by aborting the
    process (pyo3-async-runtimes issue 40): one run of two hundred, when all was done and said.
    """

    def __init__(self) -> None:
        super().__init__()
        self._tellers: list[int] = []
        self._one_left = threading.Condition()

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """As asyncio has it; the teller is known until it is done."""
        teller = threading.get_ident()
        self._tellers.append(teller)
        try:
            return super().call_soon_threadsafe(callback, *args, context=context)
        finally:
            self._tellers.remove(teller)
            with self._one_left:
                self._one_left.notify_all()

    def wait_for_tellers(self) -> None:
        """Wait for all but this thread, which may be here from a collection of garbage."""
        with self._one_left:
            self._one_left.wait_for(lambda: not {*self._tellers} - {threading.get_ident()})


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    if others := asyncio.all_tasks(loop):
        for each in others:
            each.cancel()
        loop.run_until_complete(asyncio.gather(*others, return_exceptions=True))
    loop.close()


def _end(loop: _Loop, owner_pid: int) -> None:
    # In a forked child there is no thread to end.
    if os.getpid() == owner_pid:
        loop.call_soon_threadsafe(loop.stop)
        loop.wait_for_tellers()


# -- what goes wrong -------------------------------------------------------------------------------

NO_SUCH_RANGE = 416
NO_BUCKET = frozenset(("NoSuchBucket", "ContainerNotFound"))
EXPIRED = frozenset(("ExpiredToken", "InvalidToken", "TokenRefreshRequired"))
_UNANSWERED = "error sending request"
_AT_ODDS = frozenset(("OperationAborted", "ConditionalRequestConflict"))
_PASSING = (
    frozenset(("RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable"))
    | _AT_ODDS
    | EXPIRED
)
_AGAIN = "run the same command again; everything committed is kept"
_CURES = {
    **dict.fromkeys(EXPIRED, "the credentials have expired: renew them"),
    **dict.fromkeys(_AT_ODDS, "others write the same object at the same time, for long"),
    "AccessDenied": "access is denied: give these credentials the right to do it",
    "InvalidAccessKeyId": "the access key is not known there: check the credentials",
    "SignatureDoesNotMatch": "the secret key is not that of the access key: check the credentials",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
    "NoSuchBucket": "there is no such bucket: check the URL, or make it",
    "AuthorizationHeaderMalformed": "the region is another: set AWS_REGION to the bucket's",
    "PermanentRedirect": "the region is another: set AWS_REGION to the bucket's",
    "SlowDown": "the store asks to slow down, for minutes: use fewer workers",
}
_CURES_OF_STATUS = {
    400: "the store refused the request",
    401: "the credentials were refused: check them",
    403: "access is denied: check the credentials, and what they allow",
    404: "there is no such bucket: check the URL, or make it",
    429: "the store asks to slow down, for minutes: use fewer workers",
    500: "the store failed, for minutes",
    503: "the store was not available, for minutes",
}
_NO_CREDENTIALS = (
    "there are no credentials: set them in the environment, sign in, or run where a role is "
    "attached"
)
_NO_TLS = "the server speaks no TLS: check the endpoint"
_NO_HTTP = (
    "the endpoint is no https:// URL (http:// must be allowed: AWS_ALLOW_HTTP, GOOGLE_ALLOW_HTTP "
    "or AZURE_ALLOW_HTTP=true)"
)
_LASTING = (_NO_TLS, _NO_HTTP)
_CUT_SHORT = "the answer was cut short"
_LENDERS = {
    "169.254.169.254": _NO_CREDENTIALS,
    "metadata.google.internal": _NO_CREDENTIALS,
    "External AWS credential provider": "the credentials could not be renewed: sign in again, or "
    "check ~/.aws",
}
"""Who else than the store is asked for credentials: whatever they answered, it is theirs."""
_SPOKEN_OF = {
    "Received redirect without LOCATION": "the region is another: set AWS_REGION to the bucket's",
    "dns error": "the name of its server is not known: check the endpoint, and the network",
    "ConnectionRefused": "nobody answers there: check the endpoint, and the network",
    "TimedOut": "no answer came in time: check the network",
    "Timeout": "no answer came in time: check the network",
    "InvalidData": _NO_TLS,
    "builder error": _NO_HTTP,
    "Error getting list response body": _CUT_SHORT,
    "request or response body error": _CUT_SHORT,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What is kept of an error of the library's: words of ours, and whether to try again."""

    code: str
    """S3's word for it; empty where there is none."""
    status: int
    """Of HTTP; 0 where nothing was answered."""
    why: str
    may_pass: bool

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Tell an error by its class, the status and the code in its text, and a few words."""
        text = str(error)
        if lacking := _spoken_of(_LENDERS, text):
            return cls("", 0, lacking, may_pass=False)
        code, status, spoken = _code_of(error), _status_of(error), _spoken_of(_SPOKEN_OF, text)
        why = _CURES.get(code) or spoken or _CURES_OF_STATUS.get(status) or "the request failed"
        # What is not answered may have been done: each request here may be done again.
        is_passing = code in _PASSING or _UNANSWERED in text or spoken == _CUT_SHORT
        return cls(code, status, why, may_pass=is_passing and spoken not in _LASTING)

    def error(self, doing: str) -> StorageError:
        """The one line for it."""
        told = self.code or (f"HTTP status {self.status}" if self.status else "")
        return StorageError(
            f"cannot {doing}: {self.why}{f' ({told})' if told else ''}; then {_AGAIN}"
        )


def _spoken_of(known: Mapping[str, str], text: str) -> str:
    return next((why for words, why in known.items() if words in text), "")


def _code_of(error: BaseException) -> str:
    code = str(error).partition("<Code>")[2].partition("</Code>")[0]
    return code if code.isalnum() and len(code) < 64 else ""


def _status_of(error: BaseException) -> int:
    _, found, after = str(error).partition("status code: ")
    if found and after[:3].isdecimal():
        return int(after[:3])
    classes = {"PermissionDeniedError": 403, "UnauthenticatedError": 401, "FileNotFoundError": 404}
    return classes.get(type(error).__name__, 0)


def _import_obstore() -> Any:
    with _importing("to keep a run in a bucket, install the library for it"):
        import obstore  # noqa: PLC0415 - an extra
        import obstore.exceptions  # noqa: PLC0415
        import obstore.store  # noqa: PLC0415

        return obstore


@contextmanager
def _importing(why: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(f"{why}: pip install 'shmtext[cloud]'") from error


def _client_settings(scheme: str) -> dict[str, str]:
    """What the environment says of the connection: options that are given take the place of all.

    Such as ``AWS_ALLOW_HTTP`` or ``AZURE_PROXY_URL``.
    """
    store = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}[scheme]
    found = {name: os.environ.get(f"{store}_{name.upper()}") for name in _CLIENT_SETTINGS}
    return {name: value for name, value in found.items() if value is not None}


def _profile() -> Any:
    """What finds credentials of AWS in the usual files, or a role; None where the environment has
    them.

    obstore does not read the files, and asks for minutes where no role is attached.
    """
    is_anonymous = os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("1", "true", "yes", "on")
    if "AWS_ACCESS_KEY_ID" in os.environ or is_anonymous:
        return None
    with _importing("without AWS_ACCESS_KEY_ID, what finds credentials is needed"):
        import boto3  # noqa: PLC0415 - an extra
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415

    try:
        session = boto3.Session()
        is_found = session.get_credentials() is not None
        provider = Boto3CredentialProvider(session) if is_found else None
    except (BotoCoreError, OSError, ValueError) as error:  # a program that it asks may fail, too
        kind = type(error).__name__
    else:
        if provider is not None:
            return provider
        raise ConfigError(_NO_CREDENTIALS)
    raise ConfigError(
        f"AWS's usual files can't be used ({kind}): check AWS_PROFILE and ~/.aws, or sign in again"
    )
