from __future__ import annotations

import pytest

from bot.media.fetch.share_pages import direct_link

DRIVE = "https://drive.usercontent.google.com/download?id=1a_B-c&export=download&confirm=t"


@pytest.mark.parametrize(
    ("page", "file"),
    [
        (
            "https://www.dropbox.com/scl/fi/ab1/cat%20x.mp4?rlkey=k%2F1&st=2&dl=0",
            "https://www.dropbox.com/scl/fi/ab1/cat%20x.mp4?rlkey=k%2F1&st=2&dl=1",
        ),
        ("https://dropbox.com/s/ab1/cat.mp4", "https://www.dropbox.com/s/ab1/cat.mp4?dl=1"),
        ("https://drive.google.com/file/d/1a_B-c/view?usp=sharing", DRIVE),
        ("https://drive.google.com/open?id=1a_B-c&usp=drive_fs", DRIVE),
        ("https://drive.google.com/uc?export=view&id=1a_B-c", DRIVE),
        ("http://imgur.com/AbCdEfG", "https://i.imgur.com/AbCdEfG.mp4"),
        ("https://i.imgur.com/AbCdEfG.gifv", "https://i.imgur.com/AbCdEfG.mp4"),
        ("https://giphy.com/gifs/cat-dance-aBc12", "https://media.giphy.com/media/aBc12/giphy.mp4"),
        (
            "https://github.com/o/r/blob/main/a%2Fb/cat.mp4?raw=true",
            "https://raw.githubusercontent.com/o/r/main/a%2Fb/cat.mp4",
        ),
    ],
)
def test_a_share_page_with_a_direct_form_becomes_it(page: str, file: str) -> None:
    assert direct_link(page) == file


@pytest.mark.parametrize(
    "link",
    [
        "https://imgur.com/gallery/AbCdEfG",
        "https://imgur.com/a/AbCdEfG",
        "https://streamable.com/abc12",
        "https://dropbox.com.evil.example/s/x/cat.mp4?dl=0",
        "https://x.example/?u=https://imgur.com/AbCdEfG",
        "ftp://imgur.com/AbCdEfG",
        "https://cdn.example/cat.mp4?dl=0",
        "cat.mp4",
    ],
)
def test_other_links_stay_as_they_are(link: str) -> None:
    assert direct_link(link) == link
