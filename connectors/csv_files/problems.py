"""What makes a CSV file unreadable as a whole; what is wrong with one row is told by the row."""

from schemas.problems import OvergangError


class UnreadableCsv(OvergangError):
    """The file is no CSV text, or its first line does not name the columns that are needed."""
