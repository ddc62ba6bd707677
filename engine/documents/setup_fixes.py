"""What the program can do about what is wrong on a page of the set-up."""

from engine.api.schema.setup import SetupFix, SetupPage


def fixes_offered(page: SetupPage) -> tuple[SetupFix, ...]:
    """Return the fixes that the fields and the checks of a page offer, each once, the best first; a check with other
    answers than those of now offers none."""
    found = [each for each in (page.check, page.reach) if each is not None and each.holds]
    fixes = [*(fix for field in page.fields for fix in field.fixes), *(fix for each in found for fix in each.fixes)]
    return tuple({fix.id: fix for fix in fixes}.values())
