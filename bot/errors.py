"""Every failure Framehound expects, as one tree.

    FramehoundError
    ├── ConfigError              a setting is wrong or missing (exit code 2)
    ├── ClipError                the clip cannot be tagged; trying again changes nothing
    │   ├── NotFound             not_found
    │   ├── Unreachable          unreachable
    │   │   └── LinkExpired      the same: an address that lets nobody in any more
    │   ├── UnsupportedUrl       unsupported_url
    │   ├── AddressNotPublic     address_not_public
    │   ├── TooLarge             too_large
    │   ├── TooLong              too_long
    │   ├── UnsupportedFormat    unsupported_format
    │   ├── NotAVideo            not_a_video
    │   ├── Damaged              damaged
    │   ├── TooSlow              too_slow
    │   └── GivenUp              given_up
    ├── DiskFull                 disk_full
    ├── TooOften                 too_often
    ├── PermissionMissing        permission_missing
    ├── LeftAlone                left_alone
    ├── Forgotten                forgotten
    ├── NotYours                 not_yours
    └── TaggerError              the clip is fine, the tagger is not
        ├── TaggerUnavailable    tagger_unavailable
        ├── TaggerRefused        tagger_refused
        ├── TaggerBusy           tagger_busy
        └── QuotaExhausted       quota_exhausted
            └── BudgetExhausted  the same: not the account's, but the operator's own limit

``str(error)`` is the sentence a person may read, ``error.told(say)`` the same in their language;
``error.detail`` is for the operator's log alone.
An error crosses a process or a database as ``as_dict()`` and comes back through ``restore``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class FramehoundError(Exception):
    """An expected failure: a stable code and a sentence for people.

    ``billed`` is how many frames a tagger was paid for before it failed.
    """

    code: ClassVar[str] = "failed"
    sentence: ClassVar[str] = "Something went wrong."
    billed: int = 0

    def __init__(self, *, detail: str = "", **facts: str) -> None:
        """Fill ``sentence`` with ``facts``; ``detail`` is kept for the operator's log."""
        self.facts = facts
        self.detail = detail
        super().__init__(self.template.format(**facts))

    @property
    def template(self) -> str:
        """The sentence before its facts are filled in."""
        return self.sentence

    def localized(self, translate: Callable[..., str]) -> str:
        """Return the sentence as ``say`` tells it; a fact may be words to be said as well."""
        return translate(
            self.template, **{name: translate(fact) for name, fact in self.facts.items()}
        )

    def as_dict(self) -> dict[str, object]:
        """Return the code, the sentence, the facts in it and the detail, ready for JSON."""
        return {
            "code": self.code,
            "message": str(self),
            "facts": self.facts,
            "detail": self.detail,
        }


class ConfigError(FramehoundError):
    """One or more settings are wrong; ``mistakes`` has a line for each."""

    code = "config"

    def __init__(self, mistakes: Sequence[str]) -> None:
        """Keep the mistakes, one line each."""
        self.mistakes = tuple(mistakes)
        super().__init__(detail="; ".join(mistakes))

    def __str__(self) -> str:
        """Return all mistakes, a line each."""
        return "\n".join(self.mistakes)


class ClipError(FramehoundError):
    """The clip cannot be tagged, now or later."""


class NotFound(ClipError):
    """Nothing is at that path or address."""

    code = "not_found"
    sentence = "There is no clip there."


class Unreachable(ClipError):
    """The address did not answer, or did not answer with a file."""

    code = "unreachable"
    sentence = "I can't get a clip from that address."


class LinkExpired(Unreachable):
    """The address no longer lets anybody in, as a signed link does once its time is over."""


class UnsupportedUrl(ClipError):
    """Scheme, port or shape of the address is not one we fetch."""

    code = "unsupported_url"
    sentence = "I only fetch plain http and https links on their usual ports."


class AddressNotPublic(ClipError):
    """The address leads into a network that is not public.

    People read the same sentence as for ``Unreachable``, so that nobody can map the operator's
    network by asking; the operator's log has the detail.
    """

    code = "address_not_public"
    sentence = Unreachable.sentence


class _TooMuch(ClipError):
    """More than a limit; where the rest was never read, the figure is a least."""

    at_least_sentence: ClassVar[str]

    def __init__(self, value: float, limit: float, *, at_least: bool) -> None:
        figure, bound = _distinct_figures(value, limit)
        least = {"least": "yes"} if at_least else {}
        super().__init__(figure=figure, limit=bound, **least)

    @property
    def template(self) -> str:
        return self.at_least_sentence if "least" in self.facts else self.sentence


class TooLarge(_TooMuch):
    """More bytes than the limit."""

    code = "too_large"
    sentence = "This clip is {figure} MB; the limit is {limit} MB."
    at_least_sentence = "This clip is at least {figure} MB; the limit is {limit} MB."

    def __init__(self, size: int, limit: int, *, at_least: bool = False) -> None:
        """Take both figures in bytes; ``at_least`` when the rest was never read."""
        super().__init__(size / 1e6, limit / 1e6, at_least=at_least)


