"""FHIR R4: what is read from a patient's records, and how it is put together."""
