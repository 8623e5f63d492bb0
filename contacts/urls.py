"""Pages of contacts, under `/o/<organization>/`."""

from django.urls import path

from contacts.views import corrections, exports, fields, imports, people, segments

app_name = "contacts"
urlpatterns = [
    path("contacts/", people.contacts, name="contacts"),
    path("contacts/<uuid:contact>/", people.contact, name="contact"),
    path("imports/", imports.imports, name="imports"),
    path("imports/new/", imports.imports_new, name="imports_new"),
    path("imports/matchings/", imports.saved_mappings, name="saved_mappings"),
    path(
        "imports/matchings/<uuid:mapping>/delete/",
        imports.saved_mapping_delete,
        name="saved_mapping_delete",
    ),
    path("imports/<uuid:source>/", imports.import_detail, name="import_detail"),
    path("imports/<uuid:source>/mapping/", imports.import_mapping, name="import_mapping"),
    path("imports/<uuid:source>/confirm/", imports.import_confirm, name="import_confirm"),
    path("imports/<uuid:source>/cancel/", imports.import_cancel, name="import_cancel"),
    path("imports/<uuid:source>/undo/", imports.import_undo, name="import_undo"),
    path("imports/<uuid:source>/correct/", imports.import_correct, name="import_correct"),
    path(
        "imports/<uuid:source>/correct/cells/",
        imports.import_correct_cells,
        name="import_correct_cells",
    ),
    path("imports/<uuid:source>/progress/", imports.import_progress, name="import_progress"),
    path("imports/<uuid:source>/rejected-rows/", imports.import_rejects, name="import_rejects"),
    path("segments/", segments.segments, name="segments"),
    path("segments/new/", segments.segment_new, name="segment_new"),
    path("segments/count/", segments.segment_count, name="segment_count"),
    path("segments/reach/", segments.segment_reach, name="segment_reach"),
    path("segments/codes/", segments.segment_codes, name="segment_codes"),
    path("segments/<uuid:segment>/", segments.segment, name="segment"),
    path("segments/<uuid:segment>/save/", segments.segment_save, name="segment_save"),
    path("segments/<uuid:segment>/copy/", segments.segment_copy, name="segment_copy"),
    path("segments/<uuid:segment>/delete/", segments.segment_delete, name="segment_delete"),
    path("contacts/<uuid:contact>/values/", people.contact_unmask, name="contact_unmask"),
    path("contacts/<uuid:contact>/hide/", people.contact_mask, name="contact_mask"),
    path("contacts/<uuid:contact>/correct/", corrections.contact_correct, name="contact_correct"),
    path("contacts/<uuid:contact>/merge/", corrections.contact_merge, name="contact_merge"),
    path(
        "contacts/<uuid:contact>/merge/<uuid:other>/",
        corrections.contact_compare,
        name="contact_compare",
    ),
    path("contacts/<uuid:contact>/erase/", corrections.contact_erase, name="contact_erase"),
    path("exports/", exports.exports, name="exports"),
    path("exports/new/", exports.export_new, name="export_new"),
    path("exports/<uuid:export>/", exports.export, name="export"),
    path("exports/<uuid:export>/progress/", exports.export_progress, name="export_progress"),
    path("exports/<uuid:export>/decide/", exports.export_decide, name="export_decide"),
    path("exports/<uuid:export>/file/", exports.export_file, name="export_file"),
    path("fields/", fields.fields, name="fields"),
    path("fields/new/", fields.field_new, name="field_new"),
    path("fields/progress/", fields.field_progress, name="field_progress"),
    path("fields/<uuid:field>/", fields.field, name="field"),
    path("fields/<uuid:field>/remove/", fields.field_remove, name="field_remove"),
]
