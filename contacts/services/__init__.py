"""Writes of contacts. Each function runs inside `acting_for`, unless it says otherwise."""

from contacts.services.fields import add_starter_fields
from contacts.services.importing import resume_imports, run_import
from contacts.services.people import (
    Saved,
    record_listing,
    record_look_up,
    record_view,
    save_contact,
    save_many,
)
from contacts.services.segments import NameTaken, on_segment_changed, save_segment
from contacts.services.uploads import (
    MappingProblem,
    confirm_mapping,
    discard_upload,
    record_preview,
    rejected_rows_csv,
    start_upload,
)

__all__ = [
    "MappingProblem",
    "NameTaken",
    "Saved",
    "add_starter_fields",
    "confirm_mapping",
    "discard_upload",
    "on_segment_changed",
    "record_listing",
    "record_look_up",
    "record_preview",
    "record_view",
    "rejected_rows_csv",
    "resume_imports",
    "run_import",
    "save_contact",
    "save_many",
    "save_segment",
    "start_upload",
]
