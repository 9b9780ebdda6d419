#!/usr/bin/env python3
"""Draws functions whose comments claim that the order of two steps matters.

Lists the functions of 30 lines or more in the engine, the plugins and the command line tool (tests
left out), keeps those with a comment inside that speaks of an order, and prints them in the order
that a seed gives. Each function's place comes from the seed, its file and its name alone, so a new
function does not move the others.

    tests/orderings/draw.py            # twenty functions, the default seed
    tests/orderings/draw.py 7 --count 40 --comments
"""

import argparse
import hashlib
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ("engine/*/src", "plugins/*/src", "cli/src")
MIN_LINES = 30
SEED = 20
COUNT = 20

FUNCTION = re.compile(r"^(?P<indent> *)(?:pub(?:\([^)]*\))? )?(?:const |async |unsafe )*fn (?P<name>\w+)")
ORDER = re.compile(
    r"\b(before|after|afterwards|first|then|last|only now|only once|not until|until|earlier|later|"
    r"already|once|order|precedes?|follows?)\b",
    re.IGNORECASE,
)


def source_files():
    """The .rs files of the sources that are not tests, sorted."""
    for pattern in SOURCES:
        for folder in sorted(ROOT.glob(pattern)):
            for file in sorted(folder.rglob("*.rs")):
                parts = file.relative_to(folder).parts
                if not any(part.removesuffix(".rs").split("_")[-1] in ("test", "tests") for part in parts):
                    yield file


def functions(file):
    """Name, first line and lines of every function of the file, down to its test module.

    rustfmt puts a function's closing brace at the indent of its `fn`, so no parser is needed.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    for start, line in enumerate(lines):
        if line.strip().startswith("#[cfg(test)]"):
            follows = next((other for other in lines[start + 1 :] if other.strip()), "")
            if follows.rstrip().endswith("{"):
                return
        found = FUNCTION.match(line)
        if not found:
            continue
        closing = found["indent"] + "}"
        for end in range(start, len(lines)):
            if lines[end] == closing:
                yield found["name"], start + 1, lines[start : end + 1]
                break
            if end == start and lines[end].rstrip().endswith(("}", ";")):
                break


def order_comments(body):
    """The comments inside a function that speak of an order, one text each."""
    texts, run = [], []
    for line in [*body, ""]:
        stripped = line.strip()
        if stripped.startswith("//") and not stripped.startswith("///"):
            run.append(stripped.lstrip("/ "))
            continue
        if run:
            texts.append(" ".join(run))
        run = []
    return [text for text in texts if ORDER.search(text)]


def candidates():
    """Every long function with such a comment: crate path, function, line, comments."""
    for file in source_files():
        for name, line, body in functions(file):
            if len(body) >= MIN_LINES:
                comments = order_comments(body)
                if comments:
                    yield file.relative_to(ROOT), name, line, len(body), comments


def place_of(seed, candidate):
    """Where a function stands in the draw of this seed."""
    file, name = candidate[:2]
    return hashlib.sha256(f"{seed} {file.as_posix()} {name}".encode()).digest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seed", nargs="?", type=int, default=SEED, help=f"default {SEED}")
    parser.add_argument("--count", type=int, default=COUNT, help=f"how many to draw, default {COUNT}")
    parser.add_argument("--comments", action="store_true", help="show the comments too")
    asked = parser.parse_args()

    found = list(candidates())
    drawn = sorted(found, key=lambda candidate: place_of(asked.seed, candidate))[: asked.count]
    print(f"seed {asked.seed}: {len(drawn)} of {len(found)} functions of {MIN_LINES} lines or more")
    for place, (file, name, line, length, comments) in enumerate(drawn, start=1):
        print(f"{place:3} {file}:{line} {name} ({length} lines)")
        if asked.comments:
            for comment in comments:
                print(f"      {comment}")


if __name__ == "__main__":
    main()
