"""All expected failures, as one tree.

    FramehoundError
    ├── ConfigError              a setting is wrong or missing (exit code 2)
    ├── ClipError                the clip cannot be tagged; trying again changes nothing
    │   ├── NotFound             not_found
    │   ├── Unreachable          unreachable
    │   │   └── LinkExpired      the same, for an address that refuses access
    │   ├── UnsupportedUrl       unsupported_url
    │   ├── AddressNotPublic     address_not_public
    │   ├── TooLarge             too_large
    │   ├── TooLong              too_long
    │   ├── UnsupportedFormat    unsupported_format
    │   ├── NotAVideo            not_a_video
    │   ├── Damaged              damaged
    │   ├── Protected            protected
    │   ├── TooLargePicture      too_large_picture
    │   ├── TooSlow              too_slow
    │   └── JobAbandoned         job_abandoned
    ├── DiskFull                 disk_full
    ├── RateLimited              rate_limited
    ├── PermissionMissing        permission_missing
    ├── TooManyClips             too_many_clips
    ├── TooManyWords             too_many_words
    ├── UnclearSearch            unclear_search
    ├── StillDrawing             still_drawing
    ├── OptedOut                 opted_out
    ├── TaggingErased            tagging_erased
    ├── ButtonExpired            button_expired
    ├── NotAllowed               not_allowed
    ├── CorrectionNotAllowed     correction_not_allowed
    └── TaggerError              the clip is fine, the tagger is not
        ├── TaggerUnavailable    tagger_unavailable
        ├── TaggerRefused        tagger_refused
        ├── TaggerBusy           tagger_busy
        └── QuotaExhausted       quota_exhausted
            └── BudgetExhausted  the same, for the operator's own budget

``str(error)`` is a sentence for people, and ``error.localized(translate)`` the same in their
language. ``error.detail`` is for the operator's log only. To store an error or send it to another
process, use ``error.record()``; ``record.restore()`` gives the error back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BudgetLimit = Literal["month", "job", "person", "newcomers"]
"""What has no frames left for a clip: the month, or what a job, a person or newcomers may use."""


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """An error as a value: to store it, to send it to another process, to compare it."""

    code: str
    facts: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""

    def restore(self) -> FramehoundError:
        """Return the error again; one with an unknown code is a plain ``FramehoundError``."""
        cls = _by_code().get(self.code, FramehoundError)
        try:
            return cls(detail=self.detail, **self.facts)
        except (KeyError, IndexError):  # from another version, whose sentence had other facts
            return FramehoundError(detail=self.detail)

    def as_dict(self) -> dict[str, object]:
        """Return the record as JSON values."""
        return {"code": self.code, "facts": dict(self.facts), "detail": self.detail}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> ErrorRecord:
        """Return the record that ``as_dict`` wrote."""
        facts = {str(name): str(fact) for name, fact in saved["facts"].items()}
        return cls(str(saved["code"]), facts, str(saved["detail"]))


class FramehoundError(Exception):
    """An expected failure: a stable code and a sentence for people.

    The fact called ``chosen_by`` may choose one of ``sentences`` instead of ``sentence``. ``facts``
    fill the placeholders of the sentence. ``billed`` is the number of frames that a
    tagger billed before it failed.
    """

    code: ClassVar[str] = "failed"
    sentence: ClassVar[str] = "Something went wrong on my end. Try again later."
    sentences: ClassVar[Mapping[str, str]] = MappingProxyType({})
    chosen_by: ClassVar[str] = ""
    billed: int = 0

    def __init__(self, *, detail: str = "", **facts: str) -> None:
        """Fill ``sentence`` with ``facts``; ``detail`` is for the operator's log only."""
        self.facts = facts
        self.detail = detail
        super().__init__(self.template.format(**facts))

    @property
    def template(self) -> str:
        """The sentence before its facts are filled in."""
        return self.sentences.get(self.facts.get(self.chosen_by, ""), self.sentence)

    def localized(self, translate: Callable[..., str]) -> str:
        """Return the sentence in another language; facts may be translatable too."""
        facts = {name: translate(fact) for name, fact in self.facts.items()}
        return translate(self.template, **facts)

    def record(self) -> ErrorRecord:
        """Return the error as a value."""
        return ErrorRecord(self.code, self.facts, self.detail)


