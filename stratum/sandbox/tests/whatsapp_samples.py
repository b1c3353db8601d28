"""The recorded samples of WhatsApp's wire. `OUT` are the platform's answers, by name."""

import json
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parents[3] / "whatsapp" / "tests" / "clients" / "fixtures"
OUT: dict[str, dict[str, Any]] = {
    path.stem: sample
    for path in sorted(SAMPLES.glob("*.json"))
    if (sample := json.loads(path.read_text()))["_direction"] == "out"
}


def webhook(name: str) -> dict[str, Any]:
    """The body of a recorded webhook."""
    found: dict[str, Any] = json.loads((SAMPLES / f"webhook_{name}.json").read_text())["request"]["body"]
    return found
