"""What is known of a tenant, as lines for people."""

from engine.api.schema.cloud import CloudTenant
from engine.documents.cloud import tenant_document

TENANT = "11111111-2222-3333-4444-555555555555"


def test_findings_fit_and_are_clean() -> None:
    found = CloudTenant(
        tenant_id=TENANT,
        client_id=None,
        read_basic_suffices=None,
        removable_roles=None,
        primary_address_works=None,
        answers_zipped=None,
        missing_mailbox=None,
        batches_at_once=None,
        learned={},
        unknown={},
        findings=("a finding \x1b[2J that is long " * 10,),
    )
    text = "\n".join(each.text for each in tenant_document(found, 80))
    assert TENANT in text
    assert "CLIENT_ID" in text
    assert "\x1b" not in text
    assert all(len(each) <= 80 for each in text.splitlines())
