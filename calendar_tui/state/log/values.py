"""Values as a filter has them."""


def quoted(value: str) -> str:
    """Return a value as a filter has it."""
    if value and all(letter.isalnum() or letter in "@._-" for letter in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
