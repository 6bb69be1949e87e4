"""Writes reports into a folder: ``report.json``, ``report.md`` and ``report.ko.md``."""

from __future__ import annotations

from pathlib import Path

from evaluation.progress import say
from evaluation.reports.markdown import comparison_markdown, run_markdown
from evaluation.reports.models import ComparisonReport, RunReport
from evaluation.run_folder import write_record, write_text

REPORT = "report.json"


def write_report(folder: Path, report: ComparisonReport | RunReport) -> None:
    """Write the three files, and say where they are. Raises EvaluationError."""
    write_record(folder / REPORT, report)
    for name, language in (("report.md", "en"), ("report.ko.md", "ko")):
        write_text(folder / name, markdown(report, language))
    say(f"The report is in {folder / 'report.md'}, and in Korean in {folder / 'report.ko.md'}.")


def markdown(report: ComparisonReport | RunReport, language: str) -> str:
    """The report as Markdown."""
    if isinstance(report, RunReport):
        return run_markdown(report, language)
    return comparison_markdown(report, language)
