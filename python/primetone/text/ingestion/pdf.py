"""PDF to text through pdfium, in a package of the extra ``pdf``."""

from __future__ import annotations

from primetone.errors import FormatError, MissingExtraError
from primetone.text.ingestion.pages import PAGE_END

__all__ = ["read_pdf", "require_pdfium"]

_HEAD_BYTES = 1024
# pdfium puts this where a line ends in the hyphen of a divided word, and leaves out the line end
_DIVISION = "\ufffe"


def require_pdfium() -> None:
    """MissingExtraError when there is no pdfium."""
    try:
        import pypdfium2  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "reading PDF needs pypdfium2, which is not installed: pip install 'primetone[pdf]'"
        ) from error


def read_pdf(path: str) -> str:
    """The text of all pages, with a form feed between them; lines are those of the page.

    Errors: FormatError for what is no PDF, damaged beyond repair, or encrypted.
    """
    import pypdfium2
    import pypdfium2.raw as pdfium

    with open(path, "rb") as file:
        if b"%PDF-" not in file.read(_HEAD_BYTES):
            raise FormatError("expected a PDF, found something else: it does not begin with %PDF-")
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD:
            raise FormatError(
                "it is encrypted and opens only with a password: save it without one"
            ) from None
        raise FormatError(f"it is damaged: {error}") from None
    try:
        pages = []
        for number in range(len(document)):
            try:
                page = document[number]
                text = page.get_textpage()
            except pypdfium2.PdfiumError as error:
                raise FormatError(f"its page {number + 1} is damaged: {error}") from None
            lines = text.get_text_range().replace("\r\n", "\n").replace("\f", "\n")
            pages.append(lines.replace(_DIVISION, "-\n"))
            text.close()
            page.close()
    finally:
        document.close()
    if not any(map(str.strip, pages)):
        raise FormatError(
            f"there is no text in its {len(pages)} pages: a scan has to go through character "
            "recognition (OCR) first"
        )
    return PAGE_END.join(pages)
