#!/usr/bin/env python3
"""Lints the tree: include arrows, library corners, banned calls, headers that compile alone, pages that exist.

    tests/tidy/tidy.py [--cohort BUILD/bin/cohort]

With --cohort the settings tables of the module pages are compared with what the program prints.
"""
import argparse, pathlib, re, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
problems = []


def problem(path, line, text):
    problems.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            yield path


# Which library headers belong to which corner of the tree (DESIGN section 2).
CORNERS = {
    "uv.h": ["core/loop_uv.c"],
    "jansson.h": ["core/codec_json.c"],
    "ltdl.h": ["core/loader.c"],
    "lmdb.h": ["modules/store_lmdb/"],
    "microhttpd.h": ["modules/http/"],
    "ldns/": ["modules/dns/"],
    "curl/": ["modules/check_http/", "core/cli/"],
}

BANNED = {
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|alloca)\s*\(": "unbounded; use snprintf, co_buffer or an arena",
    r"\b(sleep|usleep)\s*\(": "blocks the loop; use co_timer",
    r"\brand\s*\(": "not random enough; use co_random_below",
}


def check_includes():
    for path in sources("core", "modules", "include", "sdk"):
        relative = path.relative_to(ROOT).as_posix()
        is_test = "/tests/" in relative
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            name = match.group(2)
            for library, corners in CORNERS.items():
                inside = any(relative.startswith(corner) for corner in corners)
                if (name == library or (library.endswith("/") and name.startswith(library))) and not inside and not is_test:
                    problem(path, number, f"<{name}> belongs to {', '.join(corners)}")
            if is_test:
                continue
            if relative.startswith("modules/") and (name.startswith("core/") or name == "core.h"):
                problem(path, number, "a module includes from core/; modules see include/cohort/ only")
            if relative.startswith("include/") and match.group(1) == '"' and "/" in name:
                problem(path, number, "a public header includes from outside include/cohort/")
            other = re.match(r"(?:\.\./)?(\w+)/(\w+)\.h$", name)
            if relative.startswith("modules/") and other and other.group(1) not in ("cohort", relative.split("/")[1]):
                # Another module is reached only through the header that carries its name.
                if (ROOT / "modules" / other.group(1)).is_dir() and other.group(1) != other.group(2):
                    problem(path, number, f"private header of module {other.group(1)}")


def check_calls():
    for path in sources("core", "modules", "sdk"):
        if "/tests/" in path.as_posix():
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = re.sub(r'"(\\.|[^"\\])*"|/\*.*?\*/|//.*', "", line)
            for pattern, why in BANNED.items():
                if re.search(pattern, code):
                    problem(path, number, f"banned call: {why}")


def check_headers():
    for path in sources("include"):
        done = subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", str(path), f"-I{ROOT}/include"],
                              capture_output=True, text=True)
        if done.returncode:
            problem(path, 1, "does not compile alone: " + done.stderr.splitlines()[0])


def check_pages(cohort):
    for directory in sorted((ROOT / "modules").iterdir()):
        if not (directory / "CMakeLists.txt").exists():
            continue
        page = directory / "README.md"
        descriptor = directory / f"{directory.name}_module.c"
        if not page.exists():
            problem(directory / "CMakeLists.txt", 1, "the module has no README.md")
            continue
        if not descriptor.exists():
            problem(directory / "CMakeLists.txt", 1, f"the module has no {descriptor.name}")
        if not cohort:
            continue
        done = subprocess.run([cohort, "modules", "describe", "-format=json", directory.name], capture_output=True, text=True)
        if done.returncode:
            problem(page, 1, f"`cohort modules describe {directory.name}` fails: {done.stderr.strip() or done.stdout.strip()}")
            continue
        import json
        for setting in json.loads(done.stdout).get("Settings", []):
            if f"`{setting['Key']}`" not in page.read_text():
                problem(page, 1, f"the setting `{setting['Key']}` is missing from the page")


def check_fragments(cohort):
    """Every HCL fragment of the pages, and every file in etc/, is a configuration that the program accepts."""
    if not cohort:
        return
    pages = [ROOT / "README.md", *sorted((ROOT / "modules").glob("*/README.md"))]
    texts = [(path, path.read_text()) for path in [ROOT / "etc/agent.conf", *sorted((ROOT / "etc/examples").iterdir())]]
    for page in pages:
        texts += [(page, block) for block in re.findall(r"```hcl\n(.*?)```", page.read_text(), re.S)]
    with tempfile.TemporaryDirectory() as folder:
        for path, text in texts:
            file = pathlib.Path(folder, "fragment.hcl")
            file.write_text(text + ("" if re.search(r"^data_dir", text, re.M) else f'\ndata_dir = "{folder}/data"\n'))
            done = subprocess.run([cohort, "validate", str(file)], capture_output=True, text=True)
            if done.returncode:
                problem(path, 1, "a fragment is refused by `cohort validate`: " + done.stderr.strip().replace(folder + "/", ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohort", help="the program, to compare pages with")
    arguments = parser.parse_args()
    check_includes()
    check_calls()
    check_headers()
    check_pages(arguments.cohort)
    check_fragments(arguments.cohort)
    for text in problems:
        print(text)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