class TooLong(_TooMuch):
    """More seconds than the limit."""

    code = "too_long"
    sentence = "This clip is {figure} minutes long; the limit is {limit} minutes."
    at_least_sentence = "This clip is at least {figure} minutes long; the limit is {limit} minutes."

    def __init__(self, length: int, limit: int, *, at_least: bool = False) -> None:
        """Take both figures in milliseconds; ``at_least`` when the rest was never read."""
        super().__init__(length / 60_000, limit / 60_000, at_least=at_least)


class UnsupportedFormat(ClipError):
    """The bytes are not one of the seven containers."""

    code = "unsupported_format"
    sentence = "This is {format}; I read {formats}."


class NotAVideo(ClipError):
    """The container is fine and has no moving picture."""

    code = "not_a_video"
    sentence = "This has no picture track."


class Damaged(ClipError):
    """The container cannot be read to its end."""

    code = "damaged"
    sentence = "This clip is damaged; I can't read it."


class TooSlow(ClipError):
    """Downloading or decoding took longer than we allow."""

    code = "too_slow"
    sentence = "This clip took too long to {stage}, so I stopped."


class GivenUp(ClipError):
    """The whole process ended, time after time, while it worked on this."""

    code = "given_up"
    sentence = "I was cut off every time I tried this, so I gave up."


class DiskFull(FramehoundError):
    """There is no room to put a clip while it is worked on."""

    code = "disk_full"
    sentence = "I have no room left to work in; please try again later."


class TaggerError(FramehoundError):
    """The tagger could not tag a clip that is fine."""


class TaggerUnavailable(TaggerError):
    """The tagger cannot be used: no answer, bad credentials, wrong model."""

    code = "tagger_unavailable"
    sentence = "The tagger isn't available right now."


class TaggerRefused(TaggerError):
    """The tagger looked at this clip and would not take it."""

    code = "tagger_refused"
    sentence = "The tagger wouldn't take this clip: {reason}."


class TaggerBusy(TaggerError):
    """The tagger, or our own queue in front of it, has too much to do."""

    code = "tagger_busy"
    sentence = "The tagger is busy; please try again in a few minutes."


class QuotaExhausted(TaggerError):
    """The account's allowance is used up."""

    code = "quota_exhausted"
    sentence = "The tagger's allowance is used up for now."


class BudgetExhausted(QuotaExhausted):
    """This month's frames are used up, the server's or those of all together."""

    sentence = "This clip needs {frames} frames, more than are left for this month."

    def __init__(self, frames: int) -> None:
        """Take how many frames were wanted."""
        super().__init__(frames=str(frames))


class TooOften(FramehoundError):
    """Somebody, or a whole server, asks faster than we answer."""

    code = "too_often"
    sentence = "That was a lot at once; please try again in {wait} s."

    def __init__(self, seconds: float) -> None:
        """Take how long to wait."""
        super().__init__(wait=str(max(1, round(seconds))))


class PermissionMissing(FramehoundError):
    """The bot is not allowed to answer in a channel."""

    code = "permission_missing"
    sentence = "I can't answer here: I need the permission {permissions}."

    def __init__(self, permissions: Sequence[str]) -> None:
        """Take the permissions as Discord's settings name them."""
        super().__init__(permissions=", ".join(permissions))

    def localized(self, translate: Callable[..., str]) -> str:
        """Return the sentence with each permission as it is called in that language."""
        named = ", ".join(map(translate, self.facts["permissions"].split(", ")))
        return translate(self.sentence, permissions=named)


class LeftAlone(FramehoundError):
    """The one who posted this wants their clips left alone."""

    code = "left_alone"
    sentence = "Who posted this has asked me to leave their clips alone."


class Forgotten(FramehoundError):
    """What was seen in a clip was forgotten since, or the tagger is another one now."""

    code = "forgotten"
    sentence = "I no longer know what is in this clip."


class NotYours(FramehoundError):
    """Somebody wants to remove a reply to other people."""

    code = "not_yours"
    sentence = "Only who posted the clip, who asked about it and moderators can remove this."


def restore(saved: Mapping[str, object]) -> FramehoundError:
    """Rebuild the error that ``as_dict`` saved; an unknown code gives the plain base class."""
    cls = _by_code().get(str(saved["code"]), FramehoundError)
    error = cls.__new__(cls)
    facts = saved.get("facts")
    FramehoundError.__init__(
        error,
        detail=str(saved.get("detail", "")),
        **{str(k): str(v) for k, v in facts.items()} if isinstance(facts, dict) else {},
    )
    return error


def _by_code() -> dict[str, type[FramehoundError]]:
    found: dict[str, type[FramehoundError]] = {}
    waiting: list[type[FramehoundError]] = [FramehoundError]
    while waiting:
        cls = waiting.pop()
        if "code" in vars(cls):
            found[cls.code] = cls
        waiting.extend(below for below in cls.__subclasses__() if below is not ConfigError)
    return found


def _distinct_figures(value: float, limit: float) -> tuple[str, str]:
    """Write a figure and its limit with just enough decimals to tell them apart."""
    figure = ""
    for decimals in range(1, 7):
        figure, bound = f"{value:.{decimals}f}", f"{limit:.{decimals}f}"
        if figure != bound:
            break
    return _plain(figure), _plain(f"{limit:.6f}")


def _plain(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
