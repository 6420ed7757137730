"""Which vision model to call, and where."""

from __future__ import annotations

from dataclasses import dataclass, field

from yarl import URL

from bot.domain.concepts import TaggerIdentity
from bot.taggers.vision.request import LANGUAGES, REVISION

_DEFAULT_THRESHOLD = 0.5  # the prompt asks for scores that say how sure the model is


@dataclass(frozen=True, slots=True)
class VisionEndpoint:
    """A model behind an OpenAI-compatible chat endpoint; ``key`` is empty if it needs none."""

    url: str
    model: str
    key: str = field(default="", repr=False)

    @property
    def completions_url(self) -> str:
        """The address that takes requests."""
        return f"{self.url.rstrip('/')}/chat/completions"

    @property
    def host(self) -> str:
        """The host, with its port unless that is the scheme's own."""
        return URL(self.url).authority

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Content-Type": "application/json", **key}

    @property
    def identity(self) -> TaggerIdentity:
        """The model, its host, and the revision of the prompt."""
        return TaggerIdentity(
            name="vision",
            model=self.model,
            default_threshold=_DEFAULT_THRESHOLD,
            revision=f"{self.host}-{REVISION}",
            languages=frozenset(LANGUAGES),
        )

    def without_key(self, text: str) -> str:
        """Return a text for the log without the key."""
        return text.replace(self.key, "[key]") if self.key else text
