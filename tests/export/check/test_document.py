from pathlib import Path

from export.check import FIXES, RULES, rules_document

ROOT = Path(__file__).parents[3]


def test_document_is_in_step_with_the_rules() -> None:
    text = (ROOT / "docs" / "tensorrt-check.md").read_text(encoding="utf-8")
    assert text == rules_document() + "\n", "see the document's first line for how to write it"


def test_document_names_every_rule_and_fix() -> None:
    text = rules_document()
    assert all(f"| `{name}` |" in text for name in (*RULES, *FIXES))
