"""Run the conformance suite against an implementation of Lispier.

    python tests/lisp/run.py --command "lispier run" [--check "lispier check"] [SECTION/NAME...]

Every program is given to ``command``, with its arguments behind it; programs that are only
checked are given to ``check``. An exit status of 0 says that all of them did what their heads
promise. ``--no-places`` is for implementations whose errors have no places.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time

from conformance import ROOT, Case, Outcome, cases, complaints

TIMED_OUT = -1


def main() -> int:
    """Run what the command line asks for; 0 when every program kept its promise."""
    options = _options()
    chosen = [case for case in cases() if _wanted(case, options.programs)]
    failed, skipped, start = 0, 0, time.perf_counter()
    for case in chosen:
        if not case.runs and not options.check:
            skipped += 1
            continue
        outcome = _run(case, options.command if case.runs else options.check, options.timeout)
        wrong = list(complaints(case, outcome, places=options.places))
        failed += bool(wrong)
        if wrong or options.verbose:
            print(f"{'FAIL' if wrong else 'ok  '} {case.name}", flush=True)
        for text in wrong:
            print(f"     {text}")
        if wrong and outcome.errors:
            print("".join(f"     | {line}\n" for line in outcome.errors.splitlines()), end="")
    seconds = time.perf_counter() - start
    passed = len(chosen) - failed - skipped
    print(f"{passed} passed, {failed} failed, {skipped} skipped in {seconds:.0f} s")
    return 1 if failed or not chosen else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the conformance suite of Lispier.")
    parser.add_argument("programs", nargs="*", help="a section or the beginning of names")
    parser.add_argument("--command", required=True, help='runs a program: "lispier run"')
    parser.add_argument("--check", default="", help='checks a program: "lispier check"')
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for each program")
    parser.add_argument("--no-places", dest="places", action="store_false")
    parser.add_argument("--verbose", "-v", action="store_true", help="name what passes too")
    return parser.parse_args()


def _wanted(case: Case, prefixes: list[str]) -> bool:
    return not prefixes or any(case.name.startswith(prefix) for prefix in prefixes)


def _run(case: Case, command: str, timeout: float) -> Outcome:
    try:
        done = subprocess.run(
            [*shlex.split(command), str(case.path.relative_to(ROOT)), *case.arguments],
            cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(TIMED_OUT, "", f"ran longer than {timeout:g} s")
    texts = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
    return Outcome(done.returncode, *texts)


if __name__ == "__main__":
    sys.exit(main())
