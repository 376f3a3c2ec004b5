"""A search as a page to read, to send around and to keep: one HTML file that needs no network.

Importing this package imports neither Plotly nor Jinja. `pictures` has a file for each picture.
"""

from .write import REPORT_NEEDS, answer_of, report_html, write_report

__all__ = ["REPORT_NEEDS", "answer_of", "report_html", "write_report"]
