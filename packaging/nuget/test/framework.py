"""The packages that the SDK asks for and that no registry here has, as far as a build needs them: the runtime's own
libraries stand for the reference assemblies. python framework.py SHARED FEED, SHARED being Microsoft.NETCore.App/2.2.x
"""

import sys
import zipfile
from pathlib import Path

NUSPEC = """<?xml version="1.0"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata>
<id>{name}</id><version>{version}</version><authors>test</authors><description>for tests</description>
</metadata></package>
"""

#: Which platform falls back to which.
RUNTIMES = '{"runtimes": {"any": {"#import": []}, "linux": {"#import": ["any"]}, "linux-x64": {"#import": ["linux"]}}}'


def write(feed: Path, name: str, version: str, framework: str, shared: Path) -> None:
    with zipfile.ZipFile(feed / f"{name}.{version}.nupkg", "w") as package:
        package.writestr(f"{name}.nuspec", NUSPEC.format(name=name, version=version))
        package.writestr("runtime.json", RUNTIMES)
        for library in sorted(shared.glob("*.dll")):
            if library.name.startswith("System.") or library.name in ("netstandard.dll", "mscorlib.dll"):
                package.write(library, f"ref/{framework}/{library.name}")


if __name__ == "__main__":
    shared, feed = Path(sys.argv[1]), Path(sys.argv[2])
    write(feed, "Microsoft.NETCore.App", "2.2.0", "netcoreapp2.2", shared)
    write(feed, "NETStandard.Library", "2.0.3", "netstandard2.0", shared)
