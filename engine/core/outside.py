"""What comes from outside, made fit for a log line, a terminal and a status."""


def one_line(text: str, longest: int) -> str:
    """Return at most `longest` characters of what a peer wrote, with a blank for each that would control a terminal."""
    return "".join(character if character.isprintable() else " " for character in text[:longest]).strip()
