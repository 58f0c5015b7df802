#!/bin/sh
# Writes the .meta files that are missing. Unity wants one beside every file and folder of a package, with an id that
# stays the same for ever: here it is made from the path, so that writing one again gives the same. Removes those whose
# file is gone.
#
#   tests/meta.sh [FOLDER]     # default: the package that this file lies in
set -eu

cd "${1:-"$(dirname "$0")/.."}"

# plugin OS PLATFORM: a native library for the editor and the standalone platform of that system, 64 bit.
# Editor/ServerOnly.cs leaves it out of what is no dedicated server.
plugin() {
    printf 'PluginImporter:\n  externalObjects: {}\n  serializedVersion: 2\n  iconMap: {}\n  executionOrder: {}\n'
    printf '  defineConstraints: []\n  isPreloaded: 0\n  isOverridable: 0\n  isExplicitlyReferenced: 0\n'
    printf '  validateReferences: 1\n  platformData:\n'
    printf '  - first:\n      : Any\n    second:\n      enabled: 0\n      settings:\n        Exclude Editor: 0\n'
    for p in Linux64 OSXUniversal Win Win64; do
        printf '        Exclude %s: %s\n' "$p" "$(test "$p" = "$2" && echo 0 || echo 1)"
    done
    printf '  - first:\n      Any: \n    second:\n      enabled: 0\n      settings: {}\n'
    printf '  - first:\n      Editor: Editor\n    second:\n      enabled: 1\n      settings:\n'
    printf '        CPU: x86_64\n        DefaultValueInitialized: true\n        OS: %s\n' "$1"
    for p in Linux64 OSXUniversal Win Win64; do
        printf '  - first:\n      Standalone: %s\n    second:\n' "$p"
        if test "$p" = "$2"; then
            printf '      enabled: 1\n      settings:\n        CPU: x86_64\n'
        else
            printf '      enabled: 0\n      settings:\n        CPU: None\n'
        fi
    done
}

importer() {
    case "$1" in
        *.cs) printf 'MonoImporter:\n  externalObjects: {}\n  serializedVersion: 2\n  defaultReferences: []\n'
              printf '  executionOrder: 0\n  icon: {instanceID: 0}\n' ;;
        *.so) plugin Linux Linux64 ;;
        *.dll) plugin Windows Win64 ;;
        *.asmdef) printf 'AssemblyDefinitionImporter:\n  externalObjects: {}\n' ;;
        package.json) printf 'PackageManifestImporter:\n  externalObjects: {}\n' ;;
        *.md) printf 'TextScriptImporter:\n  externalObjects: {}\n' ;;
        *) printf 'DefaultImporter:\n  externalObjects: {}\n' ;;
    esac
    printf '  userData: \n  assetBundleName: \n  assetBundleVariant: \n'
}

# Unity does not look into folders that end in "~"; what is in Samples~ is copied into a project together with its .meta.
find . -mindepth 1 ! -name '*.meta' ! -name '.*' ! -name '*~' \( ! -path '*~*' -o -path './Samples~/*' \) | sed 's|^\./||' | while read -r asset; do
    test ! -f "$asset.meta" || continue
    {
        printf 'fileFormatVersion: 2\n'
        printf 'guid: %s\n' "$(printf 'com.wxsub.client/%s' "$asset" | md5sum | cut -c1-32)"
        test ! -d "$asset" || printf 'folderAsset: yes\n'
        importer "$asset"
    } > "$asset.meta"
done

find . -name '*.meta' | while read -r meta; do
    test -e "${meta%.meta}" || rm "$meta"
done
