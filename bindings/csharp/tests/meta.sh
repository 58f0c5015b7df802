#!/bin/sh
# Writes the .meta files that are missing. Unity wants one beside every file and folder of a package, with an id that
# stays the same for ever: here it is made from the path, so that writing one again gives the same. Removes those whose
# file is gone.
set -eu

cd "$(dirname "$0")/.."

importer() {
    case "$1" in
        *.cs) printf 'MonoImporter:\n  externalObjects: {}\n  serializedVersion: 2\n  defaultReferences: []\n'
              printf '  executionOrder: 0\n  icon: {instanceID: 0}\n' ;;
        *.asmdef) printf 'AssemblyDefinitionImporter:\n  externalObjects: {}\n' ;;
        package.json) printf 'PackageManifestImporter:\n  externalObjects: {}\n' ;;
        *.md) printf 'TextScriptImporter:\n  externalObjects: {}\n' ;;
        *) printf 'DefaultImporter:\n  externalObjects: {}\n' ;;
    esac
    printf '  userData: \n  assetBundleName: \n  assetBundleVariant: \n'
}

find . -mindepth 1 ! -name '*.meta' ! -name '.*' ! -path '*~*' | sed 's|^\./||' | while read -r asset; do
    test ! -f "$asset.meta" || continue
    {
        printf 'fileFormatVersion: 2\n'
        printf 'guid: %s\n' "$(printf 'com.wxsub.wxsub/%s' "$asset" | md5sum | cut -c1-32)"
        test ! -d "$asset" || printf 'folderAsset: yes\n'
        importer "$asset"
    } > "$asset.meta"
done

find . -name '*.meta' | while read -r meta; do
    test -e "${meta%.meta}" || rm "$meta"
done
