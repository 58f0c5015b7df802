"""The package declares exactly what include/wxsub.h declares."""

from __future__ import annotations

import ctypes
import dataclasses
import re
import unittest
from typing import Any, Dict, List, Tuple

import support
from wxsub import ABI, Answer, Flags, HttpEnd, LogLevel, Quota, Retry, Stats, Status, _native

HEADER = support.CHECKOUT / "include" / "wxsub.h"

TYPES: Dict[str, Any] = {
    "void": None,
    "int32_t": ctypes.c_int32,
    "wxsub_status": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "char": ctypes.c_char,
    "const char *": ctypes.c_char_p,
    "char *": ctypes.POINTER(ctypes.c_char),
    "void *": ctypes.c_void_p,
    "wxsub_client *": ctypes.c_void_p,
    "const wxsub_client *": ctypes.c_void_p,
    "wxsub_client **": ctypes.POINTER(ctypes.c_void_p),
    "wxsub_result *": ctypes.POINTER(_native.RawResult),
    "wxsub_identity *": ctypes.POINTER(_native.RawIdentity),
    "wxsub_stats *": ctypes.POINTER(_native.RawStats),
    "const wxsub_http_request *": ctypes.POINTER(_native.RawHttpRequest),
    "wxsub_http_response *": ctypes.POINTER(_native.RawHttpResponse),
    "int64_t *": ctypes.POINTER(ctypes.c_int64),
    "uint64_t *": ctypes.POINTER(ctypes.c_uint64),
    "size_t *": ctypes.POINTER(ctypes.c_size_t),
    "ptrdiff_t *": ctypes.POINTER(ctypes.c_ssize_t),
    "wxsub_log_fn": _native.LogFn,
    "wxsub_destroy_fn": _native.DestroyFn,
    "wxsub_http_fn": _native.HttpFn,
}


def declarations() -> str:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.S)
    return re.sub(r"//[^\n]*", "", text).replace("struct wxsub_client", "wxsub_client")


def split(parameters: str) -> List[Tuple[str, str]]:
    """``const char *key, size_t n`` as [("const char *", "key"), ("size_t", "n")]."""
    found = []
    for parameter in parameters.split(","):
        match = re.fullmatch(r"(?:struct )?(.*?[\s*])(\w+)", parameter.strip().replace("const struct ", "const "))
        if match:
            found.append((match[1].strip(), match[2]))
    return found


def types(parameters: str) -> List[Any]:
    return [TYPES[kind] for kind, _ in split(parameters)]


def fields(struct: str) -> List[Tuple[str, Any]]:
    """The fields of a struct, as ctypes wants them."""
    body = re.search(rf"typedef struct {struct} {{(.*?)}}", declarations(), re.S)
    assert body
    found: List[Tuple[str, Any]] = []
    for line in filter(None, map(str.strip, body[1].split(";"))):
        match = re.fullmatch(r"(.*?[\s*])(\w+)(?:\[(\d+)\])?", line)
        assert match, line
        kind: Any = TYPES[match[1].strip()]
        if f"{match[2]}_len;" in body[1]:  # bytes, which no NUL ends
            kind = TYPES["char *"]
        found.append((match[2], kind * int(match[3]) if match[3] else kind))
    return found


@unittest.skipUnless(HEADER.is_file(), "not in a checkout: no header to compare with")
class Header(unittest.TestCase):
    def test_every_function_is_declared_with_its_types(self) -> None:
        declared: Dict[str, Tuple[Any, List[Any]]] = {}
        for returns, name, takes in re.findall(r"^([\w ]+[ *])(wxsub_\w+)\(([^;{]*?)\);", declarations(), re.M | re.S):
            declared[name] = (TYPES[returns.strip()], types(takes))
        self.assertGreaterEqual(len(declared), 23)
        self.assertEqual(declared, _native.SIGNATURES)
        for name, (returns, takes) in declared.items():
            function = getattr(_native.lib, name)
            self.assertEqual((function.restype, list(function.argtypes)), (returns, takes), name)

    def test_every_callback_has_its_types(self) -> None:
        found = re.findall(r"typedef (\w+) \(\*(\w+)\)\((.*?)\);", declarations(), re.S)
        self.assertEqual({name for _, name, _ in found}, {name for name in TYPES if name.endswith("_fn")})
        for returns, name, takes in found:
            self.assertEqual(TYPES[name]._restype_, TYPES[returns], name)
            self.assertEqual(list(TYPES[name]._argtypes_), types(takes), name)

    def test_the_structs_have_the_same_layout(self) -> None:
        self.assertEqual(fields("wxsub_result"), list(_native.RawResult._fields_))
        self.assertEqual(ctypes.sizeof(_native.RawResult), 448)
        self.assertEqual(_native.RawResult.message.offset + _native.RawResult.message.size, 448)
        self.assertEqual(_native.new_result().struct_size, 448)
        self.assertEqual(fields("wxsub_identity"), list(_native.RawIdentity._fields_))
        self.assertEqual(ctypes.sizeof(_native.RawIdentity), 200)
        self.assertEqual(_native.new_identity().struct_size, 200)
        self.assertEqual(fields("wxsub_stats"), list(_native.RawStats._fields_))
        self.assertEqual(ctypes.sizeof(_native.RawStats), 208)
        self.assertEqual(_native.new_stats().struct_size, 208)
        self.assertEqual([f.name for f in dataclasses.fields(Stats)], [name for name, _ in fields("wxsub_stats")[2:]])
        self.assertEqual(fields("wxsub_http_request"), list(_native.RawHttpRequest._fields_))
        self.assertEqual(fields("wxsub_http_response"), list(_native.RawHttpResponse._fields_))

    def test_every_constant_has_its_number(self) -> None:
        header = {
            name: int(number) for name, number in re.findall(r"^#define WXSUB_(\w+) (\d+)$", declarations(), re.M)
        }
        ours = {"ABI": ABI}
        ours.update(("OK" if s is Status.OK else f"E_{s.name}", int(s)) for s in Status)
        ours.update((f"RETRY_{r.name}", int(r)) for r in Retry)
        ours.update((f"QUOTA_{q.name}", int(q)) for q in Quota)
        ours.update((f"LOG_{level.name}", int(level)) for level in LogLevel)
        ours.update((f"HTTP_{end.name}", int(end)) for end in HttpEnd)
        ours.update((str(a.name), int(a)) for a in Answer)
        ours.update((str(f.name), int(f)) for f in Flags)
        self.assertEqual(ours, header)

    def test_the_library_calls_the_statuses_the_same(self) -> None:
        for status in Status:
            self.assertEqual(status.c_name, "WXSUB_OK" if status is Status.OK else f"WXSUB_E_{status.name}")
        self.assertEqual(Status(999).c_name, "WXSUB_E_?")


if __name__ == "__main__":
    unittest.main()
