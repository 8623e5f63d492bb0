"""The language messages are written in: compiled once for a mailing, rendered for each recipient.

An author writes HTML with merge fields; ``compile_content`` refuses what is not on its lists and
prepares the rest; ``render`` makes one recipient's message of it. The portal renders the same
compiled content, so a patient sees what was approved.
"""

from delivery.content.compiler import CompiledContent, compile_content
from delivery.content.language import RESERVED_FIELDS, ContentError
from delivery.content.rendering import Rendered, render
from delivery.content.wire import WireContent

__all__ = [
    "RESERVED_FIELDS",
    "CompiledContent",
    "ContentError",
    "Rendered",
    "WireContent",
    "compile_content",
    "render",
]
