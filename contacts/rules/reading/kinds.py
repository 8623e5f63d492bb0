"""Which kind of file this is, by its content. Names lie, and may hold a patient's name."""

import zipfile
import zlib
from typing import BinaryIO

from contacts.rules.reading.table import FileProblem, Kind, empty_file

HEAD_OCTETS = 8192

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_FHIR_ENDINGS = (".ndjson", ".jsonl", ".json")
_AS_WORKBOOK = "Open it in Excel, choose File, Save As, “Excel Workbook (.xlsx)”, and upload that."
_OTHERS = (
    (b"%PDF", "a PDF. Ask for the list as an Excel workbook or a CSV file"),
    (b"\x1f\x8b", "a compressed file. Unpack it and upload what is inside"),
    (b"7z\xbc\xaf\x27\x1c", "a compressed file. Unpack it and upload what is inside"),
    (b"Rar!", "a compressed file. Unpack it and upload what is inside"),
    (b"BZh", "a compressed file. Unpack it and upload what is inside"),
    (b"\x28\xb5\x2f\xfd", "a compressed file. Unpack it and upload what is inside"),
    (b"{\\rtf", "a text document. Ask for the list as an Excel workbook or a CSV file"),
    (b"MSH|", "a file of HL7 version 2 messages. Export the patients as CSV or FHIR R4"),
    (b"FHS|", "a file of HL7 version 2 messages. Export the patients as CSV or FHIR R4"),
    (b"PAR1", "a Parquet file. Export the patients as CSV"),
    (b"SQLite format 3", "a database. Export the patients as CSV"),
)
_MARKUP = (b"<!doctype", b"<html", b"<table", b"<head", b"<meta", b"<style", b"<body", b"<div")


def kind_of(file: BinaryIO) -> Kind:
    """The kind of a file that can be read. Raises FileProblem with what to do instead."""
    file.seek(0)
    head = file.read(HEAD_OCTETS)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.strip(b"\0"):
        raise empty_file()
    if head.startswith(_ZIP):
        return _kind_of_archive(file)
    if head.startswith(_OLE):
        raise _old_or_locked(file, head)
    for signature, what in _OTHERS:
        if start.startswith(signature):
            raise FileProblem(f"This is {what}.")
    if start[:16].lower().startswith(_MARKUP):
        raise FileProblem(f"This is a web page, whatever its name says. {_AS_WORKBOOK}")
    if start.startswith(b"<?xml"):
        raise FileProblem(
            "This is XML, which cannot be read here. Save a spreadsheet as “Excel Workbook"
            " (.xlsx)”, or export records as FHIR R4 in JSON or NDJSON."
        )
    return Kind.FHIR if start.startswith((b"{", b"[")) else Kind.CSV


def is_record_file(name: str) -> bool:
    """Whether a member of an archive, by its name, holds FHIR resources."""
    last = name.rpartition("/")[2]
    hidden = last.startswith(".") or name.startswith("__MACOSX/")
    return not hidden and last.lower().endswith(_FHIR_ENDINGS)


def _kind_of_archive(file: BinaryIO) -> Kind:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError):
        raise FileProblem(
            "The file is damaged or was not uploaded whole. Export it again, and upload that."
        ) from None
    names = [member.filename for member in members]
    if any(member.flag_bits & 1 for member in members):
        raise FileProblem("The archive has a password. Unpack it and upload what is inside.")
    if "xl/workbook.bin" in names:
        raise FileProblem(f"This is a binary Excel workbook (.xlsb). {_AS_WORKBOOK}")
    if any(name.startswith("xl/") for name in names):
        return Kind.XLSX
    if "mimetype" in names or any(name.startswith(("word/", "ppt/", "Index/")) for name in names):
        raise FileProblem(f"This is a document, but not an Excel workbook. {_AS_WORKBOOK}")
    if any(is_record_file(name) for name in names):
        return Kind.FHIR
    raise FileProblem(
        "This archive holds neither an Excel workbook nor FHIR files (.ndjson, .json). Unpack it"
        " and upload the file with the patients."
    )


def _old_or_locked(file: BinaryIO, head: bytes) -> FileProblem:
    """Old workbooks and locked new ones share a container; its directory tells them apart."""
    octets = 1 << min(int.from_bytes(head[30:32], "little"), 12)
    sector = int.from_bytes(head[48:52], "little")
    file.seek((sector + 1) * octets)
    if _ENCRYPTED in file.read(HEAD_OCTETS) or _ENCRYPTED in head:
        return FileProblem(
            "The workbook is protected by a password. Open it in Excel, choose File, Info, Protect"
            " Workbook, Encrypt with Password, delete the password, save, and upload it again."
        )
    return FileProblem(f"This is an old Excel workbook (.xls). {_AS_WORKBOOK}")
