from __future__ import annotations

from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.audience import (
    ADMINISTRATOR,
    VIEW_CHANNEL,
    ChannelAccess,
    GuildRoles,
    Overwrite,
    all_may_read,
)

EVERYONE, READ_HISTORY = 1, 1 << 16
ROLES = (EVERYONE, 2, 3, 4, 5)
some = st.sampled_from([0, VIEW_CHANNEL, READ_HISTORY, VIEW_CHANNEL | READ_HISTORY])
overwrites = st.dictionaries(st.sampled_from(ROLES), st.builds(Overwrite, some, some))
channels = st.builds(ChannelAccess, overwrites, reading=st.just(VIEW_CHANNEL | READ_HISTORY))
permissions = st.fixed_dictionaries(
    {role: some if role == EVERYONE else st.one_of(some, st.just(ADMINISTRATOR)) for role in ROLES}
)


@given(source=channels, target=channels, permissions=permissions)
def test_nobody_sees_the_target_without_the_source_whatever_roles_they_have(
    source: ChannelAccess, target: ChannelAccess, permissions: dict[int, int]
) -> None:
    roles = GuildRoles(EVERYONE, permissions)
    held = chain.from_iterable(combinations(ROLES[1:], count) for count in range(len(ROLES)))
    leaks = [
        each
        for each in held
        if roles.allow(each, target, VIEW_CHANNEL) and not roles.allow(each, source, source.reading)
    ]
    assert all_may_read(source, target, roles) == (not leaks)


def test_an_overwrite_that_allows_wins_over_one_that_denies() -> None:
    roles = GuildRoles(EVERYONE, dict.fromkeys(ROLES, 0))
    channel = ChannelAccess({2: Overwrite(deny=VIEW_CHANNEL), 3: Overwrite(allow=VIEW_CHANNEL)})
    assert roles.allow({2, 3}, channel, VIEW_CHANNEL)
    assert not roles.allow({2}, channel, VIEW_CHANNEL)


def test_a_persons_own_overwrite_wins_over_those_of_their_roles() -> None:
    roles = GuildRoles(EVERYONE, dict.fromkeys(ROLES, VIEW_CHANNEL))
    channel = ChannelAccess(
        {2: Overwrite(allow=VIEW_CHANNEL)}, people={9: Overwrite(deny=VIEW_CHANNEL)}
    )
    assert not roles.allow_person(9, {2}, channel, VIEW_CHANNEL)
    assert roles.allow_person(8, {2}, channel, VIEW_CHANNEL)
