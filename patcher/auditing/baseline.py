# SPDX-License-Identifier: GPL-2.0-or-later
"""Only what is new: findings that an earlier report does not have, told by their fingerprints.

Fingerprints are counted, not just known: a second function of one name with the same bytes is new. File names do not
take part, so a report of one build is a baseline for the next.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from patcher.auditing.model import AuditReport, FileReport, Finding


def all_findings(files: Iterable[FileReport]) -> Iterator[Finding]:
    """Every finding of every program."""
    for file in files:
        for binary in file.binaries:
            yield from binary.findings


@dataclass
class Baseline:
    """How often each fingerprint may still come without being new."""

    known: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, report: AuditReport) -> "Baseline":
        return cls(Counter(finding.fingerprint for finding in all_findings(report.files)))

    def is_new(self, finding: Finding) -> bool:
        """Ask once for each finding."""
        mark = finding.fingerprint
        if self.known[mark] > 0:
            self.known[mark] -= 1
            return False
        return True

    def only_new(self, file: FileReport) -> FileReport:
        """The file's report with its new findings; verdicts stay about the whole file."""
        binaries = tuple(
            replace(binary, findings=tuple(filter(self.is_new, binary.findings))) for binary in file.binaries
        )
        return replace(file, binaries=binaries)
