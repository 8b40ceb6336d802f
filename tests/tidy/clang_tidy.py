#!/usr/bin/env python3
"""Runs clang-tidy (.clang-tidy at the root) over the sources of a build: core, modules, sdk; tests are left out.

    tests/tidy/clang_tidy.py BUILD [--jobs 2] [--nodes 10000] [file ...]

--nodes bounds how far the analyzer follows each function; 225000 is its own default and takes some 20 times as long.
Ends with 77 (skipped) where clang-tidy is not installed.
"""
import argparse, concurrent.futures, json, pathlib, shutil, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def sources(build):
    found = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if not path.is_relative_to(ROOT) or path.is_relative_to(build):
            continue
        parts = path.relative_to(ROOT).parts
        if parts[0] in ("core", "modules", "sdk") and "tests" not in parts:
            found.add(path)
    return sorted(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=10000)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    build = options.build.resolve()
    if not shutil.which("clang-tidy"):
        print("skipped: clang-tidy is not installed")
        return 77
    files = [path.resolve() for path in options.files] or sources(build)
    command = ["clang-tidy", "-p", str(build), "--quiet", "--extra-arg=-Wno-unknown-warning-option"]
    for argument in ("-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={options.nodes}"):
        command.append(f"--extra-arg={argument}")

    def check(path):
        return path, subprocess.run(command + [str(path)], capture_output=True, text=True)

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for path, done in pool.map(check, files):
            if done.returncode == 0:
                continue
            bad += 1
            print(done.stdout or done.stderr, flush=True)
    print(f"{len(files)} files, {bad} with findings")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
