"""`make audit`: known vulnerabilities of the pinned packages, and a list of them as CycloneDX."""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path("requirements.lock")
SBOM = Path("sbom.cdx.json")
_LINES = 3


def main() -> int:
    """Write the list, look the packages up; 1 where one is vulnerable, 0 also where unknown."""
    bom = [sys.executable, "-m", "cyclonedx_py", "requirements", str(LOCK)]
    options = ["--pyproject", "pyproject.toml", "--output-reproducible", "-o", str(SBOM)]
    subprocess.run([*bom, *options], check=True)
    say(f"{SBOM}: {len(json.loads(SBOM.read_text())['components'])} packages, as CycloneDX")
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--no-deps"]
    options = ["--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    code, lines = judged(done.stdout, done.stderr)
    for line in lines:
        say(line)
    return code


def judged(report: str, errors: str) -> tuple[int, list[str]]:
    """Exit code and what to say of pip-audit's JSON, or of what it complained of instead.

    It calls packages that its database does not answer for "not found", and is content: that no
    package at all was found means that nothing was looked up.
    """
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        why = " ".join(errors.split())[-300:]
        return 0, [f"audit skipped: the database of vulnerabilities was not reached: {why}"]
    unknown = [each for each in packages if "skip_reason" in each]
    if len(unknown) == len(packages):
        return 0, ["audit skipped: the database of vulnerabilities answered for no package"]
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}"
        for each in packages
        for flaw in each.get("vulns", ())
    ]
    names = ", ".join(each["name"] for each in unknown[:_LINES])
    looked_up = f"{len(packages) - len(unknown)} of {len(packages)} packages were looked up"
    summary = f"{looked_up}{f'; not {names} and others' if unknown else ''}; {len(found)} flaws"
    return int(bool(found)), [*found, summary]


def say(line: str) -> None:
    """Write one line to standard output."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
