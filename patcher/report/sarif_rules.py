# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue's rules as SARIF reporting descriptors (SARIF 2.1.0, section 3.49)."""

from patcher.auditing.rows import rules
from patcher.catalogue import SensitiveInsn

Object = dict[str, object]


def rule_to_sarif(rule: str) -> Object:
    """A rule with its help; all its rows say the same but for their encodings."""
    rows = rules()[rule]
    row = rows[0]
    kind = "a hole: it does not trap" if row.is_hole else "privileged: it traps by itself"
    return {
        "id": rule,
        "name": "".join(word.capitalize() for word in rule.split("-")),
        "shortDescription": {"text": f"{row.name} is {kind} when deprivileged."},
        "fullDescription": {"text": row.breaks},
        "help": {"text": _help(rows), "markdown": _markdown(rows)},
        "defaultConfiguration": {"level": "warning" if row.is_hole else "note"},
        "properties": {"tags": ["virtualization", row.family], "precision": "high"},
    }


def _facts(rows: tuple[SensitiveInsn, ...]) -> list[tuple[str, str]]:
    row = rows[0]
    facts = [
        ("What breaks", row.breaks),
        ("Who may run it", row.runs_at.value),
        ("Encodings", ", ".join(str(one.key) for one in rows)),
        ("Modes", ", ".join(f"{bits}-bit" for bits in sorted(row.modes))),
        ("Manual", row.manual),
    ]
    if row.robin_irvine is not None:
        facts.append(("Robin and Irvine", f"number {row.robin_irvine.number}, rule {row.robin_irvine.rule}"))
    return facts


def _help(rows: tuple[SensitiveInsn, ...]) -> str:
    return "\n".join(f"{name}: {text}" for name, text in _facts(rows))


def _markdown(rows: tuple[SensitiveInsn, ...]) -> str:
    return "\n".join(f"- **{name}:** {text}" for name, text in _facts(rows))
