"""A party as a command's option: one that sends messages of its own."""

import typer

from schemas.identifiers import PartyAddress, parse_party


def sending_party(text: str) -> PartyAddress:
    """The address of an institution or a municipality."""
    try:
        role, _ = parse_party(text)
    except ValueError as mend:
        raise typer.BadParameter(str(mend)) from None
    if role == "gateway":
        raise typer.BadParameter("write /institution/ and 6 digits, or /municipality/ and 3 digits")
    return PartyAddress(text)
