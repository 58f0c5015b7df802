"""Whether a folder is a Unity package as the package manager and the importer want it: python structure.py PACKAGE

Every file and folder has a .meta with an id of its own, JSON is JSON, assemblies are limited to the editor and to
dedicated servers, samples are where package.json says, and each native library has the import settings of its platform.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

SERVER = "UNITY_EDITOR || UNITY_SERVER || WXSUB_STANDALONE"
#: By file: the editor's system and the standalone platform.
PLUGINS = {"libwxsub.so": ("Linux", "Linux64"), "wxsub.dll": ("Windows", "Win64")}


def is_imported(path: Path) -> bool:
    """Not a folder that ends in "~", nor what is in it; but the samples are copied into projects with their .meta."""
    hidden = [part for part in path.parts if part.endswith("~")]
    return not hidden or (hidden == ["Samples~"] and path.name != "Samples~")


def metas(package: Path) -> None:
    """One beside each asset, none without one, no id twice."""
    assets = [p for p in package.rglob("*") if p.suffix != ".meta" and is_imported(p.relative_to(package))]
    for asset in assets:
        meta = asset.with_name(asset.name + ".meta")
        assert meta.is_file(), f"{asset} has no .meta"
        text = meta.read_text()
        assert re.search(r"(?m)^fileFormatVersion: 2$", text), meta
        assert re.search(r"(?m)^guid: [0-9a-f]{32}$", text), meta
        assert ("folderAsset: yes" in text) == asset.is_dir(), meta
        assert re.search(r"(?m)^\w+Importer:$", text), meta
    for meta in package.rglob("*.meta"):
        assert meta.with_suffix("").exists(), f"{meta} has no file"
    guids = Counter(re.findall(r"guid: (\w+)", "\n".join(m.read_text() for m in package.rglob("*.meta"))))
    assert max(guids.values()) == 1, [guid for guid, n in guids.items() if n > 1]
    print(f"ok      {len(assets)} assets, each with its .meta")


def manifest(package: Path) -> None:
    facts = json.loads((package / "package.json").read_text())
    assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+){2,}", facts["name"]), facts["name"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", facts["version"]), facts["version"]
    assert re.fullmatch(r"\d{4}\.\d", facts["unity"]), facts["unity"]
    assert facts["samples"], "it has samples"
    for sample in facts["samples"]:
        assert sample["displayName"] and sample["description"]
        assert list((package / sample["path"]).glob("*.cs")), sample["path"]
    print(f"ok      package.json: {facts['name']} {facts['version']}")


def assemblies(package: Path) -> None:
    names = {}
    for path in package.rglob("*.asmdef"):
        facts = json.loads(path.read_text())
        assert path.stem == facts["name"], path
        names[facts["name"]] = facts
        editor_only = facts["includePlatforms"] == ["Editor"]
        assert editor_only or facts["defineConstraints"] == [SERVER], f"{path} is for players, too"
        assert editor_only or "WebGL" in facts["excludePlatforms"], path
        assert not facts["allowUnsafeCode"], path
    for name, facts in names.items():
        assert set(facts["references"]) <= set(names), name
    for source in package.rglob("*.cs"):
        assert any(list(folder.glob("*.asmdef")) for folder in source.parents), f"{source} is in no assembly"
    print(f"ok      assemblies: {', '.join(sorted(names))}")


def plugins(package: Path) -> None:
    found = [p for p in package.rglob("*") if p.suffix in (".so", ".dll", ".dylib")]
    assert found, "it has a native library"
    for path in found:
        system, platform = PLUGINS[path.name]
        text = path.with_name(path.name + ".meta").read_text()
        blocks = [
            re.match(r"      ([^\n]*)\n    second:\n      enabled: (\d)\n      settings:(.*)", block, re.S).groups()
            for block in text.split("  - first:\n")[1:]
        ]
        assert len(blocks) == 7, text
        enabled = {first for first, on, _ in blocks if on == "1"}
        assert enabled == {"Editor: Editor", f"Standalone: {platform}"}, (path, enabled)
        of_editor = next(settings for first, _, settings in blocks if first == "Editor: Editor")
        assert f"OS: {system}\n" in of_editor and "CPU: x86_64\n" in of_editor, of_editor
        of_any = next(settings for first, _, settings in blocks if first == ": Any")
        excluded = re.findall(r"Exclude (\w+): 1", of_any)
        assert sorted(excluded) == sorted({"Linux64", "OSXUniversal", "Win", "Win64"} - {platform}), excluded
        print(f"ok      {path.relative_to(package)}: editor on {system}, {platform}")


if __name__ == "__main__":
    for check in (metas, manifest, assemblies, plugins):
        check(Path(sys.argv[1]))
