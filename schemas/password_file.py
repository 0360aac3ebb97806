"""A password in a file of its own: never in the environment, where every child and every listing shows it."""

import os
from pathlib import Path

from schemas.key_file import KeyFileError

_LONGEST = 1024


def password_in(file: Path, setting: str) -> str:
    """The password in the file, one line; `setting` names the environment variable that names the file.

    Raises:
        KeyFileError: the file is missing, open to others, or holds no password.
    """
    try:
        with file.open("rb") as opened:
            mode, content = os.fstat(opened.fileno()).st_mode, opened.read(_LONGEST)
    except OSError as error:
        raise KeyFileError(
            f"{file}: the password file cannot be read ({error.strerror}); mend it, or name another in "
            f"{setting}"
        ) from None
    if mode & 0o077:
        raise KeyFileError(f"{file}: others can read the password; run: chmod 600 {file}")
    password = content.decode("utf-8", "replace").rstrip("\r\n")
    if not password or not password.isprintable():
        raise KeyFileError(f"{file}: holds no password; write it there, one line, and see {setting}")
    return password
