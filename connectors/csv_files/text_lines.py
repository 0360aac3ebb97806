"""The lines of a CSV file as text, whichever of the usual programs wrote it, in constant memory.

UTF-8 (with or without byte order mark) and Windows-1252 are told apart by the first line that is not plain
ASCII: Danish text in Windows-1252 is not valid UTF-8. A character that cannot be read becomes U+FFFD, so that
one broken row does not end the reading; whoever takes values out of the text refuses those.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from connectors.csv_files.problems import UnreadableCsv

LINE_LIMIT: Final = 256 * 1024
"""Bytes of one line of the file; no row that makes a message needs as many."""
UNREADABLE: Final = "\ufffd"
_SAVE: Final = "save it as CSV UTF-8"
_MARK: Final = b"\xef\xbb\xbf"
_OTHERS: Final = {
    b"PK\x03\x04": "is a workbook or another archive",
    b"\xd0\xcf\x11\xe0": "is an old workbook",
    b"%PDF": "is a PDF document",
    b"\x1f\x8b": "is compressed",
    b"\xff\xfe": "is UTF-16",
    b"\xfe\xff": "is UTF-16",
}


def text_lines(file: BinaryIO, advance: Callable[[int], None]) -> Iterator[str]:
    """Every line with its end. `advance` is told how many bytes are read. Raises UnreadableCsv."""
    encoding: str | None = None
    number = read = 0
    while line := file.readline(LINE_LIMIT + 1):
        number += 1
        read += len(line)
        if number == 1:
            line = _first(line)
            encoding = "utf-8" if line.startswith(_MARK) else None
            line = line.removeprefix(_MARK)
        if b"\0" in line:
            raise UnreadableCsv(f"line {number}: holds bytes that no text has; {_SAVE}")
        if len(line) > LINE_LIMIT:
            raise UnreadableCsv(f"line {number}: has more than {LINE_LIMIT} bytes; {_SAVE}")
        if encoding is None and not line.isascii():
            encoding = "utf-8" if _is_utf8(line) else "cp1252"
        yield line.decode(encoding or "ascii", errors="replace")
        advance(read)


def other_format(beginning: bytes) -> str | None:
    """What a file is that begins so and is no text, such as "is UTF-16"; None where nothing tells."""
    return next((what for known, what in _OTHERS.items() if beginning.startswith(known)), None)


def _first(line: bytes) -> bytes:
    if what := other_format(line):
        raise UnreadableCsv(f"the file {what}; {_SAVE}")
    return line


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