class ConfigError(FramehoundError):
    """One or more settings are wrong; ``mistakes`` has a line for each one."""

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
    """There is nothing at that path or address."""

    code = "not_found"
    sentence = "I couldn't find this clip. It may have been moved or deleted."
    chosen_by = "reason"
    sentences: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"not_a_file": "That's not a file. I can only read regular files."}
    )


class Unreachable(ClipError):
    """The address did not answer, or did not answer with a file."""

    code = "unreachable"
    sentence = (
        "I couldn't download a clip from this link. Make sure it's a public link straight "
        "to the file."
    )


class LinkExpired(Unreachable):
    """The address refuses access, as a signed link does after it expires."""


class UnsupportedUrl(ClipError):
    """The address has a scheme, port or form that is not fetched."""

    code = "unsupported_url"
    sentence = "I can only open http and https links on their standard ports."


class AddressNotPublic(ClipError):
    """The address leads into a network that is not public.

    The sentence is the same as for ``Unreachable``, so that nobody can map the operator's network
    by trying addresses. The operator's log has the detail.
    """

    code = "address_not_public"
    sentence = Unreachable.sentence


class _OverLimit(ClipError):
    """More than a limit allows; with the fact ``least``, the figure is a lower bound."""

    at_least_sentence: ClassVar[str]

    @property
    def template(self) -> str:
        return self.at_least_sentence if "least" in self.facts else self.sentence

    @classmethod
    def _of(cls, value: float, limit: float, *, at_least: bool) -> Self:
        figure, bound = _distinct_figures(value, limit)
        least = {"least": "yes"} if at_least else {}
        return cls(figure=figure, limit=bound, **least)


class TooLarge(_OverLimit):
    """More bytes than the limit."""

    code = "too_large"
    sentence = "This clip is too large: {figure} MB. The limit is {limit} MB."
    at_least_sentence = "This clip is too large: at least {figure} MB. The limit is {limit} MB."

    @classmethod
    def of(cls, size: int, limit: int, *, at_least: bool = False) -> Self:
        """Return the error for a size in bytes; ``at_least`` if the rest was never read."""
        return cls._of(size / 1e6, limit / 1e6, at_least=at_least)


class TooLong(_OverLimit):
    """More seconds than the limit."""

    code = "too_long"
    sentence = "This clip is too long: {figure} min. The limit is {limit} min."
    at_least_sentence = "This clip is too long: at least {figure} min. The limit is {limit} min."

    @classmethod
    def of(cls, length: int, limit: int, *, at_least: bool = False) -> Self:
        """Return the error for a length in milliseconds; ``at_least`` if the rest was not read."""
        return cls._of(length / 60_000, limit / 60_000, at_least=at_least)


class UnsupportedFormat(ClipError):
    """The file is not one of the supported containers; ``reason`` is a key of ``sentences``."""

    code = "unsupported_format"
    sentence = "I can't read {format}. I can read {formats}."
    chosen_by = "reason"
    sentences: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "page": "That link leads to a web page, not to a clip. Link straight to the file.",
        }
    )


class NotAVideo(ClipError):
    """The file is fine but has no moving picture."""

    code = "not_a_video"
    sentence = "There's no video in this file."


class Damaged(ClipError):
    """Nothing in the file can be decoded."""

    code = "damaged"
    sentence = "This clip is damaged, so I can't read it."


class Protected(ClipError):
    """The file is encrypted."""

    code = "protected"
    sentence = "This clip is protected (encrypted), so I can't read it."


