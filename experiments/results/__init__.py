"""A search as typed values: what came of it, and what is recommended."""

from .answer_words import answer_line
from .export import ExportError, Provenance, export_answer, export_loss
from .frames import summary_html, trials_frame, verdict_html
from .reading import SearchReading, task_of, verdict_of
from .recommendation import Answer
from .search_document import SearchDocument, SearchSummary
from .trial_row import TrialRow
from .verdict_rows import VerdictRow

__all__ = [
    "Answer",
    "ExportError",
    "Provenance",
    "SearchDocument",
    "SearchReading",
    "SearchSummary",
    "TrialRow",
    "VerdictRow",
    "answer_line",
    "export_answer",
    "export_loss",
    "summary_html",
    "task_of",
    "trials_frame",
    "verdict_html",
    "verdict_of",
]
