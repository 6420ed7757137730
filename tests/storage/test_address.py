from __future__ import annotations

import pytest

from bot.errors import ConfigError
from bot.storage.engine import DatabaseAddress


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///framehound.db", "framehound.db"),
        ("sqlite:////srv/why? it's 100%25 #1.db", "/srv/why? it's 100%25 #1.db"),
        ("postgresql://user@host/db", None),
    ],
)
def test_both_documented_forms_are_parsed(text: str, path: str | None) -> None:
    address = DatabaseAddress.parse(text)
    assert address.path == path
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user:hunter2@host/db",
        "postgresql://user@host/db?password=hunter2",
        "postgresql://user:hunter2@host/db?sslmode=require",
    ],
)
def test_a_password_is_never_shown(text: str) -> None:
    address = DatabaseAddress.parse(text)
    assert "hunter2" not in str(address) + repr(address)
    assert "hunter2" in address.url.render_as_string(hide_password=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "framehound.db",
        "mysql://user:hunter2@host/db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "postgresql://user:letmein@hunter2@host/db",
        "postgresql://us/er:hunter2/x@host/db",
        "postgresql://user:a/b@hunter2@host/db",
        "postgresql://host:hunter2/db",
    ],
)
def test_other_addresses_are_refused_without_quoting_them(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DatabaseAddress.parse(text)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith("DATABASE_URL: ")
    assert "\n" not in mistake
    assert "hunter2" not in mistake
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