class TooLargePicture(ClipError):
    """Decoding the clip needs more than we allow; ``reason`` is a key of ``sentences``."""

    code = "too_large_picture"
    sentence = "This clip has too large a picture for this bot."
    chosen_by = "reason"
    sentences: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "memory": "This clip needs more memory than this bot can give it.",
            "large_pictures": "This clip needs more memory than this bot can give it.",
            "pictures": "This clip has more pictures than this bot can look at.",
        }
    )


class TooSlow(ClipError):
    """Downloading, opening or decoding took longer than allowed; ``stage`` says which of them."""

    code = "too_slow"
    sentence = "Opening this clip took too long, so I stopped."
    chosen_by = "stage"
    sentences: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "download": "Downloading this clip took too long, so I stopped.",
            "decode": "Decoding this clip took too long, so I stopped.",
        }
    )


class JobAbandoned(ClipError):
    """The process died several times while it worked on the job."""

    code = "job_abandoned"
    sentence = "I got interrupted every time I worked on this clip, so I gave up."


class DiskFull(FramehoundError):
    """There is no disk space for working on a clip."""

    code = "disk_full"
    sentence = "I've run out of disk space. Try again later."


class TaggerError(FramehoundError):
    """The tagger failed on a clip that is fine."""


class TaggerUnavailable(TaggerError):
    """The tagger cannot be used: no answer, bad credentials, wrong model."""

    code = "tagger_unavailable"
    sentence = "The tagger isn't available right now. Try again later."
    chosen_by = "reason"
    sentences: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"setup": "I can't use the tagger until the person who runs me fixes its setup."}
    )


class TaggerRefused(TaggerError):
    """The tagger does not accept this clip; ``reason`` is a key of ``sentences``."""

    code = "tagger_refused"
    sentence = "The tagger didn't accept this clip."
    chosen_by = "reason"
    sentences: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "download": "The tagger couldn't download this clip.",
            "unsupported": "The tagger can't read this clip's format.",
            "invalid": "The tagger found something in this clip that it doesn't accept.",
            "over_limit": "This clip is too large or too long for the tagger.",
            "bad_link": "The tagger can't use this clip's link.",
            "bad_bytes": "The tagger can't read this clip's file.",
            "undecodable": "The tagger couldn't decode this clip.",
            "empty": "The tagger returned nothing for this clip.",
            "declined": "The tagger declined to describe this clip.",
        }
    )


class TaggerBusy(TaggerError):
    """The tagger or the queue has too much to do."""

    code = "tagger_busy"
    sentence = "The tagger is busy right now. Try again in a few minutes."


class QuotaExhausted(TaggerError):
    """The account's allowance is used up."""

    code = "quota_exhausted"
    sentence = "The tagger's quota is used up for now. Try again later."
    chosen_by = "budget"
    sentences: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "month": (
                "There aren't enough frames left this month for this clip, which needs {frames}. "
                "Try a shorter one, or wait until next month."
            ),
            "job": (
                "This clip needs {frames} frames. With the other clips of the message, that's more "
                "than half of the month's frames, so I left it out."
            ),
            "person": (
                "This clip needs {frames} frames. That's more than one person may use here for "
                "now. Try a shorter one, or try again tomorrow."
            ),
            "newcomers": (
                "This clip needs {frames} frames. That's more than servers that are small or new "
                "to me may use for now. Try a shorter one, or try again tomorrow."
            ),
            "account": "I can't use the tagger until the person who runs me tops up its account.",
        }
    )


class BudgetExhausted(QuotaExhausted):
    """The budget has no frames for a clip: a month's, or what a job or a person may use of it.

    Restored from its record, it is a ``QuotaExhausted`` with the same sentence.
    """

    @classmethod
    def of(cls, frames: int, budget: BudgetLimit = "month") -> Self:
        """Return the error for a clip with this number of frames."""
        return cls(budget=budget, frames=str(frames))

    @classmethod
    def is_of_server(cls, record: ErrorRecord) -> bool:
        """Return whether a record says that the server has no frames left for now."""
        return record.code == cls.code and record.facts.get("budget") in {"month", "newcomers"}


