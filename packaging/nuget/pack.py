"""Writes a NuGet package as `dotnet pack` would, of a folder that is laid out like one: python pack.py CSPROJ FOLDER OUT

What the package is called and says of itself is read from the project file, so that both ways tell the same. A package is
a zip by the Open Packaging Conventions: beside the files, it lists their types, and relates the whole to its manifest and
to a part with the core properties.
"""

import sys
import uuid
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

NUSPEC = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
  <metadata>
    <id>{PackageId}</id>
    <version>{Version}</version>
    <authors>{Authors}</authors>
    <requireLicenseAcceptance>false</requireLicenseAcceptance>
    <license type="expression">{PackageLicenseExpression}</license>
    <readme>{PackageReadmeFile}</readme>
    <description>{Description}</description>
    <tags>{tags}</tags>
    <dependencies>
      <group targetFramework=".NETStandard2.0" />
    </dependencies>
  </metadata>
</package>
"""

RELATIONSHIPS = """<?xml version="1.0" encoding="utf-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
  <Relationship Type="http://schemas.microsoft.com/packaging/2010/07/manifest" Target="/{PackageId}.nuspec" Id="R1" />
  <Relationship Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" \
Target="/{properties}" Id="R2" />
</Relationships>
"""

PROPERTIES = """<?xml version="1.0" encoding="utf-8"?>
<coreProperties xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns="http://schemas.openxmlformats.org/package/2006/metadata/core-properties">
  <dc:creator>{Authors}</dc:creator>
  <dc:description>{Description}</dc:description>
  <dc:identifier>{PackageId}</dc:identifier>
  <version>{Version}</version>
  <keywords>{tags}</keywords>
</coreProperties>
"""


def facts(project: Path) -> "dict[str, str]":
    """The project file's properties, ready for XML."""
    properties = {node.tag: node.text or "" for group in ET.parse(project).iter("PropertyGroup") for node in group}
    if properties["TargetFramework"] != "netstandard2.0":
        raise SystemExit(f"{project} is for {properties['TargetFramework']}, and this package for netstandard2.0")
    properties["tags"] = properties["PackageTags"].replace(";", " ")
    properties["properties"] = f"package/services/metadata/core-properties/{uuid.uuid4().hex}.psmdcp"
    return {name: escape(value) for name, value in properties.items()}


def content_types(names: "list[str]") -> str:
    """What kind of thing each file is: by its ending, or by name where it has none."""
    known = {"rels": "application/vnd.openxmlformats-package.relationships+xml"}
    known["psmdcp"] = "application/vnd.openxmlformats-package.core-properties+xml"
    endings = sorted({name.rpartition(".")[2] for name in names if "." in name.rpartition("/")[2]})
    bare = [name for name in names if "." not in name.rpartition("/")[2]]
    lines = ['<?xml version="1.0" encoding="utf-8"?>']
    lines.append('<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">')
    for ending in endings:
        kind = known.get(ending, "application/octet")
        lines.append(f"  <Default Extension={quoteattr(ending)} ContentType={quoteattr(kind)} />")
    for name in bare:
        lines.append(f'  <Override PartName={quoteattr("/" + name)} ContentType="application/octet" />')
    return "\n".join([*lines, "</Types>", ""])


def main(project: Path, folder: Path, out: Path) -> None:
    given = facts(project)
    parts = {
        "_rels/.rels": RELATIONSHIPS.format(**given),
        f"{given['PackageId']}.nuspec": NUSPEC.format(**given),
        given["properties"]: PROPERTIES.format(**given),
    }
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    if given["PackageReadmeFile"] not in files:
        raise SystemExit(f"{folder} has no {given['PackageReadmeFile']}")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", content_types([*parts, *files]))
        for name, text in parts.items():
            package.writestr(name, text)
        for name, path in files.items():
            package.writestr(name, path.read_bytes())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
