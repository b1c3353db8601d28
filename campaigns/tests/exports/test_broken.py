"""Every broken file is refused with its code and one clear sentence, and leaves nothing behind."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import pytest

from campaigns.exports import RefusalCode, ReportRefused, inspect_report, read_report
from campaigns.tests.exports.broken import BROKEN, EXPECTED

TODAY = dt.date(2026, 11, 23)


@pytest.mark.parametrize("name", list(BROKEN))
def test_broken_file_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    path = BROKEN[name](tmp_path)
    with pytest.raises(ReportRefused) as refused:
        read_report(path, filename=path.name, today=TODAY)
    assert refused.value.code is EXPECTED[name]
    sentence = str(refused.value)
    assert sentence == str(refused.value.message)
    assert "{" not in sentence
    assert sentence[-1] in ".?!"
    assert 20 < len(sentence) < 400


@pytest.mark.parametrize("name", list(BROKEN))
def test_preview_of_a_broken_file_refuses_or_previews_but_never_crashes(name: str, tmp_path: Path) -> None:
    path = BROKEN[name](tmp_path)
    try:
        preview = inspect_report(path, filename=path.name, today=TODAY)
    except ReportRefused as refused:
        # The first rows may show another side of the same trouble, never another kind of file.
        assert refused.code in (EXPECTED[name], RefusalCode.NO_DATA)  # noqa: PT017
    else:
        assert preview.mapping


def test_the_catalogue_covers_every_code() -> None:
    # A mismatch needs a chosen platform: see test_detection.
    assert set(EXPECTED.values()) == set(RefusalCode) - {RefusalCode.PLATFORM_MISMATCH}
    assert len(BROKEN) >= 30


def test_refusals_name_row_column_and_value(tmp_path: Path) -> None:
    path = BROKEN["word_in_a_number"](tmp_path)
    with pytest.raises(ReportRefused) as refused:
        read_report(path, filename=path.name, today=TODAY)
    assert refused.value.detail == {"row": 3, "column": "Impressions", "value": "many"}


def test_no_temporary_file_outlives_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    make = tempfile.TemporaryFile

    def recording(*args: object, **kwargs: object) -> object:
        opened.append(make(*args, **kwargs))  # type: ignore[call-overload]
        return opened[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", recording)
    for name in ("word_in_a_number", "row_with_columns_missing", "no_currency"):
        path = BROKEN[name](tmp_path)
        with pytest.raises(ReportRefused):
            read_report(path, filename=path.name, today=TODAY)
    assert len(opened) == 3
    assert all(file.closed for file in opened)


def test_hostile_text_is_cut_in_the_sentence(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("Day,Campaign name,Impressions\r\n2026-04-13,A," + "x" * 5_000 + "\r\n")
    with pytest.raises(ReportRefused) as refused:
        read_report(path, filename=path.name, platform="meta", today=TODAY)
    assert refused.value.code is RefusalCode.BAD_NUMBER
    assert len(str(refused.value)) < 400


def test_braces_in_a_cell_do_not_break_the_sentence(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("Day,Campaign name,Impressions\r\n2026-04-13,A,{row!r} {0} {\r\n")
    with pytest.raises(ReportRefused) as refused:
        read_report(path, filename=path.name, platform="meta", today=TODAY)
    assert "{row!r} {0} {" in str(refused.value)