class RateLimited(FramehoundError):
    """A person or a server asks too often."""

    code = "rate_limited"
    sentence = "That's a lot of requests at once. Try again in {wait} s."

    @classmethod
    def of(cls, seconds: float) -> Self:
        """Return the error with the seconds to wait."""
        return cls(wait=str(max(1, round(seconds))))


class PermissionMissing(FramehoundError):
    """The bot is not allowed to answer in a channel."""

    code = "permission_missing"
    sentence = "I can't reply here. Missing permissions: {permissions}."

    @classmethod
    def of(cls, permissions: Sequence[str]) -> Self:
        """Return the error with the permissions, named as in Discord's settings."""
        return cls(permissions=", ".join(permissions))

    def localized(self, translate: Callable[..., str]) -> str:
        """Return the sentence with each permission named in that language."""
        named = ", ".join(map(translate, self.facts["permissions"].split(", ")))
        return translate(self.sentence, permissions=named)


class StillDrawing(FramehoundError):
    """A person presses another button while the last press is being worked on."""

    code = "still_drawing"
    sentence = "I'm still working on the last button you pressed here. Try again in a moment."


class TooManyClips(FramehoundError):
    """A command names more clips than one job may have."""

    code = "too_many_clips"
    sentence = "That's {count} clips. I can look at {most} at once, so give me fewer."


class TooManyWords(FramehoundError):
    """A query has more words than one search may have."""

    code = "too_many_words"
    sentence = "I can look for {count} words at once. Use fewer, or put them in quotes."


class UnclearSearch(FramehoundError):
    """A part of a search can't be understood: a date, a score, a person or a channel."""

    code = "unclear_search"
    sentence = "Write what I should look for."
    sentences = MappingProxyType(
        {
            "date": "Write dates as year-month-day, such as 2026-11-24.",
            "score": "Use a score from 0 to just below 1, such as 0.9 or 90%.",
            "person": "I don't know anybody called {name} here. Mention them, or use their ID.",
            "channel": "I couldn't find a channel called {name} that you can see.",
        }
    )
    chosen_by = "part"

    def localized(self, translate: Callable[..., str]) -> str:
        """Return the sentence in another language; names stay as they are."""
        return translate(self.template, **self.facts)


class OptedOut(FramehoundError):
    """The person who posted the clip has opted out."""

    code = "opted_out"
    sentence = "The person who posted this asked me to leave their clips alone."


class ButtonExpired(FramehoundError):
    """A button is of another version, or names nothing that exists."""

    code = "button_expired"
    sentence = "This button doesn't work any more. Use the command again."


class TaggingErased(FramehoundError):
    """The clip's tagging was erased, or another tagger is in use now."""

    code = "tagging_erased"
    sentence = "I've forgotten what's in this clip. Use `/tags` to tag it again."


class NotAllowed(FramehoundError):
    """The person may not remove this reply."""

    code = "not_allowed"
    sentence = (
        "Only the person who posted the clip, the person who asked about it, and "
        "moderators can remove this."
    )


class CorrectionNotAllowed(FramehoundError):
    """The person may not hide a clip's tags."""

    code = "correction_not_allowed"
    sentence = "Only the person who posted the clip and moderators can correct its tags."


class OwnerUnknown(NotAllowed):
    """It cannot be found out whether the person may remove this reply."""

    code = "owner_unknown"
    sentence = "I no longer know who this reply is for, so only moderators can remove it."


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
    """Format a figure and its limit with enough decimals to make them differ."""
    figure = ""
    for decimals in range(1, 7):
        figure, bound = f"{value:.{decimals}f}", f"{limit:.{decimals}f}"
        if figure != bound:
            break
    return _plain(figure), _plain(f"{limit:.6f}")


def _plain(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
