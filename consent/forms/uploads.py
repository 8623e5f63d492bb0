"""Files that are uploaded on the pages of consent: small, and kept in memory."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from consent.services import MAX_SCAN_BYTES

MAX_BYTES = MAX_SCAN_BYTES


class MemoryUpload(FileUploadHandler):
    """Takes a file into memory and never to a disk; of more than may be kept, just enough to be
    refused in words."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.kept = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.content = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self.kept <= MAX_BYTES:
            self.content.write(raw_data)
            self.kept += len(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[bytes]:
        size = self.content.tell()
        self.content.seek(0)
        return InMemoryUploadedFile(
            self.content, self.field_name, self.file_name or "", None, size, None
        )
