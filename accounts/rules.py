"""Who may do what: six roles and their permissions, in one table."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    PRIVACY_OFFICER = "privacy_officer"
    MARKETER = "marketer"
    ANALYST = "analyst"
    AUDITOR = "auditor"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


class Permission(StrEnum):
    SEE_DASHBOARD = "see_dashboard"
    SEE_CONTACTS = "see_contacts"
    SEARCH_NAMES = "search_names"
    UNMASK_CONTACTS = "unmask_contacts"
    EDIT_CONTACTS = "edit_contacts"
    ERASE_CONTACTS = "erase_contacts"
    REQUEST_EXPORTS = "request_exports"
    ALLOW_EXPORTS = "allow_exports"
    IMPORT_CONTACTS = "import_contacts"
    MANAGE_FIELDS = "manage_fields"
    SEE_SEGMENTS = "see_segments"
    EDIT_SEGMENTS = "edit_segments"
    SEE_CONSENT = "see_consent"
    PUBLISH_FORMS = "publish_forms"
    RECORD_CONSENT = "record_consent"
    MANAGE_CONSENT = "manage_consent"
    MANAGE_TOPICS = "manage_topics"
    RULE_ON_HOLDS = "rule_on_holds"
    SEE_COMPLIANCE = "see_compliance"
    SEE_CAMPAIGNS = "see_campaigns"
    EDIT_CAMPAIGNS = "edit_campaigns"
    APPROVE_CAMPAIGNS = "approve_campaigns"
    LAUNCH_CAMPAIGNS = "launch_campaigns"
    STOP_CAMPAIGNS = "stop_campaigns"
    STOP_ALL_SENDING = "stop_all_sending"
    SEE_REPORTS = "see_reports"
    MANAGE_SENDERS = "manage_senders"
    MANAGE_STAFF = "manage_staff"
    SEE_AUDIT = "see_audit"


_P = Permission
_EVERYBODY = {_P.SEE_DASHBOARD, _P.SEE_CAMPAIGNS, _P.SEE_REPORTS}

GRANTS: dict[Role, frozenset[Permission]] = {
    # The owner answers for the organization and its contract; sees all, touches no campaign alone.
    Role.OWNER: frozenset(Permission),
    # Keeps people and senders in order; has no business with patients or content.
    Role.ADMINISTRATOR: frozenset(
        _EVERYBODY
        | {
            _P.MANAGE_STAFF,
            _P.MANAGE_SENDERS,
            _P.STOP_CAMPAIGNS,
            _P.STOP_ALL_SENDING,
            _P.SEE_AUDIT,
        }
    ),
    # Decides what is lawful: forms, authorizations, approval.
    Role.PRIVACY_OFFICER: frozenset(
        _EVERYBODY
        | {
            _P.SEE_CONTACTS,
            _P.SEARCH_NAMES,
            _P.UNMASK_CONTACTS,
            _P.EDIT_CONTACTS,
            _P.ERASE_CONTACTS,
            _P.REQUEST_EXPORTS,
            _P.ALLOW_EXPORTS,
            _P.IMPORT_CONTACTS,
            _P.MANAGE_FIELDS,
            _P.SEE_SEGMENTS,
            _P.SEE_CONSENT,
            _P.PUBLISH_FORMS,
            _P.RECORD_CONSENT,
            _P.MANAGE_CONSENT,
            _P.MANAGE_TOPICS,
            _P.RULE_ON_HOLDS,
            _P.SEE_COMPLIANCE,
            _P.APPROVE_CAMPAIGNS,
            _P.STOP_CAMPAIGNS,
            _P.STOP_ALL_SENDING,
            _P.SEE_AUDIT,
        }
    ),
    # Builds segments and campaigns, and sees counts rather than people.
    Role.MARKETER: frozenset(
        _EVERYBODY
        | {
            _P.IMPORT_CONTACTS,
            _P.MANAGE_FIELDS,
            _P.SEE_CONTACTS,
            _P.REQUEST_EXPORTS,
            _P.SEE_SEGMENTS,
            _P.EDIT_SEGMENTS,
            _P.SEE_CONSENT,
            _P.MANAGE_TOPICS,
            _P.EDIT_CAMPAIGNS,
            _P.LAUNCH_CAMPAIGNS,
            _P.STOP_CAMPAIGNS,
        }
    ),
    # Reads figures.
    Role.ANALYST: frozenset(_EVERYBODY | {_P.SEE_SEGMENTS}),
    # Reads what happened.
    Role.AUDITOR: frozenset(_EVERYBODY | {_P.SEE_AUDIT, _P.SEE_CONSENT, _P.SEE_COMPLIANCE}),
}


def may_manage(actor: Role, subject: Role) -> bool:
    """Whether who manages staff may give or end this role: owners are made by owners alone."""
    return actor is Role.OWNER or subject is not Role.OWNER


def allows(role: Role, permission: Permission) -> bool:
    """Whether the role has the permission."""
    return permission in GRANTS[role]
