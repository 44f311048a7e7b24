#!/usr/bin/env python3
"""Lists the public interface of the library, from rustdoc's JSON, and compares it with docs/api.txt.

    python3 tests/api.py            fails where docs/api.txt differs, or where a limit is exceeded
    python3 tests/api.py --accept   writes docs/api.txt

Each type, trait, function, method, field and variant is one line with its signature. Every item must be reachable by one path
only. Rustdoc's JSON is not stable, so its version is that of the compiler at hand; the list does not depend on it.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = ROOT / "docs" / "api.txt"
MAX_ITEMS, MAX_METHODS = 71, 170                            # types, traits and functions; methods
COUNTED = ("struct", "enum", "union", "trait", "type_alias", "function", "macro")


def load():
    """Rustdoc's index of the crate, with all features."""
    environment = {**os.environ, "RUSTC_BOOTSTRAP": "1", "RUSTDOCFLAGS": "-Z unstable-options --output-format json"}
    command = ["cargo", "doc", "-q", "--locked", "--no-deps", "-p", "keystead", "--all-features"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return json.loads((target / "doc" / "keystead.json").read_text(encoding="utf-8"))


def arguments(args):
    if not args:
        return ""
    if "parenthesized" in args:
        inside = args["parenthesized"]
        output = " -> " + text(inside["output"]) if inside["output"] else ""
        return "(" + ", ".join(map(text, inside["inputs"])) + ")" + output
    inside = args.get("angle_bracketed", args)
    parts = []
    for one in inside.get("args", []):
        kind, value = next(iter(one.items())) if isinstance(one, dict) else (one, "_")
        parts.append(value if kind == "lifetime" else text(value) if kind == "type" else value.get("expr", "_"))
    for one in inside.get("constraints", []):
        bound = one["binding"]
        parts.append(one["name"] + (" = " + text(bound["equality"]["type"]) if "equality" in bound
                                    else ": " + bounds(bound["constraint"])))
    return "<" + ", ".join(parts) + ">" if parts else ""


def bounds(all_of):
    def one(bound):
        if "outlives" in bound:
            return bound["outlives"]
        if "trait_bound" not in bound:
            return "use<..>"
        trait = bound["trait_bound"]
        return ("?" if trait["modifier"] == "maybe" else "") + path(trait["trait"])
    return " + ".join(map(one, all_of))


def path(found):
    return found.get("path", found.get("name", "?")).split("::")[-1] + arguments(found.get("args"))


def text(kind):
    """A type as Rust writes it, its names without their modules."""
    if isinstance(kind, str):
        return "_"
    name, value = next(iter(kind.items()))
    match name:
        case "resolved_path":
            return path(value)
        case "generic" | "primitive":
            return value
        case "borrowed_ref":
            lifetime = value["lifetime"] + " " if value["lifetime"] else ""
            return "&" + lifetime + ("mut " if value["is_mutable"] else "") + text(value["type"])
        case "slice":
            return f"[{text(value)}]"
        case "array":
            return f"[{text(value['type'])}; {value['len']}]"
        case "tuple":
            return "(" + ", ".join(map(text, value)) + ("," if len(value) == 1 else "") + ")"
        case "impl_trait":
            return "impl " + bounds(value)
        case "dyn_trait":
            return "dyn " + " + ".join(path(one["trait"]) for one in value["traits"])
        case "qualified_path":
            trait = f"<{text(value['self_type'])} as {path(value['trait'])}>" if value["trait"] else text(value["self_type"])
            return f"{trait}::{value['name']}"
        case _:
            return name


def signature(function, generics):
    inputs = []
    for name, kind in function["inputs"]:
        shown = text(kind)
        inputs.append({"Self": "self", "&Self": "&self", "&mut Self": "&mut self"}.get(shown, f"self: {shown}")
                      if name == "self" else f"{name}: {shown}")
    output = " -> " + text(function["output"]) if function["output"] else ""
    return f"{generics}({', '.join(inputs)}){output}"


def generic(params):
    shown = [one["name"] for one in params["params"] if not ("type" in one["kind"] and one["kind"]["type"]["is_synthetic"])]
    return "<" + ", ".join(shown) + ">" if shown else ""


class Lister:
    def __init__(self, crate):
        self.index = crate["index"]
        self.lines, self.paths, self.items, self.methods = [], {}, 0, 0
        self.module(crate["root"], "keystead")

    def item(self, number):
        return self.index.get(str(number))

    def module(self, number, where):
        for child in self.item(number)["inner"]["module"]["items"]:
            child = self.item(child)
            if child is None:
                continue
            inner = child["inner"]
            name = child["name"]
            if "use" in inner:
                name, child = inner["use"]["name"], self.item(inner["use"]["id"])
                if child is None:
                    continue
            if "module" in child["inner"]:
                self.lines.append(f"mod {where}::{name}")
                self.module(child["id"], f"{where}::{name}")
            else:
                self.one(child, f"{where}::{name}")

    def one(self, item, where):
        kind, inner = next(iter(item["inner"].items()))
        self.paths.setdefault(item["id"], []).append(where)
        if len(self.paths[item["id"]]) > 1:
            return
        self.items += kind in COUNTED
        if kind == "function":
            self.lines.append(f"fn {where}{signature(inner['sig'], generic(inner['generics']))}")
            return
        about = ": " + text(inner["type"]) if kind == "constant" else generic(inner["generics"]) if "generics" in inner else ""
        about += " = " + text(inner["type"]) if kind == "type_alias" else ""
        self.lines.append(f"{kind.replace('type_alias', 'type')} {where}{about}")
        children = inner.get("variants", []) or (inner.get("kind", {}) if kind == "struct" else {})
        if isinstance(children, dict):
            children = children.get("plain", {}).get("fields", [])
        children = children + (inner.get("items", []) if kind == "trait" else [])
        for number in inner.get("impls", []):
            block = self.item(number)["inner"]["impl"]
            if block["trait"] is None:
                children = children + block["items"]
            elif not block["is_synthetic"] and block["blanket_impl"] is None:
                self.lines.append(f"impl {path(block['trait'])} for {where}")
        for number in children:
            self.member(self.item(number), where)

    def member(self, item, where):
        if item is None or item["visibility"] not in ("public", "default"):
            return
        kind, inner = next(iter(item["inner"].items()))
        name = f"{where}::{item['name']}"
        match kind:
            case "function":
                self.methods += 1
                self.lines.append(f"fn {name}{signature(inner['sig'], generic(inner['generics']))}")
            case "struct_field":
                self.lines.append(f"field {name}: {text(inner)}")
            case "assoc_const":
                self.lines.append(f"const {name}: {text(inner['type'])}")
            case "variant":
                self.lines.append(f"variant {name}")
                fields = inner["kind"]
                for number in fields.get("struct", {}).get("fields", []) if isinstance(fields, dict) else []:
                    self.member({**self.item(number), "visibility": "public"}, name)
            case _:
                self.lines.append(f"{kind} {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help="write docs/api.txt")
    accept = parser.parse_args().accept
    found = Lister(load())
    lines = sorted(set(found.lines), key=lambda line: (line.split(" ", 1)[1].split("(")[0], line))
    wrong = [f"reachable by two paths: {', '.join(paths)}" for paths in found.paths.values() if len(paths) > 1]
    if found.items > MAX_ITEMS or found.methods > MAX_METHODS:
        wrong.append(f"more than {MAX_ITEMS} types, traits and functions, or {MAX_METHODS} methods")
    listed = LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else []
    if accept:
        LIST.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        wrong += [f"- {line}" for line in listed if line not in lines] + [f"+ {line}" for line in lines if line not in listed]
    print(f"{found.items} types, traits and functions (at most {MAX_ITEMS}); {found.methods} methods (at most {MAX_METHODS})")
    for what in wrong:
        print(f"    {what}")
    if wrong:
        sys.exit("the public interface is not that of docs/api.txt; where it should be, run `python3 tests/api.py --accept`")


if __name__ == "__main__":
    main()
