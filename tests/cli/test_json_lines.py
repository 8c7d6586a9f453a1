"""Reading JSON lines: what is accepted, what is reported, and that nothing read is ever quoted."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tide_chat.cli.json_lines import read_json_lines


def read(data: bytes) -> tuple[list[tuple[int, dict[str, Any]]], list[tuple[int, str]]]:
    reports: list[tuple[int, str]] = []
    rows = list(
        read_json_lines(io.BytesIO(data), lambda number, why: reports.append((number, why)))
    )
    return rows, reports


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b'{"id": 1}\n{"id": 2}\n', [(1, {"id": 1}), (2, {"id": 2})], id="plain"),
        pytest.param(
            b'{"id": 1}\n{"id": 2}', [(1, {"id": 1}), (2, {"id": 2})], id="no last newline"
        ),
        pytest.param(
            b'\xef\xbb\xbf{"id": 1}\r\n{"id": 2}\r\n',
            [(1, {"id": 1}), (2, {"id": 2})],
            id="bom crlf",
        ),
        pytest.param(
            b'\n  \n\xef\xbb\xbf\n{"id": 4}\n\n', [(4, {"id": 4})], id="blank lines count"
        ),
        pytest.param(b'{"t": "a\xffb"}\n', [(1, {"t": "a\ufffdb"})], id="invalid utf-8"),
        pytest.param('{"t": "a\u2028b"}\n'.encode(), [(1, {"t": "a\u2028b"})], id="line separator"),
    ],
)
def test_reads_what_people_have(data: bytes, expected: list[tuple[int, dict[str, Any]]]) -> None:
    assert read(data) == (expected, [])


@pytest.mark.parametrize(
    "line",
    [
        b"secret words",
        b'{"t": "secret',
        b'["secret"]',
        b'"secret"',
        b"7",
        b"null",
        b"[" * 200_000,
        b"9" * 5_000,
        b"\xff\xfe",
        b"{}{}",
    ],
    ids=lambda line: repr(line[:12]),
)
def test_a_bad_line_is_reported_by_number_without_its_content_and_reading_goes_on(
    line: bytes,
) -> None:
    rows, reports = read(b'{"id": 1}\n' + line + b'\n{"id": 3}\n')
    assert rows == [(1, {"id": 1}), (3, {"id": 3})]
    assert [number for number, _ in reports] == [2]
    assert "secret" not in reports[0][1]


def test_a_line_of_two_megabytes() -> None:
    text = "word " * 400_000
    assert read(json.dumps({"text": text}).encode() + b"\n") == ([(1, {"text": text})], [])


def test_streams_an_object_before_the_next_line_is_there() -> None:
    class Slow(io.RawIOBase):
        asked = 0

        def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]
            for number in (1, 2):
                self.asked = number
                yield b'{"id": %d}\n' % number

    slow = Slow()
    rows = read_json_lines(slow, lambda *_: None)  # type: ignore[arg-type]
    assert next(rows) == (1, {"id": 1})
    assert slow.asked == 1


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    rows, _ = read(data)
    assert all(isinstance(value, dict) for _, value in rows)
